"""What the tape costs: a training step with it, beside the plain step and PyTorch's own tools.

Prints, as Markdown, the time of one step of a network of three layers as a ratio to the plain step
(median of interleaved rounds, one thread), under `tape.explain()`, without looking at values, under
anomaly mode and under DebugMode; then how much memory 10 000 steps under the tape add.
"""

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from backproof import tape

Way = Callable[[], AbstractContextManager[Any]]

ROUNDS = 7
LOOP = 10_000
_GROWTH = "--growth"


def main() -> None:
    """Print both tables; with --growth, only the memory of a loop in this process."""
    if _GROWTH in sys.argv:
        print(_growth())
        return
    torch.set_num_threads(1)
    ways = _ways()
    print(f"| network (plain step) | {' | '.join(ways)} |")
    print("|---|" + "---|" * len(ways))
    for width, batch, optimizer, steps in (
        (64, 32, torch.optim.SGD, 200),
        (64, 32, torch.optim.Adam, 200),
        (1024, 256, torch.optim.SGD, 10),
    ):
        step = _training(width, batch, optimizer)
        plain, times = _times(step, ways, steps)
        cells = [f"{times[name] / plain:.2f}" for name in ways]
        size = f"{plain * 1e6:.0f} µs" if plain < 1e-3 else f"{plain * 1e3:.1f} ms"
        print(f"| {width} wide, {optimizer.__name__} ({size}) | {' | '.join(cells)} |")
    command = [sys.executable, __file__, _GROWTH]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"\nMemory that {LOOP} steps under the tape add: {float(done.stdout):.1f} MB.")


def _ways() -> dict[str, Way]:
    ways: dict[str, Way] = {
        "tape": tape.explain,
        "tape, values=False": lambda: tape.explain(values=False),
        "anomaly mode": torch.autograd.detect_anomaly,
        "anomaly mode without NaN check": lambda: torch.autograd.detect_anomaly(check_nan=False),
    }
    try:
        from torch.utils._debug_mode import DebugMode
    except ImportError:  # it is private, and younger than the oldest PyTorch supported
        return ways
    return ways | {"DebugMode": DebugMode, "DebugMode with stacks": lambda: DebugMode(
        record_stack_trace=True, record_torchfunction=True
    )}  # fmt: skip


def _training(
    width: int, batch: int, optimizer_type: type[torch.optim.Optimizer]
) -> Callable[[], None]:
    """Return one training step of a network of three layers."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )
    optimizer: Any = optimizer_type(model.parameters(), lr=1e-4)  # type: ignore[call-arg]
    x, t = torch.randn(batch, width), torch.randn(batch, 1)

    def step() -> None:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), t)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _times(
    step: Callable[[], None], ways: dict[str, Way], steps: int
) -> tuple[float, dict[str, float]]:
    """Return the median seconds of a plain step, and of a step each way, run in turn."""
    found: dict[str, list[float]] = {name: [] for name in ("plain", *ways)}
    for number in range(ROUNDS + 1):
        for name, way in {"plain": nullcontext, **ways}.items():
            with way():
                step()
                begun = time.perf_counter()
                for _ in range(steps):
                    step()
                taken = (time.perf_counter() - begun) / steps
            if number:  # the first round warms up
                found[name].append(taken)
    medians = {name: statistics.median(values) for name, values in found.items()}
    return medians.pop("plain"), medians


def _growth() -> float:
    """Return how many megabytes the process grows by from step 500 of the loop to its end."""
    torch.set_num_threads(1)
    step = _training(64, 32, torch.optim.SGD)
    with tape.explain():
        for _ in range(500):
            step()
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(LOOP):
            step()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main()
