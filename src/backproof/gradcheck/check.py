"""Is this gradient right? The check that decides by the error it measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import torch
from torch import nn

from backproof._core.checks import open_unit, whole_number
from backproof._core.errors import InputError
from backproof._core.numbers import counted
from backproof._core.seeds import check_seed
from backproof.gradcheck.adapt import make_target
from backproof.gradcheck.claims import Asked, ask, draw_cotangents
from backproof.gradcheck.findings import Finder
from backproof.gradcheck.judge import Judge
from backproof.gradcheck.precision import Shadow, is_low, make_shadow, tolerance
from backproof.gradcheck.probes import leaves_held_fixed
from backproof.gradcheck.problem import Backward, NothingToCheckError, Problem
from backproof.gradcheck.report import GradientReport, TensorCheck
from backproof.gradcheck.second import second_order
from backproof.gradcheck.surroundings import Surroundings
from backproof.gradcheck.torch_target import TorchBackward
from backproof.gradcheck.verdict import Verdict, worst


def check(
    target: nn.Module | Callable[..., Any],
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    seed: SupportsIndex = 0,
    false_alarm: float = 1e-6,
    miss: float = 1e-6,
    localize: bool = True,
    order: SupportsIndex = 1,
) -> GradientReport:
    """Compare a claimed gradient with a numeric one, and say which entries are wrong.

    Parameters
    ----------
    target
        An ``nn.Module``: all parameters that require a gradient are checked, and inputs that do.
        A function of tensors, an ``autograd.Function``'s ``apply`` included: inputs that require
        a gradient are checked, or, where none does, all floating-point and complex ones. A
        function of NumPy arrays together with `gradient`. A function of JAX arrays.
    *inputs
        What the target is called with; tensors may stand in nested tuples, lists and
        dictionaries. Integers, booleans and everything that is no tensor are held fixed.
    loss
        From the target's output to what is differentiated; None where that is the output. An
        output of several numbers is checked through random cotangents.
    gradient
        The claimed gradient of a function of arrays: called as ``gradient(*inputs)`` for a
        function whose value is one number, as ``gradient(*inputs, cotangent)`` for one whose value
        is an array, to return vᵀJ; it may also return a callable that takes the cotangent. It
        returns one array for each checked input. None takes the target's own.
    seed
        Seed of the random directions and cotangents.
    false_alarm
        Probability, over the whole report, of DISAGREE for a right gradient; strictly between 0
        and 1.
    miss
        Probability with which an error of the stated resolution is missed; likewise.
    localize
        Look for the wrong entries and the kind of mistake where a tensor disagrees.
    order
        2 checks the gradient's own gradient too, once the gradient itself agrees.

    Returns
    -------
    GradientReport
        Its verdicts come from the discrepancy δ and its standard error σ: AGREE if ``|δ| ≤ cσ``
        and errors above 1 % would show, DISAGREE if ``|δ| > cσ`` at every step that can tell, else
        UNRESOLVED, with the reason. An AGREE may have a label: ``vacuous`` where slope and claim
        are zero, ``subgradient`` at a kink.

    Raises
    ------
    InputError
        If an argument is not as described, there is nothing to check, or the point or the value
        there is not finite.
    Exception
        Whatever the target raises, with a note saying at which evaluation.
    """
    began = time.perf_counter()
    settings = _Settings(
        seed=check_seed(seed),
        false_alarm=open_unit("false_alarm", false_alarm),
        miss=open_unit("miss", miss),
        localize=localize,
    )
    highest = whole_number("order", order, at_least=1)
    if highest > 2:
        raise InputError(f"order must be 1 or 2, got {highest}")
    with Surroundings(target, loss, gradient, inputs) as surroundings:

        def made(dtype: torch.dtype | None) -> Any:
            return make_target(target, inputs, loss, gradient, surroundings, dtype)

        report = _checked(made, settings, began)
        if highest == 2 and report.verdict is Verdict.AGREE:
            report = _second(report, made, settings, began)
    return report


def _second(
    first: GradientReport, made: "Made", settings: "_Settings", began: float
) -> GradientReport:
    """Check the gradient of a gradient that was found to be right."""
    try:
        second = _checked(lambda dtype: second_order(made(dtype)), settings, began, order=2)
    except NothingToCheckError:
        reason = "the gradient depends on none of the tensors: the second derivative is zero"
        tensors = [
            replace(
                one,
                discrepancy=0.0,
                sigma=0.0,
                slope=0.0,
                resolution=None,
                label="vacuous",
                reason=reason,
            )
            for one in first.tensors
        ]
        seconds = time.perf_counter() - began
        notes = (*first.notes, reason)
        return replace(first, order=2, tensors=tuple(tensors), seconds=seconds, notes=notes)
    return replace(
        second,
        evaluations=first.evaluations + second.evaluations,
        pullbacks=first.pullbacks + second.pullbacks,
        notes=(*first.notes, *(note for note in second.notes if note not in first.notes)),
    )


Made = Callable[[torch.dtype | None], Any]


_EXPLAINED = 10.0
"""Differences between dtypes up to so many times the expected are taken for rounding."""


@dataclass(frozen=True)
class _Settings:
    seed: int
    false_alarm: float
    miss: float
    localize: bool


def _checked(made: Made, settings: _Settings, began: float, order: int = 1) -> GradientReport:
    """Check one target, on its float64 shadow where it has less and the shadow runs."""
    target = made(None)
    native = Problem.of(target)
    backward = native.linearised()
    dtypes = native.dtype_names()
    cotangents = draw_cotangents(backward, settings.seed)
    low = is_low(native, backward)
    shadow_target = made(torch.float64) if low else None
    shadow = None if shadow_target is None else make_shadow(shadow_target, native, backward)
    if shadow is None:
        checks, asked, judge = _judged(native, backward, cotangents, settings)
        precision = f"{dtypes} without a float64 shadow" if low else dtypes
    else:
        checks, asked, judge = _judged(shadow.problem, shadow.backward, cotangents, settings)
        checks = _with_rounding(checks, shadow, native, backward, asked, settings)
        precision = f"float64 shadow of {dtypes}"
    counts = [native.target.counts] + ([shadow_target.counts] if shadow_target else [])
    return GradientReport(
        verdict=worst([one.verdict for one in checks]),
        tensors=tuple(checks),
        evaluations=sum(one.evaluations for one in counts),
        pullbacks=sum(one.pullbacks for one in counts),
        seconds=time.perf_counter() - began,
        precision=precision,
        order=order,
        false_alarm=settings.false_alarm,
        miss=settings.miss,
        seed=settings.seed,
        device=str(judge.problem.x.device),
        notes=_notes(target, asked, backward),
    )


def _judged(
    problem: Problem, backward: Backward, cotangents: Any, settings: _Settings
) -> tuple[list[TensorCheck], Asked, Judge]:
    asked = ask(problem, backward, cotangents)
    judge = Judge(problem, asked.claim, settings.seed, settings.false_alarm, settings.miss)
    finder = Finder(judge, asked, backward, localize=settings.localize)
    return finder.run(), asked, judge


def _with_rounding(
    checks: list[TensorCheck],
    shadow: Shadow,
    native: Problem,
    backward: Backward,
    asked: Asked,
    settings: _Settings,
) -> list[TensorCheck]:
    """Add the rounding error of the target's own dtype, and judge there what rounding is not."""
    claimed = ask(native, backward, asked.claim.cotangents)
    rounding = shadow.rounding(claimed.claim.gradients, asked.claim.gradients)
    limit = tolerance(native, backward)
    # Where the gradient is zero there is nothing that rounding could be relative to.
    sizes = {one.name: rounding[one.name] for one in checks if one.label != "vacuous"}
    doubtful = [
        name for name, size in sizes.items() if not size <= limit or name in claimed.not_finite
    ]
    own: dict[str, TensorCheck] = {}
    if doubtful:
        judge = Judge(native, claimed.claim, settings.seed, settings.false_alarm, settings.miss)
        found = Finder(judge, claimed, backward, localize=settings.localize).run(doubtful)
        own = {one.name: one for one in found}
    dtypes = {segment.name: segment.dtype for segment in native.segments}
    return [
        replace(
            _in_own_dtype(one, own.get(one.name), rounding[one.name], limit),
            rounding=sizes.get(one.name),
            dtype=dtypes[one.name],
        )
        for one in checks
    ]


def _in_own_dtype(
    shadow: TensorCheck, native: TensorCheck | None, rounding: float, limit: float
) -> TensorCheck:
    """Return the finding in the target's own dtype where that differs from the shadow's."""
    if shadow.verdict is not Verdict.AGREE or native is None:
        return shadow
    if native.verdict is Verdict.DISAGREE:
        return replace(native, reason=f"right in float64, wrong in {native.dtype}")
    told = native.verdict is Verdict.AGREE and not native.label
    if not told and not rounding <= _EXPLAINED * limit:
        reason = f"right in float64; in {native.dtype} too far off to be called rounding"
        return replace(native, verdict=Verdict.UNRESOLVED, label="", reason=reason)
    return shadow


def _notes(target: Any, asked: Asked, backward: Backward) -> tuple[str, ...]:
    notes = []
    if len(asked.claim.cotangents) > 1:
        notes.append("the output has several numbers: gradients are vᵀJ for a random cotangent v")
    left_out = getattr(target, "left_out", ())
    if left_out:
        verb = "does" if len(left_out) == 1 else "do"
        notes.append(f"{', '.join(left_out)} {verb} not require a gradient and was left out")
    held = leaves_held_fixed(backward) if isinstance(backward, TorchBackward) else []
    if held:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in held[:3])
        notes.append(
            f"the value also depends on {counted(len(held), 'tensor')} that require a gradient but "
            f"are no parameter or input of the target (shape {shapes}): held fixed, not checked"
        )
    if asked.variation > 0:
        notes.append(
            "the backward pass is not deterministic: repeated, the gradient varies by up to "
            f"{asked.variation:.1e} of its largest entry"
        )
    return tuple(notes)
