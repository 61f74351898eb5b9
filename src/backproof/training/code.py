"""A trained network as Python code that needs nothing but NumPy."""

from textwrap import indent
from typing import Any

from backproof._core.errors import InputError
from backproof.training.trained import Fit

_FORMULAS = {
    "tanh": "np.tanh(a)",
    "sigmoid": "np.exp(-np.logaddexp(0, -a))",
    "relu": "np.maximum(a, 0)",
    "softplus": "np.logaddexp(0, a)",
}

_TEMPLATE = '''\
"""{title}."""

import numpy as np

# A row an input of the layer, a column an output; the biases beside them.
{weights}

def activation(a):
    return {formula}


def score(x):
    """Return the scores of points x, shape (n, {inputs})."""
    h = np.asarray(x, dtype=float)
{layers}
{end}
'''

_CLASSIFY = {
    "logistic": '''

def classify(x):
    """Return the classes of points x, -1 or +1."""
    return np.where(score(x) < 0, -1, 1)
''',
    "softmax": '''

def classify(x):
    """Return the classes of points x, 0, 1, …"""
    return score(x).argmax(axis=1)
''',
    "squared": "",
}


def python_code(fit: Fit) -> str:
    """Return a network as the text of a Python module with `score` and, of classes, `classify`.

    Parameters
    ----------
    fit
        The network. Its weights stand in the text with every digit.

    Raises
    ------
    InputError
        If its activation is a function without a name, or a weight is not finite.
    """
    name = fit.spec.activation
    if not isinstance(name, str):
        raise InputError(
            "a network whose activation is a function of one's own cannot be written as code; save "
            "as_module().state_dict() instead"
        )
    if not all(bool(layer.isfinite().all()) for layer in fit.layers):
        raise InputError("a network with weights that are not finite cannot be written as code")
    last = len(fit.layers)
    steps = [
        f"h = activation(h @ W{number} + b{number})"
        if number < last
        else f"h = h @ W{number} + b{number}"
        for number in range(1, last + 1)
    ]
    end = "return h[:, 0]" if fit.outputs == 1 else "return h"
    code = _TEMPLATE.format(
        title=f"A network with {fit.spec}, {fit.steps} steps",
        weights="\n".join(
            f"W{number} = np.array({_rows(layer[:-1].tolist())})\n"
            f"b{number} = np.array({layer[-1].tolist()})"
            for number, layer in enumerate(fit.layers, start=1)
        ),
        formula=_FORMULAS[name],
        inputs=fit.inputs,
        layers=indent("\n".join(steps), "    "),
        end=indent(end, "    "),
    )
    return code + _CLASSIFY[fit.loss]


def _rows(rows: list[Any]) -> str:
    inner = "".join(f"    {row},\n" for row in rows)
    return f"[\n{inner}]"
