"""The boundary and its smoothness, against plane geometry."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ellipe

from backproof._core.errors import InputError
from backproof.training import Boundary, FFModel, Network, boundary

Array = NDArray[np.float64]
Score = Callable[[Array], Any]


def circle(radius: float, x: float = 0.0, y: float = 0.0) -> Score:
    return lambda p: (p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2 - radius**2


def line(angle: float, offset: float) -> Score:
    return lambda p: p[:, 0] * math.cos(angle) + p[:, 1] * math.sin(angle) - offset


def columns(*scores: Score) -> Score:
    return lambda p: np.stack([score(p) for score in scores], axis=1)


# A cell is 0.02 wide in the default window; a chord across it misses the arc of radius 0.3 or
# more by a share of at most (0.02·√2/0.3)²/24 = 4e-4 of its length; the central difference of a
# quadratic is exact, and its bilinear interpolation off by (0.02/0.3)²/8 or so.
_LENGTH = 1e-3
_BEND = 1e-2


@pytest.mark.parametrize(
    ("radius", "x", "y"), [(1.0, 0, 0), (0.3, 0.7, -0.4), (1.5, 0.1, 0.2), (0.5, -1, 1)]
)
def test_a_circle_has_its_length_turning_and_radius(radius: float, x: float, y: float) -> None:
    found = boundary(circle(radius, x, y))
    assert found.pieces == 1
    assert found.length == pytest.approx(2 * math.pi * radius, rel=_LENGTH)
    assert found.turning == pytest.approx(360, rel=_BEND)
    assert found.sharpest == pytest.approx(radius, rel=_BEND)


def test_a_circle_is_closed() -> None:
    (only,) = boundary(circle(1.0)).lines
    assert only[0] == only[-1]


@pytest.mark.parametrize("factor", [-1.0, 1e-8, 1e8, -1e-8])
def test_the_boundary_does_not_depend_on_the_scale_of_the_score(factor: float) -> None:
    score = circle(1.0)
    found, expected = boundary(lambda p: factor * score(p)), boundary(score)
    assert found.length == pytest.approx(expected.length, rel=1e-9)
    assert found.turning == pytest.approx(expected.turning, rel=1e-9)


def test_the_curvature_is_that_of_the_curve_not_of_the_score() -> None:
    # The same circle as the level of a score that is curved along its normal, too.
    score = circle(1.0)
    found = boundary(lambda p: np.expm1(score(p)))
    # Central differences over 0.02 of a function whose derivatives are up to 20.
    assert found.turning == pytest.approx(360, rel=2e-2)
    assert found.sharpest == pytest.approx(1, rel=3e-2)


def test_the_window_scales_with_what_is_in_it() -> None:
    small, large = boundary(circle(1.0)), boundary(circle(50.0), window=100.0)
    assert large.length == pytest.approx(50 * small.length, rel=1e-6)
    assert large.turning == pytest.approx(small.turning, rel=1e-6)
    assert large.window == ((-100, 100), (-100, 100))


def test_vertices_in_a_small_window_are_as_accurate_as_in_a_large_one() -> None:
    (only,) = boundary(circle(5e-5), window=1e-4).lines
    radii = np.hypot(*np.array(only).T)
    np.testing.assert_allclose(radii, 5e-5, rtol=_LENGTH)


@pytest.mark.parametrize("resolution", [101, 200])
def test_a_finer_grid_comes_closer_to_the_length(resolution: int) -> None:
    exact = 2 * math.pi
    coarse = abs(boundary(circle(1.0), resolution=21).length - exact)
    fine = abs(boundary(circle(1.0), resolution=resolution).length - exact)
    # The chords' deficit falls with the square of the cell.
    assert fine < coarse / 15


@pytest.mark.parametrize(
    ("angle", "offset", "length"),
    [
        (0.0, 0.0, 4.0),
        (0.0, 0.123, 4.0),
        (math.pi / 2, -1.7, 4.0),
        (math.pi / 4, 0.0, 4 * math.sqrt(2)),
        (0.3, 0.5, 4 / math.cos(0.3)),
    ],
)
def test_a_straight_line_does_not_turn(angle: float, offset: float, length: float) -> None:
    found = boundary(line(angle, offset))
    assert found.pieces == 1
    assert found.turning < 1
    # Vertices of a linear score are exact.
    assert found.length == pytest.approx(length, rel=1e-9)


def test_two_circles_are_two_pieces() -> None:
    left, right = circle(0.5, -1), circle(0.75, 1)
    found = boundary(lambda p: np.minimum(left(p), right(p)))
    assert found.pieces == 2
    assert found.length == pytest.approx(2 * math.pi * 1.25, rel=_LENGTH)
    assert found.turning == pytest.approx(720, rel=_BEND)
    assert found.sharpest == pytest.approx(0.5, rel=_BEND)


def test_a_circle_beyond_the_window_is_cut_there() -> None:
    # Centred on the middle of the right edge: half the circle is seen.
    found = boundary(circle(1.0, 2.0))
    assert found.pieces == 1
    assert found.length == pytest.approx(math.pi, rel=_LENGTH)
    assert found.turning == pytest.approx(180, rel=_BEND)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_without_a_zero_level_there_is_nothing(value: float) -> None:
    found = boundary(lambda p: np.full(len(p), value))
    assert (found.lines, found.length, found.turning, found.sharpest) == ((), 0, 0, None)


@settings(max_examples=25, deadline=None)
@given(
    a=st.floats(0.8, 1.4),
    ratio=st.floats(0.4, 1.0),
    angle=st.floats(0, math.pi),
    x=st.floats(-0.4, 0.4),
    y=st.floats(-0.4, 0.4),
)
def test_a_rotated_ellipse(a: float, ratio: float, angle: float, x: float, y: float) -> None:
    b = a * ratio
    c, s = math.cos(angle), math.sin(angle)

    def score(p: Array) -> Array:
        dx, dy = p[:, 0] - x, p[:, 1] - y
        return np.asarray(((c * dx + s * dy) / a) ** 2 + ((c * dy - s * dx) / b) ** 2 - 1)

    found = boundary(score)
    assert found.pieces == 1
    # On an edge of a cell the score is a parabola with second derivative at most 2/b²; linear
    # interpolation misses it by at most h²/8 of that, and the stored vertex is rounded.
    vertices = np.array(found.lines[0])
    assert np.abs(score(vertices)).max() <= 0.02**2 / (4 * b**2) + 2e-5 / b
    assert found.turning == pytest.approx(360, rel=_BEND)
    assert found.length == pytest.approx(4 * a * ellipe(1 - ratio**2), rel=_LENGTH)
    # Radius b²/a at the ends of the long axis, at least 0.128: six cells.
    assert found.sharpest == pytest.approx(b**2 / a, rel=5 * _BEND)


@pytest.mark.parametrize(
    "score",
    [
        lambda p: np.ones(len(p) - 1),
        lambda p: np.ones((len(p), 1)),
        lambda p: np.ones((len(p), 2, 2)),
        lambda p: np.ones((2, len(p))),
        lambda p: np.full((len(p), 3), np.nan),
        lambda p: p[0, 0],
        lambda p: np.full(len(p), np.nan),
        lambda p: np.where(p[:, 0] > 1.9, np.inf, p[:, 1]),
    ],
)
def test_scores_that_are_not_one_finite_number_a_point_are_refused(score: Score) -> None:
    with pytest.raises(InputError, match="score must return one finite number a point"):
        boundary(score)


@pytest.mark.parametrize("resolution", [4, 0, -3, 20.5])
def test_a_bad_resolution_is_refused(resolution: Any) -> None:
    with pytest.raises(InputError, match="resolution"):
        boundary(circle(1.0), resolution=resolution)


@pytest.mark.parametrize(
    "window",
    [
        0.0,
        -1.0,
        math.nan,
        math.inf,
        ((-1, 1),),
        ((1, -1), (-1, 1)),
        ((-1, 1), (1, 1)),
        ((-1, 1), (-1, math.inf)),
        ((-1e308, 1e308), (-1, 1)),
        ((-1, 0, 1), (-1, 0, 1)),
        ((-1, 1), 2.0),
        "wide",
        None,
    ],
)
def test_a_window_that_is_neither_a_size_nor_a_rectangle_is_refused(window: Any) -> None:
    with pytest.raises(InputError, match="window"):
        boundary(circle(1.0), window=window)


def test_a_list_of_scores_is_accepted() -> None:
    score = circle(1.0)
    assert boundary(lambda p: score(p).tolist()) == boundary(score)


def test_the_score_of_a_network_is_accepted() -> None:
    model = FFModel(5, seed=1)
    # The two scores agree to rounding, the stored vertices to five decimals.
    found, expected = boundary(model.score), boundary(model.infer)
    assert found.length == pytest.approx(expected.length, rel=1e-9)
    assert expected.pieces > 0


@pytest.mark.parametrize("score", [circle(1.0), line(0.3, 0.5), lambda p: np.ones(len(p))])
def test_json_gives_the_boundary_back(score: Score) -> None:
    found = boundary(score)
    assert Boundary.from_json(found.to_json()) == found
    assert Boundary.from_dict(found.to_dict()) == found


def test_the_text_gives_the_numbers() -> None:
    text = str(boundary(circle(1.0)))
    assert text == "1 pieces, length 6.28, turning 360°, sharpest bend of radius 1.00"


RECTANGLE = ((-1.0, 5.0), (10.0, 11.5))


@pytest.mark.parametrize(
    "window",
    [RECTANGLE, [[-1, 5], [10, 11.5]], np.array(RECTANGLE)],
    ids=["tuple", "list", "array"],
)
def test_a_circle_in_a_rectangle_is_a_circle(window: Any) -> None:
    # Cells of 0.03 by 0.0075: four times as wide as high.
    found = boundary(circle(0.6, 2.0, 10.8), window=window)
    assert found.window == RECTANGLE
    assert found.pieces == 1
    assert found.length == pytest.approx(2 * math.pi * 0.6, rel=_LENGTH)
    assert found.turning == pytest.approx(360, rel=_BEND)
    assert found.sharpest == pytest.approx(0.6, rel=_BEND)
    (only,) = found.lines
    radii = np.hypot(*(np.array(only) - (2.0, 10.8)).T)
    # The chord of a cell misses the arc by at most h²/(8·r).
    np.testing.assert_allclose(radii, 0.6, atol=0.031**2 / (8 * 0.6))


@pytest.mark.parametrize(
    ("a", "b", "window"),
    [
        (30.0, 0.4, ((-40.0, 40.0), (-0.5, 0.6))),
        (0.004, 2.0, ((0.0, 0.01), (-3.0, 3.0))),
        (1.0, 0.5, ((-0.6, 1.6), (-1.0, 7.0))),
    ],
)
def test_an_ellipse_in_a_rectangle_of_its_shape(a: float, b: float, window: Any) -> None:
    x, y = (window[0][0] + window[0][1]) / 2, 0.0
    found = boundary(
        lambda p: ((p[:, 0] - x) / a) ** 2 + ((p[:, 1] - y) / b) ** 2 - 1, window=window
    )
    long, short = max(a, b), min(a, b)
    assert found.length == pytest.approx(4 * long * ellipe(1 - (short / long) ** 2), rel=_LENGTH)
    assert found.sharpest is not None
    # The vertex of an ellipse is sharp, and the curvature there interpolated on the grid.
    assert found.sharpest == pytest.approx(short**2 / long, rel=0.1)


def test_a_straight_line_through_a_rectangle() -> None:
    # From (-1, 10) to (5, 11.5), the diagonal.
    found = boundary(lambda p: (p[:, 0] + 1) - 4 * (p[:, 1] - 10), window=RECTANGLE)
    assert found.length == pytest.approx(math.hypot(6, 1.5), rel=1e-9)
    assert found.turning < 1


def sectors(count: int, x: float = 0.013, y: float = -0.007) -> Score:
    """Return the scores of as many classes, that meet in (x, y) at equal angles."""
    angles = 2 * np.pi * np.arange(count) / count + 0.3
    directions = np.stack((np.cos(angles), np.sin(angles)))
    return lambda p: (p - (x, y)) @ directions


@pytest.mark.parametrize("count", [3, 4, 5, 12])
def test_classes_around_a_point_are_told_apart_by_as_many_rays(count: int) -> None:
    found = boundary(sectors(count))
    assert found.pieces == count
    assert found.turning < 1
    # Each ray runs midway between two directions, from the point to the edge of the window.
    midway = 2 * np.pi * (np.arange(count) + 0.5) / count + 0.3
    reach = np.minimum(
        (2 - np.sign(np.cos(midway)) * 0.013) / np.abs(np.cos(midway)),
        (2 + np.sign(np.sin(midway)) * 0.007) / np.abs(np.sin(midway)),
    )
    # Linear scores, and their interpolation, are exact; a class that has no grid point in a cell
    # at the middle may be missed there, in each ray.
    assert found.length == pytest.approx(reach.sum(), abs=0.03 * count if count > 3 else 1e-9)


def test_three_lines_end_where_three_classes_meet() -> None:
    ends = [end for line in boundary(sectors(3)).lines for end in (line[0], line[-1])]
    near = [end for end in ends if math.dist(end, (0.013, -0.007)) < 1e-5]
    assert len(near) == 3


def test_of_two_classes_the_boundary_is_the_zero_of_the_difference() -> None:
    score = circle(1.2, 0.1)
    found = boundary(columns(lambda p: 3 + score(p), lambda p: np.full(len(p), 3.0)))
    expected = boundary(score)
    assert found.pieces == 1
    assert found.length == pytest.approx(expected.length, rel=1e-12)
    # The difference is rounded, and its second difference magnifies that by (4/0.02)².
    assert found.turning == pytest.approx(expected.turning, rel=1e-9)


def test_a_class_inside_another_has_a_closed_line_also_where_a_third_is_elsewhere() -> None:
    # Class 0 in a circle around the origin, class 2 right of x = 1.5, class 1 elsewhere.
    found = boundary(
        columns(lambda p: -circle(1.0)(p), lambda p: np.zeros(len(p)), lambda p: p[:, 0] - 1.5)
    )
    assert found.pieces == 2
    closed = [line for line in found.lines if line[0] == line[-1]]
    assert len(closed) == 1
    assert found.length == pytest.approx(2 * math.pi + 4, rel=_LENGTH)
    assert found.turning == pytest.approx(360, rel=_BEND)


@pytest.mark.parametrize("angle", np.linspace(0, 2 * np.pi, 9).tolist())
def test_a_circle_that_a_third_class_cuts_is_one_arc(angle: float) -> None:
    # Class 2 lies beyond the chord at distance 1/2, at any angle to where the circle begins.
    chord = line(angle, 0.5)
    found = boundary(
        columns(lambda p: -circle(1.0)(p), lambda p: np.zeros(len(p)), lambda p: 100 * chord(p))
    )
    # The circle's arc, class 2 against class 1 on either side, and class 2 against class 0.
    assert found.pieces == 4
    arcs = [one for one in found.lines if np.abs(np.hypot(*np.array(one).T) - 1).max() < 1e-3]
    (arc,) = arcs
    # The two classes meet where the chord cuts the circle, at ±60°; left is the arc of 240°.
    assert np.hypot(*np.diff(arc, axis=0).T).sum() == pytest.approx(4 * math.pi / 3, rel=_LENGTH)


def test_a_class_that_never_has_the_largest_score_changes_nothing() -> None:
    low = columns(circle(1.0), lambda p: np.zeros(len(p)), lambda p: np.full(len(p), -9.0))
    twice = columns(circle(1.0), lambda p: np.zeros(len(p)), lambda p: np.zeros(len(p)))
    expected = boundary(columns(circle(1.0), lambda p: np.zeros(len(p))))
    assert boundary(low) == expected
    assert boundary(twice) == expected


def test_every_change_of_class_along_a_path_crosses_one_line() -> None:
    model = Network(2, (8,), 5, seed=3)
    scale = 4.0  # steep enough that every class has a region

    def score(p: Array) -> Array:
        return np.asarray(model.infer(scale * p).numpy())

    found = boundary(score)
    rng = np.random.default_rng(0)
    missed = 0
    for start, end in rng.uniform(-2, 2, (200, 2, 2)):
        path = start + np.linspace(0, 1, 2001)[:, None] * (end - start)
        changes = int((np.diff(score(path).argmax(axis=1)) != 0).sum())
        missed += changes != crossings(found, start, end)
    # A path may pass within rounding of a vertex, or two lines between two of its points.
    assert missed <= 4


def crossings(found: Boundary, start: Array, end: Array) -> int:
    """Return how many segments of the lines a path crosses."""

    def side(a: Any, b: Any, c: Any) -> Any:
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1])
            - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    count = 0
    for one in found.lines:
        p, q = np.array(one)[:-1], np.array(one)[1:]
        apart = side(start, end, p) != side(start, end, q)
        count += int((apart & (side(p, q, start) != side(p, q, end))).sum())
    return count
