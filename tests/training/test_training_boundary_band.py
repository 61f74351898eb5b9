"""Quantiles of boundaries and the region between them, against geometry and matplotlib."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path
from numpy.typing import NDArray

from backproof._core.errors import InputError
from backproof.training import BoundaryBand, FFModel, boundary, boundary_band, fit

Array = NDArray[np.float64]
Score = Callable[[Array], Any]

# A cell is 0.02 wide in the default window: a polygon inscribed in a circle of radius 0.5 or more
# has an area that is smaller by a share of at most (0.02·√2/0.5)²/6 = 6e-4.
_AREA = 1e-3


def circle(radius: float, x: float = 0.0, y: float = 0.0) -> Score:
    return lambda p: np.hypot(p[:, 0] - x, p[:, 1] - y) - radius


def line(angle: float, offset: float = 0.0) -> Score:
    return lambda p: p[:, 0] * math.cos(angle) + p[:, 1] * math.sin(angle) - offset


def area(ring: Any) -> float:
    x, y = np.array(ring).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def total(band: BoundaryBand) -> float:
    return sum(map(area, band.region))


def inside(band: BoundaryBand, points: Array) -> NDArray[np.bool_]:
    """Return whether points are in the region, by matplotlib."""
    winding = np.zeros(len(points), int)
    for ring in band.region:
        winding += int(np.sign(area(ring))) * Path(np.array(ring)).contains_points(points)
    assert set(np.unique(winding).tolist()) <= {0, 1}
    return np.asarray(winding == 1)


def ends() -> dict[str, Any]:
    return {"quantiles": (0.0, 1.0)}


def test_the_quantiles_of_circles_are_circles() -> None:
    # Distances from the origin differ by a constant, so that quantiles of scores are of radii;
    # of 0.5, 0.75, …, 1.5 those of 10 %, 50 % and 90 % are 1.4, 1 and 0.6.
    band = boundary_band([circle(radius) for radius in np.linspace(0.5, 1.5, 5)])
    assert (band.members, band.diverged, band.quantiles) == (5, 0, (0.1, 0.5, 0.9))
    for found, radius in zip(band.boundaries, (1.4, 1.0, 0.6), strict=True):
        assert found.length == pytest.approx(2 * math.pi * radius, rel=_AREA)


def test_the_region_between_circles_is_a_ring() -> None:
    band = boundary_band([circle(0.5), circle(1.5)], **ends())
    assert total(band) == pytest.approx(math.pi * (1.5**2 - 0.5**2), rel=_AREA)
    places = np.array([(0.0, 0.4), (0.6, 0.0), (1.0, 1.0), (1.1, 1.1)])
    assert inside(band, places).tolist() == [False, True, True, False]


def test_the_region_around_several_holes() -> None:
    # One member is negative in two circles, the other in a large one around both.
    left, right = circle(0.5, -0.8), circle(0.5, 0.8)
    band = boundary_band([lambda p: np.minimum(left(p), right(p)), circle(1.6)], **ends())
    assert inside(band, np.array([(0.8, 0.0), (-0.8, 0.0), (0.0, 1.0)])).tolist() == [0, 0, 1]
    assert total(band) == pytest.approx(math.pi * (1.6**2 - 2 * 0.5**2), rel=_AREA)


def test_rings_inside_each_other() -> None:
    waves = [lambda p, shift=shift: np.cos(3 * np.hypot(*p.T)) - shift for shift in (-0.5, 0.5)]
    band = boundary_band(waves, **ends())
    # |cos 3r| < 1/2: in r/π from 1/9 to 2/9, 4/9 to 5/9, and so on to the frame's corners.
    points = np.random.default_rng(0).uniform(-2, 2, (20_000, 2))
    expected = np.abs(np.cos(3 * np.hypot(*points.T))) < 0.5
    # Lines are a thousandth of a cell away from circles; few points lie there.
    assert (inside(band, points) != expected).mean() < 1e-3


@pytest.mark.parametrize("angle", np.linspace(0, 2 * np.pi, 17).tolist())
def test_a_strip_across_the_window(angle: float) -> None:
    # Parallels at distance 0.4, also along the window's sides and its diagonals.
    band = boundary_band([line(angle, -0.2), line(angle, 0.2)], **ends())
    assert all(ring[0] == ring[-1] for ring in band.region)
    # The window's square of side 4, less the parts beyond each line.
    c, s = abs(math.cos(angle)), abs(math.sin(angle))
    assert total(band) == pytest.approx(_strip(c, s), rel=1e-5)


def _strip(c: float, s: float) -> float:
    """Return the area of |x·c + y·s| < 0.2 in the square of side 4, by summing over x."""
    x = np.linspace(-2, 2, 400_001)
    x = (x[1:] + x[:-1]) / 2
    if s < 1e-9:
        return float((np.abs(x * c) < 0.2).mean() * 16)
    low, high = (np.clip((edge - x * c) / s, -2, 2) for edge in (-0.2, 0.2))
    return float((high - low).mean() * 4)


def test_a_strip_along_the_diagonal_from_corner_to_corner() -> None:
    band = boundary_band([lambda p: p[:, 0] - p[:, 1], lambda p: p[:, 0] - p[:, 1] + 1], **ends())
    # The triangle above one diagonal, less the one above its parallel.
    assert total(band) == pytest.approx(8 - 4.5, rel=1e-6)


def test_lines_that_cross_leave_two_wedges() -> None:
    band = boundary_band([line(0.3), line(0.9)], **ends())
    points = np.random.default_rng(0).uniform(-2, 2, (20_000, 2))
    low, high = line(0.3)(points), line(0.9)(points)
    expected = (np.minimum(low, high) < 0) & (np.maximum(low, high) > 0)
    # The quantiles have a kink where the lines cross: they may differ within two cells of that.
    wrong = points[inside(band, points) != expected]
    assert (np.hypot(*wrong.T) < 0.05).all()


def test_a_region_thinner_than_a_cell_is_whole() -> None:
    # A ring of width 0.0002, a hundredth of a cell.
    band = boundary_band([circle(1.0), circle(1.0002)], **ends())
    # Vertices are stored to 1e-6, in a ring of this width 1 % of it.
    assert total(band) == pytest.approx(math.pi * (1.0002**2 - 1), rel=2e-2)


def test_all_of_the_window_is_a_region_where_the_networks_disagree_everywhere() -> None:
    constant = [lambda p, value=value: np.full(len(p), value) for value in (-1.0, 1.0)]
    band = boundary_band(constant, window=((0, 3), (1, 2)), quantiles=(0.0, 1.0))
    assert total(band) == pytest.approx(3)


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_where_all_agree_there_is_no_region(value: float) -> None:
    same = [lambda p, more=more: np.full(len(p), value * more) for more in (1.0, 2.0)]
    assert boundary_band(same).region == ()


@pytest.mark.parametrize("seed", range(6))
def test_the_region_is_where_the_quantiles_have_different_signs(seed: int) -> None:
    window = ((-1.5, 2.0), (-3.0, 1.0))
    models = [FFModel(6, seed=100 * seed + n).double() for n in range(7)]
    scores: list[Score] = [lambda p, model=model: model.infer(2 * p).numpy() for model in models]  # type: ignore[misc]
    band = boundary_band(scores, quantiles=(0.2, 0.8), window=window)
    points = np.random.default_rng(seed).uniform((-1.5, -3.0), (2.0, 1.0), (20_000, 2))
    values = np.stack([score(points) for score in scores])
    low, high = np.quantile(values, (0.2, 0.8), axis=0)
    # Linear interpolation in a cell moves the lines by far less than a cell, and there are but few
    # points there.
    assert (inside(band, points) != ((low < 0) & (high > 0))).mean() < 2e-3
    assert total(band) == pytest.approx(((low < 0) & (high > 0)).mean() * 14, abs=0.2)


@pytest.fixture(scope="module")
def blobs() -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    t = rng.choice([-1, 1], 60)
    return rng.normal(size=(60, 2)) * 0.5 + t[:, None], t


def test_one_network_has_a_band_without_width(blobs: tuple[Array, NDArray[np.int64]]) -> None:
    fits = fit(4, 3, *blobs, steps=50)
    band = boundary_band(fits)
    alone = boundary(fits[0].model.infer)
    assert (band.members, band.region) == (1, ())
    for found in band.boundaries:
        assert found.length == pytest.approx(alone.length, rel=1e-12)


def test_fits_are_taken_as_their_scores(blobs: tuple[Array, NDArray[np.int64]]) -> None:
    fits = fit(4, range(3), *blobs, steps=50)
    assert boundary_band(fits) == boundary_band([one.model.infer for one in fits])
    assert boundary_band(list(fits)) == boundary_band(fits)


def test_diverged_networks_are_left_out_and_counted(
    blobs: tuple[Array, NDArray[np.int64]],
) -> None:
    x, t = blobs
    broken = fit(4, [0, 1], 1e200 * x, t, loss="squared", steps=5, activation="relu")
    assert len(broken.diverged) == 2
    fits = fit(4, range(3), x, t, steps=50)
    band = boundary_band([*fits, *broken])
    assert (band.members, band.diverged) == (3, 2)
    assert band.boundaries == boundary_band(fits).boundaries
    assert str(band).startswith("3 networks, 2 diverged and left out\nquantile 0.1: ")
    with pytest.raises(InputError, match="at least one network that did not diverge, got 2"):
        boundary_band(broken)


def test_several_scores_are_refused() -> None:
    with pytest.raises(InputError, match="one score a point, got 3"):
        boundary_band([lambda p: np.ones((len(p), 3))])


def test_networks_of_several_classes_are_refused(
    blobs: tuple[Array, NDArray[np.int64]],
) -> None:
    fits = fit(4, range(2), blobs[0], (blobs[1] + 1) // 2, loss="softmax", steps=3)
    with pytest.raises(InputError, match="one score a point, got 2"):
        boundary_band(fits)


def test_networks_of_other_than_two_features_are_refused(
    blobs: tuple[Array, NDArray[np.int64]],
) -> None:
    fits = fit(4, range(2), np.hstack(blobs[:1] * 2), blobs[1], steps=3)
    with pytest.raises(InputError, match="two features, got one of 4"):
        boundary_band(fits)


@pytest.mark.parametrize("quantiles", [(), (0.9, 0.1), (0.5, 0.5), (-0.1, 0.5), 0.5, (math.nan,)])
def test_quantiles_that_do_not_increase_in_0_to_1_are_refused(quantiles: Any) -> None:
    with pytest.raises(InputError, match="quantiles"):
        boundary_band([circle(1.0)], quantiles=quantiles)


@pytest.mark.parametrize("scores", [[], ()])
def test_no_score_is_refused(scores: Any) -> None:
    with pytest.raises(InputError, match="at least one network"):
        boundary_band(scores)


@pytest.mark.parametrize("scores", [circle(1.0), 3])
def test_what_is_not_several_scores_is_refused(scores: Any) -> None:
    with pytest.raises(InputError, match="several score functions or fits"):
        boundary_band(scores)


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(InputError, match="score functions or fits, got a int"):
        boundary_band([circle(1.0), 3])  # type: ignore[list-item]


def test_json_gives_the_band_back() -> None:
    band = boundary_band([circle(0.5), circle(1.5)])
    assert BoundaryBand.from_json(band.to_json()) == band
    assert BoundaryBand.from_dict(band.to_dict()) == band
