"""The test-error stage: intervals on the planned test set, and the sampling distribution."""

from itertools import groupby

import numpy as np
from numpy.typing import ArrayLike

from backproof._core import seeds
from backproof._core.progress import Progress
from backproof.datasets import ClassErrors, TwoClassMixture
from backproof.lab.config import LabConfig
from backproof.lab.draws import planned_examples
from backproof.lab.record import NetworkRow, SamplingStage, SizeTestError, TestErrorStage
from backproof.risk import (
    METHODS,
    bootstrap,
    gap,
    interval,
    observed_coverage,
    plans,
    sampling_law,
    simulate_errors,
)
from backproof.training import Fits, single_threaded


def certainty_stage(
    config: LabConfig,
    data: TwoClassMixture,
    fits: Fits,
    networks: tuple[NetworkRow, ...],
    progress: Progress,
) -> TestErrorStage:
    """Say what the test errors of the first seed's networks are worth."""
    models = [fits.of_size(size)[0].model for size in config.hidden]
    first_rows = [next(rows) for _, rows in groupby(networks, key=lambda row: row.hidden)]
    truths = []
    for number, model in enumerate(models):
        truths.append(data.class_errors(model.classify))
        progress("true errors", number + 1, len(models))
    with single_threaded():  # the test sets are spread over threads instead
        errors = simulate_errors(
            data.sample,
            [model.classify for model in models],
            examples=config.examples,
            sets=config.sets,
            seed=seeds.derive(config.seed, "sampling distribution"),
            progress=progress,
        )
    examples = planned_examples(config)
    return TestErrorStage(
        plans=plans(config.margin, config.confidence),
        bayes_error=data.bayes_error(),
        sizes=tuple(
            _size(row, truth, examples, config.confidence)
            for row, truth in zip(first_rows, truths, strict=True)
        ),
        sampling=tuple(
            sampling(
                truth,
                counts,
                examples=config.examples,
                confidence=config.interval_confidence,
                replicates=config.replicates,
                seed=seeds.derive(config.seed, "bootstrap", hidden),
                hidden=hidden,
            )
            for hidden, truth, counts in zip(config.hidden, truths, errors, strict=True)
        ),
    )


def _size(row: NetworkRow, truth: ClassErrors, examples: int, confidence: float) -> SizeTestError:
    hoeffding = interval(row.test_errors, examples, confidence, "hoeffding")
    exact = interval(row.test_errors, examples, confidence, "clopper-pearson")
    return SizeTestError(
        hidden=row.hidden,
        hoeffding=hoeffding,
        exact=exact,
        hoeffding_gap=gap(row.training_error, hoeffding),
        exact_gap=gap(row.training_error, exact),
        true_error=truth,
    )


def sampling(
    truth: ClassErrors,
    errors: ArrayLike,
    *,
    examples: int,
    confidence: float,
    replicates: int,
    seed: int,
    hidden: int = 0,
) -> SamplingStage:
    """Return what the number of errors in many test sets says, and the first of them alone.

    Parameters
    ----------
    truth
        The predictor's true error rates.
    errors
        Number of errors in each test set, shape (sets,).
    examples
        Size of a test set, even: as many examples of the one class as of the other.
    confidence
        That of the intervals.
    replicates
        Number of bootstrap replicates of the first test set.
    seed
        Seed of their draws.
    hidden
        Hidden size of the predictor, where it is a network.
    """
    counts, m = np.asarray(errors), examples
    law = sampling_law((truth.negative, truth.positive), (m // 2, m // 2))
    rates = counts / m
    observed = int(counts[0])
    resampled = bootstrap((observed, m - observed), "error", replicates=replicates, seed=seed)
    return SamplingStage(
        hidden=hidden,
        examples=m,
        true_error=truth.mean,
        simulated=_histogram(counts, m),
        law=law.probabilities,
        observed=observed,
        bootstrap=_histogram(np.rint(resampled.replicates * m).astype(int), m),
        intervals=tuple(interval(observed, m, confidence, method) for method in METHODS),
        coverages=tuple(
            observed_coverage(method, counts, confidence, error=truth.mean, law=law)
            for method in METHODS
        ),
        below=float((rates < truth.mean).mean()),
        above=float((rates > truth.mean).mean()),
        bias=float(rates.mean() - truth.mean),
        bias_error=float(rates.std() / np.sqrt(len(rates))),
    )


def _histogram(errors: ArrayLike, m: int) -> tuple[int, ...]:
    return tuple(np.bincount(np.asarray(errors), minlength=m + 1).tolist())
