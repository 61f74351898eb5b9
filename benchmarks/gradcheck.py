"""`gradcheck.check` against the checkers of PyTorch, JAX and SciPy, side by side in one process.

    python benchmarks/gradcheck.py                     # network, detection, localisation
    python benchmarks/gradcheck.py operators           # PyTorch's operator database, long
    python benchmarks/gradcheck.py operators --every 10 --seeds 1

Prints Markdown. Times are medians; every engine runs on one thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import torch
from jax.test_util import check_grads
from scipy.optimize import check_grad
from torch import Tensor, nn
from torch.autograd import Function

from backproof.datasets import lab_mixture
from backproof.gradcheck import Verdict, check
from backproof.training import FFModel, mean_logistic_loss
from operator_table import print_table

POINTS = 200
HIDDEN = 500
ENTRIES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="?", choices=("network", "operators"), default="network")
    parser.add_argument("--every", type=int, default=1, help="take one operator of so many")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--most", type=int, default=None, help="samples an operator at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    if options.what == "operators":
        print_table(options.every, options.seeds, options.most)
        return
    verdict_times()
    detected_errors()
    localised_entries()


# The lab's network


class Corrupted(Function):
    """The identity, with certain entries of the gradient multiplied."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, entries: Sequence[int], factor: float) -> Tensor:
        """Return a copy of x."""
        ctx.entries, ctx.factor = list(entries), factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        """Return the incoming gradient but for the entries."""
        gradient = upstream[0].clone()
        gradient.view(-1)[ctx.entries] *= ctx.factor
        return gradient, None, None


class Planted(nn.Module):
    """The lab's network as a function of its parameters in one vector, errors planted."""

    def __init__(self, hidden: int, entries: Sequence[int], factor: float) -> None:
        super().__init__()
        self.model = FFModel(hidden, seed=3)
        self.shapes = [parameter.shape for parameter in self.model.parameters()]
        self.all = nn.Parameter(
            torch.cat([p.detach().reshape(-1) for p in self.model.parameters()])
        )
        self.model.requires_grad_(False)
        self.entries, self.factor = entries, factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of x."""
        corrupted = Corrupted.apply(self.all, self.entries, self.factor)  # type: ignore[no-untyped-call]
        parts = torch.split(corrupted, [shape.numel() for shape in self.shapes])
        w1, b1, w, b = (part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True))
        return torch.tanh(x @ w1 + b1) @ w + b


def data(points: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    x, t = lab_mixture().sample(points, seed=1)
    return torch.tensor(x), partial(mean_logistic_loss, t=torch.tensor(t))


def verdict_times() -> None:
    """Time the verdict on the right gradient against the other checkers."""
    x, loss = data(POINTS)
    model = FFModel(HIDDEN, seed=3)
    parameters = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}

    def function(*values: Tensor) -> Tensor:
        state = dict(zip(parameters, values, strict=True))
        return loss(torch.func.functional_call(model, state, (x,)))

    values = tuple(parameters.values())
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "backproof check": (lambda: check(model, x, loss=loss), 15),
        "torch gradcheck, slow": (lambda: torch.autograd.gradcheck(function, values), 3),
        "torch gradcheck, fast": (
            lambda: torch.autograd.gradcheck(function, values, fast_mode=True),
            15,
        ),
        "JAX check_grads, reverse mode": (_jax_check(model, x), 5),
        "SciPy check_grad, forward differences": (_scipy_check(function, values), 3),
    }
    times = {name: _median(run, repeats) for name, (run, repeats) in ways.items()}
    report = check(model, x, loss=loss)
    print(f"\nRight gradient, 2-{HIDDEN}-1, N = {POINTS}: {report.verdict}, ", end="")
    print(f"{report.evaluations} evaluations\n")
    print("| checker | ms | against backproof |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {1000 * seconds:.1f} | {seconds / times['backproof check']:.2g} |")


def _jax_check(model: FFModel, x: Tensor) -> Callable[[], None]:
    jnp = jax.numpy
    points = jnp.asarray(x.numpy())
    labels = jnp.asarray(lab_mixture().sample(POINTS, seed=1)[1])
    values = [jnp.asarray(p.detach().numpy()) for p in model.parameters()]

    def function(w1: Any, b1: Any, w: Any, b: Any) -> Any:
        scores = jnp.tanh(points @ w1 + b1) @ w + b
        return jnp.mean(jnp.logaddexp(0.0, -labels * scores))

    run: Callable[..., None] = check_grads
    return lambda: run(jax.jit(function), values, order=1, modes=["rev"])


def _scipy_check(
    function: Callable[..., Tensor], values: tuple[Tensor, ...]
) -> Callable[[], float]:
    def split(flat: np.ndarray[Any, Any]) -> list[Tensor]:
        parts = torch.split(torch.from_numpy(flat), [value.numel() for value in values])
        return [part.reshape(v.shape) for part, v in zip(parts, values, strict=True)]

    def value(flat: np.ndarray[Any, Any]) -> float:
        with torch.no_grad():
            return float(function(*split(flat)))

    def gradient(flat: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        own = [part.clone().requires_grad_() for part in split(flat)]
        found = torch.autograd.grad(function(*own), own)
        return torch.cat([one.reshape(-1) for one in found]).numpy()

    start = torch.cat([value_.detach().reshape(-1) for value_ in values]).numpy()
    return lambda: float(check_grad(value, gradient, start))


def detected_errors() -> None:
    """Count the single wrong entries that are found, against the size of the error."""
    x, loss = data(POINTS)
    chosen = np.random.default_rng(0).permutation(4 * HIDDEN + 1)[:ENTRIES]
    print(f"\nOne wrong entry among {4 * HIDDEN + 1}, {ENTRIES} entries tried: share found\n")
    print("| relative error | backproof | gradcheck slow | gradcheck fast |\n|---|---|---|---|")
    for error in (1e-9, 1e-8, 1e-7, 1e-5, 1e-3, 1e-1, 1.0, 10.0):
        ours = slow = fast = 0
        for entry in chosen:
            planted = Planted(HIDDEN, [int(entry)], 1 + error)
            report = check(planted, x, loss=loss, seed=int(entry), localize=False)
            ours += report.verdict is Verdict.DISAGREE
            fast += not _passes(planted, x, loss, fast=True)
        if error >= 1e-3:
            for entry in chosen[:8]:
                slow += not _passes(Planted(HIDDEN, [int(entry)], 1 + error), x, loss, fast=False)
        shown = f"{slow / 8:.0%}" if error >= 1e-3 else "not run"
        print(f"| {error:g} | {ours / ENTRIES:.0%} | {shown} | {fast / ENTRIES:.0%} |")


def _passes(planted: Planted, x: Tensor, loss: Callable[[Tensor], Tensor], *, fast: bool) -> bool:
    def function(values: Tensor) -> Tensor:
        return loss(torch.func.functional_call(planted, {"all": values}, (x,)))

    values = planted.all.detach().clone().requires_grad_()
    return bool(torch.autograd.gradcheck(function, values, fast_mode=fast, raise_exception=False))


def localised_entries() -> None:
    """Count the evaluations that it takes to name wrong entries."""
    print("\nNaming wrong entries, the verdict included\n")
    print("| parameters | wrong | error | tries | all named | evaluations, median | most | naive |")
    print("|---|---|---|---|---|---|---|---|")
    x, loss = data(POINTS)
    for wrong, error in ((1, 1e-2), (3, 1e-2), (10, 1e-2), (1, 1e-6)):
        _named(HIDDEN, wrong, 1 + error, 20, x, loss)
    x, loss = data(20)
    _named(250_000, 1, None, 3, x, loss)


def _named(
    hidden: int,
    wrong: int,
    factor: float | None,
    tries: int,
    x: Tensor,
    loss: Callable[[Tensor], Tensor],
) -> None:
    """Print one row; without a factor the error is a tenth of the largest entry."""
    size = 4 * hidden + 1
    named, evaluations = 0, []
    for number in range(tries):
        entries = np.random.default_rng(number).permutation(size)[:wrong].tolist()
        planted = Planted(hidden, entries, 1.0 if factor is None else factor)
        if factor is None:
            gradient = torch.autograd.grad(loss(planted(x)), planted.all)[0]
            planted.factor = 1 + 0.1 * float(gradient.abs().max() / gradient[entries[0]].abs())
        report = check(planted, x, loss=loss, seed=number)
        found = {entry.index[0] for entry in report.tensors[0].wrong}
        named += found == set(entries)
        evaluations.append(report.evaluations)
    error = "10 % of the largest" if factor is None else f"{factor - 1:.0e}"
    middle = statistics.median(evaluations)
    print(
        f"| {size} | {wrong} | {error} | {tries} | {named} | {middle:.0f} | {max(evaluations)} "
        f"| {2 * size} |"
    )


def _median(run: Callable[[], Any], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
