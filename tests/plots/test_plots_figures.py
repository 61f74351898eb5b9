# mypy: disable-error-code="no-untyped-call"
"""Every figure, on usual and on extreme input: nothing cut, nothing covered, nothing unnamed."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from backproof import plots, risk, tape
from backproof._core.errors import InputError
from backproof.gradcheck import Curve, Sweep, error_law
from backproof.training import Boundary, Fits, boundary, boundary_band, fit

Draw = Callable[[], Figure]
Array = NDArray[np.float64]

STEPS = tuple(float(step) for step in np.logspace(-1, -9, 33))
POINTS = [(-1.0, 0.0), (0.5, 0.5), (1.5, -1.5), (0.0, 1.0)]
CLASSES = [-1, 1, 1, -1]
THREE = [0, 1, 2, 0]


def v_shaped(dtype: str, tensors: tuple[str, ...], rounding: float) -> Sweep:
    steps = np.array(STEPS)
    curves = []
    for tensor in tensors:
        differences = tuple((0.1 * steps**2 + rounding / steps).tolist())
        law = error_law(STEPS, differences)
        curves.append(Curve(tensor=tensor, shape=(2, 500), differences=differences, law=law))
    return Sweep(dtype=dtype, steps=STEPS, directions=8, seed=0, curves=tuple(curves))


DOUBLE = v_shaped("float64", ("W1", "b1", "w", "b"), 1e-17)
SINGLE = v_shaped("float32", ("W1", "b1", "w", "b"), 1e-8)
NOISE = v_shaped("float32", ("W1",), 1e-2)
EXACT_ZERO = Sweep(
    dtype="float64",
    steps=STEPS,
    directions=1,
    seed=0,
    curves=(
        Curve(
            tensor="w",
            shape=(),
            differences=(0.0,) * len(STEPS),
            law=error_law(STEPS, (0.0,) * len(STEPS)),
        ),
    ),
)
MARKS = [
    plots.PublishedDifference(tensor="W1", step=1e-3, difference=3e-10),
    plots.PublishedDifference(tensor="b", step=1e-5, difference=1e-11),
]

LINE = boundary(lambda x: x[:, 0])
NOWHERE = boundary(lambda x: np.ones(len(x)))


def draw_boundary(predicted: list[int], line: Boundary, title: str = "H = 500") -> Figure:
    return plots.boundary(line, POINTS, CLASSES, predicted=predicted, bayes=LINE, title=title)


def trained(*sizes: int | tuple[int, int], seeds: int, loss: str = "logistic") -> Fits:
    targets = CLASSES if loss == "logistic" else THREE
    return fit(list(sizes), range(seeds), POINTS, targets, loss=loss, steps=100)


def diverged(seeds: int) -> Fits:
    far = 1e200 * np.array(POINTS)
    return fit(3, range(seeds), far, CLASSES, loss="squared", activation="relu", steps=2)


def around(classes: int, across: float = 1.0, up: float = 1.0) -> Draw:
    """Return how to draw classes around a point, in a window of any shape."""
    angles = 2 * np.pi * np.arange(classes) / classes
    centers = np.stack((across * np.cos(angles), up * np.sin(angles)), axis=1)
    scale = np.array((across, up))
    return lambda: plots.boundary(
        lambda p: (p / scale) @ (centers / scale).T,
        centers,
        np.arange(classes),
        title=f"{classes} classes",
    )


def curves(sizes: int, steps: int = 100) -> list[plots.LossCurve]:
    falling = np.exp(-np.arange(steps) / 40)
    return [
        plots.LossCurve(
            label=f"H = {10 ** (number + 1)}",
            median=(falling / (number + 1)).tolist(),
            lower=(falling / (number + 1) / 1.5).tolist(),
            upper=(falling / (number + 1) * 1.5).tolist(),
        )
        for number in range(sizes)
    ]


def errors(sizes: int, seeds: int, published: bool) -> list[plots.SeedErrors]:
    return [
        plots.SeedErrors(
            label=f"H = {number + 5}",
            errors=np.linspace(0.02, 0.05, seeds).tolist(),
            published=0.03 if published else None,
        )
        for number in range(sizes)
    ]


def panel(label: str, center: int, examples: int = 200) -> plots.SamplingPanel:
    counts = [0] * (examples + 1)
    counts[center] = 40
    law = [0.0] * (examples + 1)
    law[center] = 1.0
    return plots.SamplingPanel(
        label=label,
        examples=examples,
        simulated=counts,
        law=law,
        bootstrap=counts,
        true_error=center / examples,
        observed=center / examples,
        interval=risk.interval(center, examples, 0.9, "hoeffding"),
    )


def interval_panel(k: int, m: int) -> plots.IntervalPanel:
    every = [risk.interval(k, m, 0.95, method) for method in risk.METHODS]
    return plots.IntervalPanel(label=f"{k} of {m}", intervals=every, true_rate=k / m)


def coverage_curves(*methods: str) -> list[risk.CoverageCurve]:
    found = risk.coverages(50, 0.1, methods=methods)
    return [risk.coverage_curve(one, points=40) for one in found]


def draw_growth(method: str, sets: int) -> Figure:
    counts = np.random.default_rng(0).binomial(100, 0.1, size=sets)
    of = risk.observed_coverage(
        method, counts, error=0.1, law=risk.sampling_law([0.1], [100]), confidence=0.9
    )
    return plots.coverage_growth(of, risk.covered_sets(method, counts, 100, 0.9, error=0.1))


def draw_plans(margin: float, side: risk.Side = "two-sided") -> Figure:
    chosen = risk.plans(margin, 0.9, side)
    return plots.plans(chosen, risk.plan_curves(chosen, points=3))


def ranked(models: int) -> risk.Ranking:
    wrong = {f"network {n}": [i < 5 * n for i in range(100)] for n in range(models)}
    return risk.rank(wrong)


CASES: dict[str, Draw] = {
    "sweep": lambda: plots.sweep([DOUBLE, SINGLE], MARKS),
    "sweep, nothing published": lambda: plots.sweep([DOUBLE, SINGLE]),
    "sweep, one tensor": lambda: plots.sweep([v_shaped("float64", ("W1",), 1e-17)]),
    "sweep, three tensors": lambda: plots.sweep([v_shaped("float64", ("a", "b", "c"), 1e-17)]),
    "sweep, order not measurable": lambda: plots.sweep([NOISE]),
    "sweep, no rounding": lambda: plots.sweep([v_shaped("float64", ("W1",), 0.0)]),
    "boundary": lambda: draw_boundary([-1, 1, -1, 1], LINE),
    "boundary, no errors": lambda: draw_boundary(CLASSES, LINE),
    "boundary, empty": lambda: draw_boundary([1, 1, 1, 1], NOWHERE),
    "boundary, one class": lambda: plots.boundary(
        LINE, POINTS[:1], [-1], predicted=[-1], bayes=NOWHERE, title="H = 1, before training"
    ),
    "boundary, fit": lambda: plots.boundary(
        trained(5, seeds=1)[0], POINTS, CLASSES, bayes=lambda x: x[:, 0], title="H = 5"
    ),
    "boundary, band": lambda: plots.boundary(
        trained(5, seeds=4), POINTS, CLASSES, bayes=LINE, title="H = 5"
    ),
    "boundary, band of one": lambda: plots.boundary(
        boundary_band(trained(5, seeds=1)), POINTS, CLASSES, title="H = 5"
    ),
    "boundary, three classes": lambda: plots.boundary(
        trained(5, seeds=1, loss="softmax")[0], POINTS, THREE, bayes=LINE, title="H = 5"
    ),
    "boundary, twelve classes": around(12),
    "boundary, other units": around(4, across=1e5, up=1e-3),
    "boundary, wide": around(5, across=2.9),
    "boundary, high": around(5, up=2.9),
    "boundary, nearly square": around(4, across=1.05),
    "boundaries": lambda: plots.boundaries(
        trained(2, 5, (10, 10), seeds=4), POINTS, CLASSES, bayes=LINE
    ),
    "boundaries, one size": lambda: plots.boundaries(trained(5, seeds=4), POINTS, CLASSES),
    "boundaries, one network each": lambda: plots.boundaries(
        trained(2, 3, 4, 5, seeds=1, loss="softmax"), POINTS, THREE, bayes=LINE
    ),
    "boundaries, some diverged": lambda: plots.boundaries(
        Fits([*trained(3, seeds=3), *diverged(2), *trained(5, seeds=2)]), POINTS, CLASSES
    ),
    "boundaries, wide": lambda: plots.boundaries(
        trained(2, 3, 4, 5, seeds=2), POINTS, CLASSES, window=((-2, 2), (-0.7, 0.7))
    ),
    "losses": lambda: plots.losses(curves(4), "band from 10 % to 90 % of 16 seeds"),
    "losses, one size": lambda: plots.losses(curves(1), "band from 10 % to 90 % of 1 seeds"),
    "losses, eight sizes": lambda: plots.losses(curves(8), "band from 10 % to 90 % of 2 seeds"),
    "losses, no steps": lambda: plots.losses(curves(2, steps=1), "band"),
    "seeds": lambda: plots.seed_errors(errors(4, 16, True), 0.0168),
    "seeds, one seed": lambda: plots.seed_errors(errors(4, 1, True), 0.0168),
    "seeds, one size": lambda: plots.seed_errors(errors(1, 16, True), 0.0168),
    "seeds, nothing published": lambda: plots.seed_errors(errors(3, 4, False), 0.0168),
    "seeds, no errors": lambda: plots.seed_errors(
        [plots.SeedErrors(label="H = 5", errors=[0.0, 0.0], published=None)], 0.0
    ),
    "sampling": lambda: plots.sampling([panel(f"H = {h}", h + 5) for h in (5, 10, 20, 40)]),
    "sampling, one size": lambda: plots.sampling([panel("H = 5", 9)]),
    "sampling, three sizes": lambda: plots.sampling([panel(f"H = {h}", h) for h in (5, 6, 7)]),
    "sampling, no errors": lambda: plots.sampling([panel("H = 5", 0)]),
    "sampling, all wrong": lambda: plots.sampling([panel("H = 5", 200)]),
    "sampling, odd size": lambda: plots.sampling([panel("H = 5", 3, examples=21)]),
    "intervals": lambda: plots.intervals([interval_panel(k, 1000) for k in (0, 33, 500, 1000)]),
    "intervals, one": lambda: plots.intervals([interval_panel(3, 10)]),
    "intervals, one method": lambda: plots.intervals(
        [plots.IntervalPanel(label="nothing wrong", intervals=[risk.interval(0, 9, 0.9, "normal")])]
    ),
    "coverages": lambda: plots.coverages(coverage_curves(*risk.METHODS)),
    "coverages, one method": lambda: plots.coverages(coverage_curves("wilson")),
    "coverage_growth": lambda: draw_growth("wilson", 5000),
    "coverage_growth, every set": lambda: draw_growth("hoeffding", 300),
    "coverage_growth, one set": lambda: draw_growth("clopper-pearson", 1),
    "plans": lambda: draw_plans(0.01),
    "plans, wide": lambda: draw_plans(0.3),
    "plans, one side": lambda: draw_plans(0.05, "upper"),
    "comparison": lambda: plots.comparison(risk.compare_counts(25, 15, 1000)),
    "comparison, alike": lambda: plots.comparison(risk.compare_counts(0, 0, 10)),
    "comparison, one side": lambda: plots.comparison(risk.compare_counts(900, 0, 1000)),
    "comparison, losses": lambda: plots.comparison(risk.compare([0.5, 4.0], [1, 3], high=5)),
    "ranking": lambda: plots.ranking(ranked(2)),
    "ranking, many": lambda: plots.ranking(ranked(12)),
    "weights": lambda: plots.weights(trained(5, seeds=1)[0].layers, "H = 5"),
    "weights, many units": lambda: plots.weights(trained(500, seeds=1)[0].layers, "H = 500"),
    "weights, two hidden layers": lambda: plots.weights(
        trained((8, 4), seeds=1, loss="softmax")[0].layers, "H = 8-4"
    ),
    "weights, not finite": lambda: plots.weights(diverged(1)[0].layers, "diverged"),
    "weights, none": lambda: plots.weights([np.zeros((3, 1))], "zero"),
    "graph": lambda: plots.graph(tape.run_programs()[0].graph),
}

Case = tuple[Figure, RendererAgg]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    figure = CASES[request.param]()
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return figure, canvas.get_renderer()


def shown(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def names(axes: Axes) -> list[str]:
    return [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]


def text_boxes(figure: Figure, renderer: RendererAgg) -> Iterator[tuple[str, Bbox]]:
    """Yield the place of everything written: names, tick labels, texts, legends."""
    for axes in shown(figure):
        for text in [axes.title, *axes.texts]:
            if text.get_text():
                yield text.get_text(), text.get_window_extent(renderer)
        if axes.axison:
            for axis in (axes.xaxis, axes.yaxis):
                extent = axis.get_tightbbox(renderer)
                if extent is None:  # nothing is written there
                    continue
                yield axis.get_label_text() or "tick labels", Bbox(extent.get_points())
    for legend in figure.legends:
        yield "legend", legend.get_window_extent(renderer)


def overlap(first: Bbox, second: Bbox) -> bool:
    inner = Bbox.intersection(first, second)
    # Half a pixel: edges are rounded to the pixel grid.
    return inner is not None and inner.width > 0.5 and inner.height > 0.5


def test_no_text_is_cut_off(case: Case) -> None:
    figure, renderer = case
    whole = figure.bbox.padded(0.5)
    cut = [
        name
        for name, box in text_boxes(figure, renderer)
        if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1))
    ]
    assert not cut


def test_titles_overlap_neither_each_other_nor_any_axes(case: Case) -> None:
    figure, renderer = case
    titles = [axes.title.get_window_extent(renderer) for axes in shown(figure) if axes.get_title()]
    frames = [axes.get_window_extent(renderer) for axes in shown(figure)]
    assert not any(itertools.starmap(overlap, itertools.combinations(titles, 2)))
    assert not any(itertools.starmap(overlap, itertools.product(titles, frames)))


def test_neighbouring_axes_do_not_overlap_with_what_is_written_at_them(case: Case) -> None:
    figure, renderer = case
    boxes = [axes.get_tightbbox(renderer) for axes in shown(figure)]
    assert not any(
        overlap(one, other) for one, other in itertools.combinations(boxes, 2) if one and other
    )


def test_the_legend_covers_no_axes(case: Case) -> None:
    figure, renderer = case
    (legend,) = figure.legends
    box = legend.get_window_extent(renderer)
    frames = [a.get_tightbbox(renderer) for a in shown(figure) if a.axison]
    assert not any(overlap(box, frame) for frame in frames if frame)


def test_tick_labels_do_not_run_into_each_other(case: Case) -> None:
    figure, renderer = case
    for axes in (axes for axes in shown(figure) if axes.axison):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            boxes = [
                label.get_window_extent(renderer)
                for place, label in zip(
                    axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True
                )
                if low <= place <= high and label.get_text()
            ]
            assert not any(itertools.starmap(overlap, itertools.combinations(boxes, 2)))


def test_every_outer_axis_is_named(case: Case) -> None:
    figure, _ = case
    for axes in (axes for axes in shown(figure) if axes.axison):
        place = axes.get_subplotspec()
        assert place is not None
        assert axes.get_title()
        assert axes.get_ylabel() or not place.is_first_col()
        ticks = [label.get_text() for label in axes.get_xticklabels()]
        named = axes.get_xlabel() or all(text.startswith("H = ") for text in ticks)
        assert named or any(below(axes, other) for other in shown(figure))


def below(upper: Axes, lower: Axes) -> bool:
    one, other = upper.get_subplotspec(), lower.get_subplotspec()
    assert one is not None
    assert other is not None
    return other.colspan == one.colspan and other.rowspan.start == one.rowspan.stop


def test_the_legend_names_every_series_once(case: Case) -> None:
    figure, _ = case
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("sampling", "test error (%)"),
        ("intervals", "error (%)"),
        ("coverages", "coverage (%)"),
        ("plans", "margin (%)"),
        ("comparison", "error of A minus error of B (%)"),
        ("comparison, losses", "error of A minus error of B"),
        ("ranking", "error (%)"),
        ("sampling", "share of test sets (%)"),
        ("seeds", "test error (%)"),
        ("losses", "mean training loss (nats)"),
        ("losses", "gradient step"),
        ("sweep", "step ε along a unit direction"),
        ("boundary", "x₁"),
        ("boundary", "x₂"),
        ("boundaries", "x₁"),
        ("boundaries", "x₂"),
    ],
)
def test_axes_are_named_with_their_unit(name: str, label: str) -> None:
    assert label in [text for axes in CASES[name]().axes for text in names(axes)]


def legend_of(name: str) -> list[str]:
    (legend,) = CASES[name]().legends
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("name", ["sweep", "seeds"])
def test_published_numbers_are_named_where_there_are_some(name: str) -> None:
    assert "published" in legend_of(name)


@pytest.mark.parametrize("name", ["sweep, nothing published", "seeds, nothing published"])
def test_published_numbers_are_not_named_where_there_are_none(name: str) -> None:
    assert "published" not in legend_of(name)


def test_the_legend_names_what_only_later_panels_show() -> None:
    curves = (*NOISE.curves, *v_shaped("float64", ("b",), 1e-17).curves)
    mixed = Sweep(dtype="float64", steps=STEPS, directions=8, seed=0, curves=curves)
    (legend,) = plots.sweep([mixed]).legends
    assert "∝ ε²" in [text.get_text() for text in legend.get_texts()]


def test_a_sweep_says_where_the_order_cannot_be_measured() -> None:
    figure = CASES["sweep, order not measurable"]()
    assert "order not measurable" in figure.axes[0].get_title()


def test_a_sweep_without_any_difference_can_be_drawn() -> None:
    figure = plots.sweep([EXACT_ZERO])
    figure.draw_without_rendering()
    assert figure.axes[0].get_title()


def test_misclassified_points_are_counted() -> None:
    assert "misclassified (2)" in legend_of("boundary")
    assert "misclassified (0)" in legend_of("boundary, no errors")


def test_points_are_ringed_that_a_score_gets_wrong() -> None:
    def score(p: Array) -> Array:
        return np.asarray(p[:, 0] - 1)

    # At x₁ = -1, 1/2, 3/2 and 0 the score is -, -, +, - and the classes are -, +, +, -.
    figure = plots.boundary(score, POINTS, CLASSES)
    (rings,) = [c for c in figure.axes[0].collections if c.get_label() == "misclassified (1)"]
    assert np.asarray(rings.get_offsets()).tolist() == [[0.5, 0.5]]
    # So also with the classes 0 and 1.
    labels = [max(0, label) for label in CLASSES]
    assert "misclassified (1)" in legend_texts(plots.boundary(score, POINTS, labels))


def legend_texts(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_points_are_ringed_whose_largest_score_is_of_another_class() -> None:
    def scores(p: Array) -> Array:
        return np.stack((-p[:, 0], p[:, 0], p[:, 1] - 9), axis=1)

    # By the sign of x₁ the classes would be 0, 1, 1 and, since the first of equals counts, 0.
    figure = plots.boundary(scores, POINTS, [0, 1, 2, 0])
    assert "misclassified (1)" in legend_texts(figure)


def test_a_band_says_of_how_many_networks_and_rings_nothing() -> None:
    assert legend_of("boundary, band") == [
        "class −1", "class +1", "median", "10–90 % of 4 networks", "Bayes-optimal",
    ]  # fmt: skip
    assert "median of 1 network" in legend_of("boundary, band of one")
    some = Fits([*trained(3, seeds=3), *diverged(2)])
    found = legend_texts(plots.boundary(some, POINTS, CLASSES))
    assert "10–90 % of 3 networks (2 diverged)" in found


def test_small_multiples_have_the_size_and_number_of_networks_as_title() -> None:
    assert [ax.get_title() for ax in CASES["boundaries"]().axes] == [
        "H = 2, 4 networks", "H = 5, 4 networks", "H = 10-10, 4 networks",
    ]  # fmt: skip
    titles = [ax.get_title() for ax in CASES["boundaries, some diverged"]().axes]
    assert titles == ["H = 3, 5 networks, 2 diverged", "H = 5, 2 networks"]


def test_small_multiples_have_the_same_limits() -> None:
    limits = {(ax.get_xlim(), ax.get_ylim()) for ax in CASES["boundaries"]().axes}
    assert len(limits) == 1


def test_of_several_training_sets_the_first_is_drawn() -> None:
    fits = trained(3, seeds=2)
    sets = np.stack((POINTS, np.array(POINTS) + 7))
    figure = plots.boundaries(fits, sets, [CLASSES, CLASSES])
    negative, positive = figure.axes[0].collections[:2]
    drawn = [*np.asarray(negative.get_offsets()), *np.asarray(positive.get_offsets())]
    assert sorted(map(tuple, drawn)) == sorted(POINTS)


def test_the_window_covers_the_points() -> None:
    ax = plots.boundary(lambda p: p[:, 0] - 3, np.add(POINTS, (3, 100)), CLASSES).axes[0]
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert left < 2 < 4.5 < right
    assert low < 98.5 < 101 < high
    # A margin, but no more than a fifth.
    assert right - left < 1.2 * 2.5


def test_a_window_that_is_given_is_shown() -> None:
    window = ((-3.0, 1.0), (0.0, 2.0))
    ax = plots.boundary(lambda p: p[:, 0], POINTS, CLASSES, window=window).axes[0]
    assert (ax.get_xlim(), ax.get_ylim()) == window
    shown = boundary(lambda p: p[:, 0], window=window)
    ax = plots.boundary(shown, POINTS, CLASSES).axes[0]
    assert (ax.get_xlim(), ax.get_ylim()) == window


def own_axes() -> Axes:
    return Figure(figsize=(5, 4), layout="constrained").subplots()


def test_own_axes_are_drawn_into_with_the_legend_inside() -> None:
    ax = own_axes()
    figure = plots.boundary(trained(5, seeds=4), POINTS, CLASSES, bayes=LINE, title="mine", ax=ax)
    assert figure is ax.figure
    assert not figure.legends
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    legend = ax.get_legend()
    assert legend is not None
    box, frame = legend.get_window_extent(canvas.get_renderer()), ax.get_window_extent()
    assert frame.x0 <= box.x0 < box.x1 <= frame.x1
    assert frame.y0 <= box.y0 < box.y1 <= frame.y1
    assert names(ax) == ["mine", "x₁", "x₂"]


def test_own_axes_in_a_part_of_a_figure_give_the_whole_figure() -> None:
    figure = Figure()
    part = figure.add_subfigure(figure.add_gridspec(1, 2)[0, 0])
    assert plots.boundary(LINE, POINTS, CLASSES, ax=part.subplots()) is figure


def test_limits_and_names_of_own_axes_stay() -> None:
    ax = own_axes()
    ax.set(xlim=(-1, 1), ylim=(3, 0), xlabel="height (m)", title="theirs")
    ax.plot([0, 1], [1, 2], label="theirs, too")
    plots.boundary(trained(5, seeds=1)[0], POINTS, CLASSES, ax=ax)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1, 1), (3, 0))
    assert names(ax) == ["theirs", "height (m)", "x₂"]
    legend = ax.get_legend()
    assert legend is not None
    assert "theirs, too" in [text.get_text() for text in legend.get_texts()]


def test_what_own_axes_show_is_still_shown() -> None:
    ax = own_axes()
    ax.plot([-7, 0], [0, 8])
    plots.boundary(trained(5, seeds=1)[0], POINTS, CLASSES, ax=ax)
    assert ax.get_xlim()[0] <= -7
    assert ax.get_xlim()[1] >= 1.5
    assert ax.get_ylim()[1] >= 8


def test_more_than_two_features_are_refused_with_what_to_do() -> None:
    x = np.ones((4, 5))
    fits = fit(3, 0, x, CLASSES, steps=1)
    for draw in (
        lambda: plots.boundary(fits[0], x, CLASSES),
        lambda: plots.boundaries(fits, x, CLASSES),
    ):
        with pytest.raises(InputError, match=r"needs two features, x has 5: train on two of them"):
            draw()
    with pytest.raises(InputError, match="two features, this one has 5"):
        plots.boundary(fits[0], POINTS, CLASSES)


@pytest.mark.parametrize(
    ("t", "message"),
    [
        ([-1, 1, 1], r"shape \(4,\), got \(3,\)"),
        ([-1, 0, 1, 2], "0, …, K-1"),
        ([0.5, 1, 1, 1], "whole numbers"),
        ([np.nan, 1, 1, 1], "whole numbers"),
        ([np.inf, 1, 1, 1], "whole numbers"),
        (["a", "b", "a", "b"], "whole numbers"),
        ([0, 1, 2, 0], "tells two classes apart"),
    ],
)
def test_classes_that_do_not_fit_are_refused(t: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plots.boundary(lambda p: p[:, 0], POINTS, t)


@pytest.mark.parametrize("predicted", [[1], [-1, 1, 1, 0], [-1, 1, 1, 0.5]])
def test_predicted_classes_that_do_not_fit_are_refused(predicted: list[float]) -> None:
    with pytest.raises(InputError, match="predicted must"):
        plots.boundary(LINE, POINTS, CLASSES, predicted=predicted)


@pytest.mark.parametrize("x", [[], [1.0, 2.0], np.zeros((0, 2)), [[1.0], [2.0]]])
def test_points_of_another_shape_are_refused(x: list[float]) -> None:
    with pytest.raises(InputError, match="two features"):
        plots.boundary(LINE, x, [])


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="got 1 of 2 points"):
        plots.boundary(LINE, [(0, np.nan), (1, 1)], [-1, 1])


def test_what_is_no_predictor_is_refused() -> None:
    with pytest.raises(InputError, match="predictor must be a boundary"):
        plots.boundary(3, POINTS, CLASSES)  # type: ignore[arg-type]


def test_several_networks_of_several_classes_are_refused() -> None:
    fits = trained(5, seeds=2, loss="softmax")
    for draw in (
        lambda: plots.boundary(fits, POINTS, THREE),
        lambda: plots.boundaries(fits, POINTS, THREE),
    ):
        with pytest.raises(InputError, match="one score a point, got 3"):
            draw()


def test_no_network_is_refused() -> None:
    with pytest.raises(InputError, match="at least one network"):
        plots.boundaries(Fits([]), POINTS, CLASSES)


def test_classes_differ_by_marker_and_colour() -> None:
    negative, positive = CASES["boundary"]().axes[0].collections[:2]
    assert not np.array_equal(negative.get_facecolor(), positive.get_facecolor())
    markers = [c.get_paths()[0].vertices for c in (negative, positive)]
    assert np.shape(markers[0]) != np.shape(markers[1])


def test_curves_differ_by_line_and_colour() -> None:
    lines = plots.losses(curves(4), "band").axes[0].lines
    # The private pattern tells "-." from "--"; get_linestyle gives "--" for every tuple.
    assert len({str(vars(line)["_unscaled_dash_pattern"]) for line in lines}) == 4
    assert len({str(line.get_color()) for line in lines}) == 4


def test_rates_are_drawn_as_percentages() -> None:
    line = plots.seed_errors(errors(1, 1, False), 0.0168).axes[0].lines[0]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx([2.0])


@pytest.mark.parametrize(
    "name", ["sweep", "boundary", "boundaries", "losses", "seeds", "sampling", "graph"]
)
def test_saving_writes_every_format_and_the_same_bytes_twice(name: str, tmp_path: Path) -> None:
    written: list[dict[str, bytes]] = []
    for attempt in ("first", "second"):
        folder = tmp_path / attempt
        folder.mkdir()
        plots.save(CASES[name](), folder, "figure")
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert set(written[0]) == {"figure.svg", "figure.png", "figure.pdf"}
    assert written[0] == written[1]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    plots.save(CASES["seeds"](), folder, "seeds")
    return folder


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-"), ("svg", b"<?xml ")]
)
def test_saved_files_are_of_their_format(saved: Path, suffix: str, start: bytes) -> None:
    assert (saved / f"seeds.{suffix}").read_bytes().startswith(start)


def test_svg_is_the_text_of_the_saved_file(saved: Path) -> None:
    assert plots.svg(CASES["seeds"]()) == (saved / "seeds.svg").read_text(encoding="utf-8")


def test_an_svg_is_well_formed_and_refers_to_nothing_outside(saved: Path) -> None:
    root = ET.parse(saved / "seeds.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    links = [e.get("{http://www.w3.org/1999/xlink}href") for e in root.iter()]
    assert all(link.startswith(("#", "data:")) for link in links if link)


OWN = {"font.size": 17.0, "axes.grid": False, "svg.hashsalt": "mine"}


@pytest.mark.parametrize(
    "name", ["sweep", "boundary", "boundaries", "losses", "seeds", "sampling", "graph"]
)
def test_drawing_leaves_the_settings_of_the_user_as_they_were(name: str) -> None:
    with mpl.rc_context(OWN):  # type: ignore[arg-type]  # the keys are a long Literal type
        before = dict(mpl.rcParams)
        CASES[name]()
        assert dict(mpl.rcParams) == before


def test_saving_leaves_the_settings_of_the_user_as_they_were(tmp_path: Path) -> None:
    with mpl.rc_context(OWN):  # type: ignore[arg-type]  # the keys are a long Literal type
        before = dict(mpl.rcParams)
        figure = CASES["seeds"]()
        plots.svg(figure)
        plots.save(figure, tmp_path, "seeds")
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    "setting",
    [
        {"font.size": 20.0},
        {"savefig.bbox": "tight"},
        {"axes.facecolor": "black"},
        {"svg.fonttype": "none"},
        {"lines.marker": "o"},
    ],
    ids=str,
)
def test_the_settings_of_the_user_do_not_change_a_figure(
    setting: dict[str, object],
) -> None:
    usual = plots.svg(CASES["seeds"]())
    with mpl.rc_context(setting):  # type: ignore[arg-type]  # the keys are a long Literal type
        own = plots.svg(CASES["seeds"]())
    assert own == usual


def test_a_broken_draw_leaves_the_settings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(mpl.rcParams)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backproof.plots.style.legend_below", fail)
    with pytest.raises(ZeroDivisionError):
        CASES["losses"]()
    assert dict(mpl.rcParams) == before


def test_every_public_drawing_function_has_cases() -> None:
    drawn = {name.split(",")[0] for name in CASES} - {"seeds"} | {"seed_errors"}
    functions = {n for n in plots.__all__ if n[0].islower()} - {
        "save",
        "save_all",
        "svg",
        "rendered",
    }
    assert drawn == functions
