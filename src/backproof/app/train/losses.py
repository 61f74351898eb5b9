"""The curves of training and test loss."""

from math import floor, log10
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
                "xAxis": {
                    "type": "value",
                    "min": 0,
                    "name": "step",
                    "nameLocation": "middle",
                    "nameGap": 26,
                },
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
        # Of fewer than two values the chart would make no axes; of more it makes better ones.
        options["xAxis"]["max"] = None if _last(series) else 1
        known = {loss for curve in series for _, loss in curve["data"]}
        decade = floor(log10(min(known, default=0.5))) if len(known) < 2 else None
        options["yAxis"]["min"] = None if decade is None else 10.0**decade
        options["yAxis"]["max"] = None if decade is None else 10.0 ** (decade + 1)
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
