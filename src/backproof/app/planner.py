"""How many test examples a statement needs, on the panel of the test error."""

import asyncio
from dataclasses import dataclass
from functools import partial

from backproof import plots, risk
from backproof.app.pictures import show_figure
from backproof.app.settings import number
from backproof.app.tables import show_table
from backproof.report import Column, Table


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is planned for."""

    margin: float = number(0.01, "Accepted margin", least=1e-4, most=0.5)
    planned: float = number(0.99, "Confidence of the plan", least=0.5, most=0.999999)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The plans of all methods, and those for other margins."""

    plans: tuple[risk.Plan, ...]
    curves: tuple[tuple[risk.Plan, ...], ...]


async def make_plans(settings: Settings) -> Planned:
    """Plan by every method."""
    return await asyncio.to_thread(_planned, settings)


def _planned(settings: Settings) -> Planned:
    plans = risk.plans(settings.margin, settings.planned)
    return Planned(plans=plans, curves=risk.plan_curves(plans))


async def show_plans(planned: Planned) -> None:
    """Show how many test examples each method asks for, at this margin and at others."""
    show_table(_table(planned.plans))
    await show_figure(
        partial(plots.plans, planned.plans, planned.curves),
        "plan",
        "Test examples against the accepted margin, a line a method",
    )


def _table(plans: tuple[risk.Plan, ...]) -> Table:
    """Return how many test examples each method asks for."""
    first = plans[0]
    return Table(
        name="plan",
        caption=(
            f"Test examples for a margin of {first.margin:g} at confidence {first.confidence:g}."
        ),
        columns=(
            Column(header="method"),
            Column(header="examples", style="integer"),
            Column(header="guarantee"),
            Column(header="what holds then"),
        ),
        rows=tuple((plan.method, plan.examples, plan.guarantee, plan.promise) for plan in plans),
    )
