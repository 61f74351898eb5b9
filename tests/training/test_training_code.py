"""A network as code: the same scores, from NumPy alone."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backproof import datasets, training
from backproof._core.errors import InputError
from backproof.training.activations import ACTIVATIONS

X, T = datasets.lab_mixture().sample(60, seed=1)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "network.py", "exec"), names)
    return names


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [1, 7, (3, 4)])
def test_scores_and_classes_are_the_networks(activation: str, hidden: Any) -> None:
    (fit,) = training.fit([hidden], 3, X, T, steps=20, activation=activation)
    names = run(training.python_code(fit))
    points = np.concatenate([X, 1e3 * X])
    np.testing.assert_allclose(names["score"](points), fit.score(points).detach(), rtol=1e-12)
    np.testing.assert_array_equal(names["classify"](points), fit.classify(points))


def test_several_classes_and_numbers() -> None:
    classes = (T > 0) + (X[:, 0] > 0).astype(int)
    (fit,) = training.fit(4, 0, X, classes, steps=20, loss="softmax")
    names = run(training.python_code(fit))
    np.testing.assert_allclose(names["score"](X), fit.score(X).detach(), rtol=1e-12)
    np.testing.assert_array_equal(names["classify"](X), fit.classify(X))
    (fit,) = training.fit(4, 0, X, X[:, 0], steps=20, loss="squared")
    names = run(training.python_code(fit))
    np.testing.assert_allclose(names["score"](X), fit.score(X).detach(), rtol=1e-12)
    assert "classify" not in names


def test_no_digit_is_lost() -> None:
    (fit,) = training.fit(5, 0, X, T, steps=3)
    names = run(training.python_code(fit))
    for number, layer in enumerate(fit.layers, start=1):
        np.testing.assert_array_equal(names[f"W{number}"], layer[:-1])
        np.testing.assert_array_equal(names[f"b{number}"], layer[-1])


def test_it_is_a_module_that_imports_numpy_alone(tmp_path: Path) -> None:
    (fit,) = training.fit(5, 0, X, T, steps=3)
    (tmp_path / "network.py").write_text(training.python_code(fit), encoding="utf-8")
    code = "import network, sys; print(network.classify([[9.0, 0.0]]), 'torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout == f"[{int(fit.classify([[9.0, 0.0]]))}] False\n"


def test_what_cannot_be_written_is_refused() -> None:
    (fit,) = training.fit(2, 0, X, T, steps=1, activation=torch.sin)
    with pytest.raises(InputError, match="a function of one's own"):
        training.python_code(fit)
    (fit,) = training.fit(2, 0, X, T, steps=1)
    spoilt = dataclasses.replace(fit, layers=tuple(layer * torch.inf for layer in fit.layers))
    with pytest.raises(InputError, match="not finite"):
        training.python_code(spoilt)
