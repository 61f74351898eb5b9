"""The panel of the test error."""

from nicegui import ui

from backproof._core.errors import InputError
from backproof.app.network import Network, Source
from backproof.app.pictures import show_figure
from backproof.app.processes import Apart
from backproof.app.study import NETWORK, Draws, Settings, Study, check_size, make_study
from backproof.app.tables import show_table
from backproof.app.train.settings import LAB


class Studies:
    """Makes studies, and remembers the test sets that were drawn last."""

    def __init__(self, source: Source, apart: Apart) -> None:
        self._source, self._apart = source, apart
        self._known: tuple[Network | None, Draws] | None = None

    async def make(self, settings: Settings) -> Study:
        """Draw test sets and say what follows."""
        check_size(settings)
        network = await self._network() if settings.predictor == NETWORK else None
        known = self._known
        draws = known[1] if known is not None and known[0] is network else None
        study, drawn = await self._apart.run(make_study, settings, network, draws)
        self._known = network, drawn
        return study

    async def _network(self) -> Network:
        network = await self._source()
        network.refuse_diverged()
        if network.points.data != LAB:
            raise InputError(
                f"the true error of a network is known on the data {LAB!r} alone, not on "
                f"{network.points.data!r}: choose it on the panel Train"
            )
        return network


async def show_study(study: Study) -> None:
    """Show a study."""
    ui.label(f"{study.predictor}. Its first test set says:").classes("text-sm")
    ui.label(study.statement).classes("text-base font-medium")
    await show_figure(
        study.distribution,
        "sampling-distribution",
        "Histogram of the test error over the simulated test sets, the exact law, the bootstrap of "
        "the first test set, and its interval",
    )
    await show_figure(
        study.intervals, "intervals", "The intervals of all methods, and the true error"
    )
    await show_figure(
        study.growth,
        "coverage",
        "Share of test sets whose interval covers the true error, as they are drawn",
    )
    show_table(study.coverages())
