"""The curves of training and test loss."""

from typing import Any

from nicegui import ui

from backproof.app.train.job import SizeFrame
from backproof.plots import style


class LossChart:
    """A chart with two curves a size: training loss solid, test loss dashed."""

    def __init__(self) -> None:
        self._chart = ui.echart(
            {
                "animation": False,
                "backgroundColor": "white",
                "legend": {"type": "scroll", "top": 4},
                "tooltip": {"trigger": "axis"},
                "grid": {"left": 64, "right": 24, "top": 48, "bottom": 44},
                "xAxis": {"type": "value", "name": "step", "nameLocation": "middle", "nameGap": 26},
                "yAxis": {
                    "type": "log",
                    "name": "mean loss",
                    "nameLocation": "middle",
                    "nameGap": 46,
                },
                "series": [],
            }
        ).classes("w-full max-w-3xl h-72 rounded")
        self._chart.props('role=img aria-label="Training and test loss by step"')

    def show(self, sizes: tuple[SizeFrame, ...]) -> None:
        """Show the curves of all sizes."""
        series: list[dict[str, Any]] = []
        for number, size in enumerate(sizes):
            color = style.series(number).color
            series.append(_curve(f"H = {size.hidden}, training", size.losses, color, "solid"))
            if size.test_losses:
                series.append(_curve(f"H = {size.hidden}, test", size.test_losses, color, "dashed"))
        options = self._chart.options
        options["series"] = series
        options["xAxis"]["min"], options["xAxis"]["max"] = 0, max(1, _last(series))
        # Of fewer than two values the chart would make no axis.
        known = {loss for curve in series for _, loss in curve["data"]}
        few = len(known) < 2
        options["yAxis"]["min"] = min(known, default=1.0) / 10 if few else None
        options["yAxis"]["max"] = max(known, default=0.1) * 10 if few else None
        self._chart.update()


def _last(series: list[dict[str, Any]]) -> int:
    return max((step for curve in series for step, _ in curve["data"]), default=0)


def _curve(
    name: str, points: tuple[tuple[int, float], ...], color: str, line: str
) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "showSymbol": len(points) == 1,  # a line of one point is none
        "data": [[step, loss] for step, loss in points if loss > 0],
        "lineStyle": {"type": line, "color": color, "width": 2},
        "itemStyle": {"color": color},
    }
