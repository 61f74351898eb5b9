"""Training of many networks in one call."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from backproof._core.checks import not_negative, one_of, positive, whole_number
from backproof._core.errors import InputError
from backproof._core.progress import Progress, silent
from backproof.training.activations import activation_function
from backproof.training.blocks import Run
from backproof.training.checkpoint import opened
from backproof.training.data import Validation, training_data
from backproof.training.engines import chosen_engine
from backproof.training.fits import Fits
from backproof.training.loggers import Callback, CallbackError
from backproof.training.losses import LOSSES
from backproof.training.memory import check_memory
from backproof.training.optimizers import Optimizer, as_optimizer
from backproof.training.problem import Settings
from backproof.training.running import train_blocks
from backproof.training.settings import recording_on_cpu
from backproof.training.spec import ActivationLike, NetworkSpec, hidden_sizes
from backproof.training.state import STATUSES, State
from backproof.training.trained import Fit

DTYPES = {"float32": torch.float32, "float64": torch.float64}
"""The dtypes that are trained in."""

Networks = SupportsIndex | Iterable[Any]
"""Hidden sizes, each trained with every seed; or the networks themselves. Type checkers find no
common type for numbers and tuples in one list, so what it holds is checked at run time alone."""

_MOST_STEPS = 10**15  # at a microsecond each, 30 years


def fit(
    hidden: Networks,
    seeds: SupportsIndex | Iterable[SupportsIndex] | None,
    x: ArrayLike | Tensor,
    t: ArrayLike | Tensor,
    *,
    steps: int = 1000,
    learning_rate: float = 0.1,
    activation: ActivationLike = "tanh",
    loss: str = "logistic",
    optimizer: str | Optimizer = "gd",
    batch_size: int | None = None,
    weight_decay: float = 0.0,
    validation: Validation | None = None,
    patience: int | None = None,
    dtype: str = "float64",
    engine: str = "auto",
    device: str = "cpu",
    progress: Progress = silent,
    checkpoint: str | Path | None = None,
    callback: Callback | None = None,
) -> Fits:
    r"""Train every hidden size with every seed.

    Parameters
    ----------
    hidden
        Hidden sizes, each at least 1; a tuple of sizes in a list is a network with several hidden
        layers. Or `NetworkSpec`\ s, which say their seeds themselves.
    seeds
        Seeds of the initial weights, see `Network`; ``None`` where specs have them. The member
        (H, seed) of the lab's problem starts as ``FFModel(H, seed=seed)``.
    x
        Training points, shape (n, d) for all networks, or (len(seeds), n, d): a training set for
        each seed (for each network, where these are given as specs).
    t
        Targets, shape (n,) or (len(seeds), n) accordingly: labels -1 or +1 for the logistic loss,
        classes 0, …, K-1 for the softmax loss, numbers for the squared loss.
    steps
        Number of gradient steps, at least 0.
    learning_rate
        Step length; above 0.
    activation
        Activation of the hidden layers: ``tanh``, ``sigmoid``, ``relu``, ``softplus``, or a
        function of a tensor, for which autograd is used.
    loss
        ``logistic``, ``softmax`` or ``squared``; the mean over the points is minimised.
    optimizer
        ``gd``, ``momentum`` or ``adam`` with their usual constants, or one of `GradientDescent`,
        `Momentum` and `Adam` with others.
    batch_size
        Points a step learns from; each epoch takes all points in a new random order, which
        follows from the seed. ``None``: all points in each step.
    weight_decay
        Factor λ ≥ 0 of the parameters that is added to their gradient, as in `torch.optim`; the
        losses that are reported are without it.
    validation
        The share of the points, strictly between 0 and 1, that each network holds out (of each
        class alike, at random by its seed); or points and targets ``(x, t)``.
    patience
        Epochs without a smaller validation loss after which a network stops; the weights with the
        smallest one are kept. ``None``: never, and the last weights are kept.
    dtype
        ``float64`` or ``float32``.
    engine
        ``autograd``, the reference; ``batched``, hand-derived gradients of many networks at once;
        ``fused``, a compiled kernel for one hidden layer on a CPU, with the extra ``fast``; or
        ``auto``, the fastest of them that applies. All give the same results up to rounding.
    device
        Name of a PyTorch device.
    progress
        Told about ten times a second how many steps are done.
    checkpoint
        Folder in which the run keeps where it is. The same call with the same folder goes on from
        there, and ends with the same bits as if it had never been interrupted.
    callback
        Called with all networks when they are trained, such as a `TensorBoardLogger`. An exception
        that it raises does not lose them: a `CallbackError` has them, and that exception as cause.

    Returns
    -------
    Fits
        In the order of sizes, then seeds. A network whose loss is no longer finite is stopped and
        has the status ``diverged``; the others finish.

    Raises
    ------
    InputError
        If an argument is out of range, shapes or targets do not fit, the engine cannot train these
        networks, or the checkpoint is of another run.
    OutputError
        If the checkpoint cannot be written.
    CallbackError
        If the callback raises.
    """
    if callback is not None and not callable(callback):
        raise InputError(
            "callback must be a function of the trained networks, such as a TensorBoardLogger, or "
            f"None; got {callback!r}"
        )
    run = prepared(
        hidden,
        seeds,
        x,
        t,
        steps=steps,
        learning_rate=learning_rate,
        activation=activation,
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        weight_decay=weight_decay,
        validation=validation,
        patience=patience,
        dtype=dtype,
        engine=engine,
        device=device,
    )
    blocks = run.blocks()
    store = opened(checkpoint, run)
    with recording_on_cpu():
        states = train_blocks(run, blocks, store, progress)
    found = collected(run, blocks, states)
    if callback is not None:
        try:
            callback(found)
        except Exception as error:
            raise CallbackError(found, error) from error
    return found


def prepared(
    hidden: Networks,
    seeds: SupportsIndex | Iterable[SupportsIndex] | None,
    x: ArrayLike | Tensor,
    t: ArrayLike | Tensor,
    *,
    steps: int,
    learning_rate: float,
    activation: ActivationLike,
    loss: str,
    optimizer: str | Optimizer,
    batch_size: int | None,
    weight_decay: float,
    validation: Validation | None,
    patience: int | None,
    dtype: str,
    engine: str,
    device: str,
) -> Run:
    """Check the arguments of `fit` and return the run that they describe."""
    one_of("loss", loss, LOSSES)
    one_of("dtype", dtype, DTYPES)
    activation_function(activation)
    if patience is not None:
        patience = whole_number("patience", patience, at_least=1)
        if validation is None:
            raise InputError("patience needs validation: the share to hold out, or points")
    settings = Settings(
        steps=whole_number("steps", steps, at_least=0, at_most=_MOST_STEPS),
        learning_rate=positive("learning_rate", learning_rate),
        loss=loss,
        optimizer=as_optimizer(optimizer),
        batch_size=(
            None if batch_size is None else whole_number("batch_size", batch_size, at_least=1)
        ),
        weight_decay=not_negative("weight_decay", weight_decay),
        patience=patience,
        dtype=dtype,
        device=_usable_device(device),
    )
    specs, sets, number = _networks(hidden, seeds, activation)
    with recording_on_cpu():
        data = training_data(x, t, number, loss, DTYPES[dtype], validation)
    if len(data.t) == 1:
        sets = (0,) * len(specs)
    check_memory(specs, data.inputs, data.outputs, settings.steps)
    return Run(
        specs=specs,
        sets=sets,
        data=data,
        settings=settings,
        engine=chosen_engine(engine, specs, settings, data),
    )


def collected(run: Run, blocks: Sequence[Sequence[int]], states: Sequence[State]) -> Fits:
    """Return the fits of a run, given the states of its blocks."""
    fits: dict[int, Fit] = {}
    for block, state in zip(blocks, states, strict=True):
        layers = [layer.cpu() for layer in state.present_layers()]
        steps = state.present_steps()
        for row, number in enumerate(block):
            losses, validation = state.losses[row], state.validation[row]
            fits[number] = Fit(
                spec=run.specs[number],
                status=STATUSES[state.status[row]],
                steps=int(steps[row]),
                # Copies: a view would keep the whole block, also in a pickle.
                losses=losses[: _length(losses)].copy(),
                validation_losses=validation[: _length(validation)].copy(),
                validation_loss=_validation_loss(validation, run.settings.patience),
                loss=run.settings.loss,
                layers=tuple(layer[row].clone() for layer in layers),
            )
    return Fits([fits[number] for number in range(len(fits))], engine=run.engine)


def _validation_loss(values: NDArray[np.float64], patience: int | None) -> float | None:
    """Return the validation loss of the weights that are kept: with patience, the least."""
    known = values[: _length(values)]
    if not len(known):
        return None
    return float(known[-1] if patience is None else np.nanmin(known))


def _length(values: NDArray[np.float64]) -> int:
    """Return the number of entries up to the last one that is a number."""
    known = np.flatnonzero(~np.isnan(values))
    return int(known[-1]) + 1 if len(known) else 0


def _networks(
    hidden: Networks,
    seeds: SupportsIndex | Iterable[SupportsIndex] | None,
    activation: ActivationLike,
) -> tuple[tuple[NetworkSpec, ...], tuple[int, ...], int]:
    """Return the networks, the index of the training set of each, and how many sets there are."""
    entries = list(hidden) if isinstance(hidden, Iterable) else [hidden]
    if entries and all(isinstance(entry, NetworkSpec) for entry in entries):
        if seeds is not None:
            raise InputError("networks given as specs have their seeds; leave out seeds")
        if activation != "tanh":
            raise InputError("networks given as specs have their activation; leave it out here")
        specs = tuple(entry for entry in entries if isinstance(entry, NetworkSpec))
        for spec in specs:
            activation_function(spec.activation)
        return specs, tuple(range(len(specs))), len(specs)
    if seeds is None:
        raise InputError("seeds must be given: a whole number of at least 0, or several")
    sizes = hidden_sizes(hidden if isinstance(hidden, (str, bytes)) else entries)
    members = _seeds(seeds)
    found = [
        (NetworkSpec(hidden=size, seed=seed, activation=activation), number)
        for size in sizes
        for number, seed in enumerate(members)
    ]
    return tuple(spec for spec, _ in found), tuple(number for _, number in found), len(members)


def _seeds(seeds: SupportsIndex | Iterable[SupportsIndex]) -> list[int]:
    entries = list(seeds) if isinstance(seeds, Iterable) else [seeds]
    if not entries:
        raise InputError("seeds must hold at least one number, got none")
    return [whole_number("seeds", entry, at_least=0) for entry in entries]


def _usable_device(device: str) -> str:
    try:
        found = torch.device(device)
        torch.empty(0, device=found).cpu()
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r} cannot be used: {reason}") from None
    return "cpu" if found.type == "cpu" else str(found)
