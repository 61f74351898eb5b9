"""One bootstrap by one peer, in a process of its own: prints its seconds and its memory as JSON.

``python benchmarks/risk_peers.py NAME EXAMPLES``. A peer that would take minutes runs fewer
replicates, and its time is scaled. Where a peer can take its replicates in batches it does, as a
careful user would.
"""

import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

REPLICATES = 10_000
CLASSES = 10
_ERROR = 0.1


class Job(NamedTuple):
    """Work that stands for `REPLICATES` replicates."""

    work: Callable[[], Any]
    replicates: int = REPLICATES
    """How many of them it does."""


def main() -> None:
    name, examples = sys.argv[1], int(sys.argv[2])
    warnings.simplefilter("ignore")  # the peers' own affair
    try:
        job = JOBS[name](examples)
    except ImportError:
        print(json.dumps({"missing": True}))
        return
    before = peak()
    seconds = [_seconds(job.work)]
    while sum(seconds) < 1 and len(seconds) < 15:
        seconds.append(_seconds(job.work))
    found = {
        "seconds": statistics.median(seconds) * REPLICATES / job.replicates,
        "megabytes": (peak() - before) / 1e6,
        "scaled": job.replicates < REPLICATES,
    }
    print(json.dumps(found))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak() -> float:
    """Return the most memory, in bytes, that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux lets a child begin at the peak of its parent in `ru_maxrss`
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _wrong(m: int) -> Any:
    return (np.random.default_rng(0).random(m) < _ERROR).astype(float)


def _labels(m: int, classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, m)
    return truth, np.where(rng.random(m) < _ERROR, (truth + 1) % classes, truth)


def _ours(m: int) -> Job:
    from backproof import risk

    wrong = int(_wrong(m).sum())

    def work() -> None:
        risk.bootstrap((wrong, m - wrong), replicates=REPLICATES).interval()

    return Job(work)


def _ours_bca(m: int) -> Job:
    from backproof import risk

    wrong = int(_wrong(m).sum())

    def work() -> None:
        risk.bootstrap((wrong, m - wrong), replicates=REPLICATES).interval(method="bca")

    return Job(work)


def _ours_closed(m: int) -> Job:
    from backproof import risk

    wrong = int(_wrong(m).sum())
    return Job(lambda: risk.interval(wrong, m, method="bootstrap-percentile"))


def _scipy(method: Any) -> Callable[[int], Job]:
    def make(m: int) -> Job:
        from scipy.stats import bootstrap

        wrong = _wrong(m)
        batch = None if m <= 1000 else 100

        def work() -> None:
            bootstrap(
                (wrong,), np.mean, n_resamples=REPLICATES, batch=batch, method=method, axis=-1
            )

        return Job(work)

    return make


def _arch(m: int) -> Job:
    make: Any = import_module("arch.bootstrap").IIDBootstrap
    wrong = _wrong(m)
    return Job(lambda: make(wrong, seed=0).conf_int(np.mean, reps=REPLICATES, method="percentile"))


def _confidenceinterval(metric: str, classes: int) -> Callable[[int], Job]:
    def make(m: int) -> Job:
        score: Any = getattr(import_module("confidenceinterval"), metric)
        truth, predicted = _labels(m, classes)
        replicates = REPLICATES if m <= 1000 and classes == 2 else 500
        options = {} if classes == 2 else {"average": "macro"}

        def work() -> None:
            score(
                truth, predicted, method="bootstrap_percentile", n_resamples=replicates, **options
            )

        return Job(work, replicates)

    return make


def _torchmetrics(m: int) -> Job:
    torch: Any = import_module("torch")
    wrapper: Any = import_module("torchmetrics.wrappers").BootStrapper
    accuracy: Any = import_module("torchmetrics.classification").BinaryAccuracy
    truth, predicted = (torch.tensor(labels) for labels in _labels(m, 2))
    replicates = 200

    def work() -> None:
        metric = wrapper(
            accuracy(),
            num_bootstraps=replicates,
            quantile=torch.tensor([0.025, 0.975]),
            sampling_strategy="multinomial",
        )
        metric.update(predicted, truth)
        metric.compute()

    return Job(work, replicates)


def _ours_macro_f1(m: int) -> Job:
    from backproof import risk

    truth, predicted = _labels(m, CLASSES)

    def work() -> None:  # the counting of the labels included
        table = risk.confusion(truth, predicted)
        risk.bootstrap(table, "macro-f1", replicates=REPLICATES).interval()

    return Job(work)


def _counting(m: int) -> Job:
    from backproof import risk

    truth, predicted = _labels(m, CLASSES)
    return Job(lambda: risk.confusion(truth, predicted))


def _scipy_macro_f1(m: int) -> Job:
    from scipy.stats import bootstrap

    f1_score: Any = import_module("sklearn.metrics").f1_score
    truth, predicted = _labels(m, CLASSES)
    replicates = 100

    def work() -> None:
        bootstrap(
            (truth, predicted),
            lambda t, p: f1_score(t, p, average="macro"),
            n_resamples=replicates,
            paired=True,
            vectorized=False,
            method="percentile",
        )

    return Job(work, replicates)


JOBS: dict[str, Callable[[int], Job]] = {
    "backproof": _ours,
    "backproof BCa": _ours_bca,
    "backproof, closed form": _ours_closed,
    "SciPy percentile": _scipy("percentile"),
    "SciPy BCa": _scipy("BCa"),
    "arch": _arch,
    "confidenceinterval": _confidenceinterval("accuracy_score", 2),
    "torchmetrics": _torchmetrics,
    "backproof macro-F1": _ours_macro_f1,
    "backproof, counting the labels": _counting,
    "SciPy with scikit-learn": _scipy_macro_f1,
    "confidenceinterval macro-F1": _confidenceinterval("f1_score", CLASSES),
}
"""Every bootstrap by its name: of the error rate, then of macro-F1."""


if __name__ == "__main__":
    main()
