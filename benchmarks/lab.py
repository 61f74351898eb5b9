"""The lab against the plain way of doing it, side by side in one process.

Prints, as Markdown, the time of the sampling distribution (10 000 test sets of 1000) against the
plain loop (draw one set, score it with the network, count its errors), and the time and the peak
memory of the whole lab in a process of its own.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import torch

from backproof.datasets import lab_mixture
from backproof.risk import simulate_errors
from backproof.training import FFModel, single_threaded

EXAMPLES = 1000
SETS = 10_000
PLAIN_SETS = 1000  # of the 10 000; the loop's time is proportional to their number
REPEATS = 5


def main() -> None:
    print("| H | plain loop (s) | backproof (s) | ratio |")
    print("|---|---|---|---|")
    for hidden in (5, 10, 100, 500):
        plain, ours = _sampling(hidden)
        print(f"| {hidden} | {plain:.2f} | {ours:.2f} | {plain / ours:.1f} |")
    seconds, gigabytes = _whole_lab()
    print()
    print(f"Whole lab: {seconds:.0f} s, peak memory {gigabytes:.2f} GB.")


def _sampling(hidden: int) -> tuple[float, float]:
    """Return the median times of both ways, in seconds for all the sets, run in turn."""
    model, data = FFModel(hidden, seed=0), lab_mixture()

    def plain() -> None:
        with torch.no_grad():
            for number in range(PLAIN_SETS):
                x, t = data.sample(EXAMPLES, seed=number)
                labels = torch.sign(model.score(x)).numpy()
                (labels != t).sum()

    def ours() -> None:
        with single_threaded():
            simulate_errors(data.sample, [model.classify], examples=EXAMPLES, sets=SETS)

    times: dict[str, list[float]] = {"plain": [], "ours": []}
    for _ in range(REPEATS):
        times["plain"].append(_seconds(plain) * SETS / PLAIN_SETS)
        times["ours"].append(_seconds(ours))
    return statistics.median(times["plain"]), statistics.median(times["ours"])


def _whole_lab() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "backproof", "lab", "--out", f"{folder}/lab"]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return seconds, peak * unit / 1e9


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
