"""What test errors are worth, against peers: prints Markdown.

``python benchmarks/risk.py [bootstrap|macro-f1|widths|start]``; without a name all parts. A peer
that is not installed is said to be missing (the extra ``bench`` has them).
"""

import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from backproof import risk

SIZES = (1_000, 10_000, 100_000)
STARTS = 15
LOSSES: dict[str, tuple[Callable[[Any, int], Any], float]] = {
    "Beta(2, 18)": (lambda rng, n: rng.beta(2, 18, n), 0.1),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "0/1, error 0.1": (lambda rng, n: (rng.random(n) < 0.1).astype(float), 0.1),
}
# The most that may be bet on a mean above m; below it, the same of 1 - m.
GRID_BETS: dict[str, Callable[[float], float]] = {
    "betting on a grid, as published": lambda m: 0.5 / m if m else math.inf,
    "betting on a grid, confseq's defaults": lambda _: 1.0,
}
GRID_STEPS = 1_000
BOUND_SETS = 500
SETS = {100: 200, 1_000: 100, 10_000: 20}


def main() -> None:
    parts = {"bootstrap": bootstrap, "macro-f1": macro_f1, "widths": widths, "start": start}
    for name in sys.argv[1:] or parts:
        parts[name]()
        print()


def bootstrap() -> None:
    """Print times, ratios and memory of bootstraps of an error rate."""
    _compare(
        "backproof",
        ("backproof BCa", "backproof, closed form", "SciPy percentile", "SciPy BCa", "arch",
         "confidenceinterval", "torchmetrics"),
        SIZES,
    )  # fmt: skip


def macro_f1() -> None:
    """Print the same for macro-F1 with 10 classes."""
    _compare(
        "backproof macro-F1",
        (
            "backproof, counting the labels",
            "SciPy with scikit-learn",
            "confidenceinterval macro-F1",
        ),
        (SIZES[0], SIZES[-1]),
    )


def _compare(ours: str, peers: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    print("| B = 10 000 |" + "".join(f" m = {m}: s | ratio | MB |" for m in sizes))
    print("|---|" + "---|---|---|" * len(sizes))
    base = [_run(ours, m) for m in sizes]
    for name in (ours, *peers):
        cells = []
        for m, reference in zip(sizes, base, strict=True):
            found = reference if name == ours else _run(name, m)
            cells.append(_cells(found, reference))
        print(f"| {name} |{''.join(cells)}", flush=True)
    print("\n*: fewer replicates, scaled.")


def _run(name: str, examples: int) -> dict[str, Any]:
    script = Path(__file__).with_name("risk_peers.py")
    done = subprocess.run(
        [sys.executable, script, name, str(examples)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cells(found: dict[str, Any], reference: dict[str, Any]) -> str:
    if "missing" in found:
        return " not installed | | |"
    mark = "*" if found["scaled"] else ""
    ratio = found["seconds"] / reference["seconds"]
    return f" {found['seconds']:.2g}{mark} | {ratio:.3g} | {found['megabytes']:.0f} |"


def widths() -> None:
    """Print mean half-widths of 95 % intervals, and how often the bounds of peers miss."""
    print("| losses | method |" + "".join(f" n = {n} |" for n in SETS))
    print("|---|---|" + "---|" * len(SETS))
    for label, (draw, _) in LOSSES.items():
        methods: dict[str, Callable[[Any, int], float]] = {
            name: partial(_our_half_width, name) for name in risk.MEAN_METHODS
        }
        for name, most in GRID_BETS.items():
            methods[name] = partial(_grid_half_width, most)
        if label.startswith("0/1"):
            methods["clopper-pearson"] = _exact_half_width
        for name, width in methods.items():
            means = [_mean_over_sets(draw, n, width) for n in SETS]
            print(f"| {label} | {name} |" + "".join(f" {mean:.4f} |" for mean in means), flush=True)
    _upper_bounds()


def _our_half_width(method: str, losses: Any, seed: int) -> float:
    found = risk.mean_interval(losses, method=method, seed=seed)
    return (found.upper - found.lower) / 2


def _exact_half_width(losses: Any, _: int) -> float:
    found = risk.interval(int(losses.sum()), len(losses))
    return (found.upper - found.lower) / 2


def _mean_over_sets(
    draw: Callable[[Any, int], Any], n: int, of: Callable[[Any, int], float]
) -> float:
    return statistics.fmean(of(draw(np.random.default_rng(s), n), s) for s in range(SETS[n]))


def _grid_half_width(most: Callable[[float], float], losses: Any, seed: int) -> float:
    """Hedged betting, every mean of a grid tried.

    As `betting_ci` of confseq does: from one step below the least mean kept to one above the
    greatest, so that what lies between two means of the grid is kept too.
    """
    n, log = len(losses), math.log(2 / 0.05)
    x = np.random.default_rng(seed).permutation(losses)
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (seen + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (seen + 1)
    bets = np.sqrt(2 * log / (n * np.concatenate(([0.25], variances[:-1]))))
    grid = np.linspace(0, 1, GRID_STEPS + 1)
    kept = [m for m in grid if _log_capital(m, x, bets, most) <= log]
    if not kept:
        return 0.5
    lower, upper = max(0, kept[0] - 1 / GRID_STEPS), min(1, kept[-1] + 1 / GRID_STEPS)
    return float(upper - lower) / 2


def _log_capital(m: float, x: Any, bets: Any, most: Callable[[float], float]) -> float:
    with np.errstate(divide="ignore"):  # a bet of everything can lose everything
        above = np.cumsum(np.log1p(np.minimum(bets, most(m)) * (x - m)))
        below = np.cumsum(np.log1p(-np.minimum(bets, most(1 - m)) * (x - m)))
    return float(max(above.max(), below.max()))


def _upper_bounds() -> None:
    """Print one-sided bounds at 90 % beside those of MAPIE, whose default misses too often."""
    print("\n| losses, n = 500 | bound | mean excess | misses of 500, 50 allowed |")
    print("|---|---|---|---|")
    bounds: dict[str, Callable[[Any, int, float], float]] = {
        "betting": lambda x, seed, _: risk.mean_interval(x, 0.9, side="upper", seed=seed).upper,
        "MAPIE wsr": lambda x, _, mean: _mapie(x, "wsr", mean),
        "MAPIE bernstein": lambda x, _, mean: _mapie(x, "bernstein", mean),
    }
    for label, (draw, mean) in LOSSES.items():
        for name, bound in bounds.items():
            try:
                found = [
                    bound(draw(np.random.default_rng(s), 500), s, mean) for s in range(BOUND_SETS)
                ]
            except ImportError:
                print(f"| {label} | {name} | not installed | |")
                continue
            misses = sum(upper < mean for upper in found)
            print(
                f"| {label} | {name} | {statistics.fmean(found) - mean:.4f} | {misses} |",
                flush=True,
            )


def _mapie(losses: Any, bound: str, mean: float) -> float:
    """Return MAPIE's upper bound, which it looks for on a grid that its caller gives."""
    function: Any = import_module("mapie.risk_control.methods").get_r_hat_plus
    grid = mean + np.linspace(-0.05, 0.15, 81)
    columns = np.repeat(losses[:, None], len(grid), axis=1)
    return float(function(columns, grid, "rcps", bound, 0.1, 0.25)[1][0])


def start() -> None:
    """Print how long `backproof plan` takes beside the import of PyTorch, whole processes."""
    planning = [
        sys.executable,
        "-m",
        "backproof",
        "plan",
        "--margin",
        "0.01",
        "--confidence",
        "0.99",
    ]
    ours, torch = [], []
    for _ in range(STARTS):
        ours.append(_seconds(planning))
        torch.append(_seconds([sys.executable, "-c", "import torch"]))
    ratio = statistics.median(ours) / statistics.median(torch)
    print("| backproof plan (s) | import torch (s) | ratio | heavy imports |")
    print("|---|---|---|---|")
    trace = subprocess.run(
        [sys.executable, "-X", "importtime", *planning[1:]],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    imported = {line.rsplit("|", 1)[-1].strip() for line in trace.splitlines()}
    heavy = ", ".join(sorted({"torch", "matplotlib"} & imported)) or "none"
    medians = f"{statistics.median(ours):.3f} | {statistics.median(torch):.3f}"
    print(f"| {medians} | {ratio:.2f} | {heavy} |")


def _seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
