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
from backproof.training import Boundary, FFModel, boundary

Array = NDArray[np.float64]
Score = Callable[[Array], Any]


def circle(radius: float, x: float = 0.0, y: float = 0.0) -> Score:
    return lambda p: (p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2 - radius**2


def line(angle: float, offset: float) -> Score:
    return lambda p: p[:, 0] * math.cos(angle) + p[:, 1] * math.sin(angle) - offset


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
    assert large.window == 100


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


@pytest.mark.parametrize("window", [0.0, -1.0, math.nan, math.inf])
def test_a_window_that_is_not_positive_is_refused(window: float) -> None:
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
