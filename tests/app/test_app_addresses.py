"""The state of the page in its address."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backproof.app import gallery, gradient, planner, study, tape
from backproof.app.addresses import read, written
from backproof.app.settings import settings_of
from backproof.app.train.own import own_points, own_text
from backproof.app.train.settings import Settings

KINDS = [
    Settings,
    gradient.CheckSettings,
    gradient.StepSettings,
    tape.Settings,
    gallery.Settings,
    study.Settings,
    planner.Settings,
]


def values(setting: Any) -> st.SearchStrategy[Any]:
    control = setting.control
    if control.choices is not None:
        return st.sampled_from(control.choices)
    if setting.kind is str:
        return st.text()
    if setting.kind is float:
        return st.floats(control.least, control.most)
    whole = st.integers(int(control.least), int(control.most)).filter(
        lambda number: not (control.even and number % 2)
    )
    return whole if setting.kind is int else st.lists(whole, min_size=1, max_size=4).map(tuple)


@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_settings_come_back_from_their_address(kind: Any, data: st.DataObject) -> None:
    chosen = kind(**{one.name: data.draw(values(one), one.name) for one in settings_of(kind)})
    query = dict(parse_qsl(written(chosen), keep_blank_values=True))
    assert read(kind, query) == (chosen, [])


def test_what_is_as_usual_is_not_in_the_address() -> None:
    assert written(*(kind() for kind in KINDS)) == ""


def test_names_are_one_panels_alone() -> None:
    names = [setting.name for kind in KINDS for setting in settings_of(kind)]
    assert len(names) == len({*names, "panel", "colours"}) - 2


@given(st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_any_address_is_read(kind: Any, data: st.DataObject) -> None:
    names = st.sampled_from([setting.name for setting in settings_of(kind)])
    texts = st.one_of(st.text(), st.floats().map(str), st.integers().map(str))
    query = data.draw(st.dictionaries(names, texts))
    settings, complaints = read(kind, query)
    assert isinstance(settings, kind)
    assert len(complaints) <= len(query)
    again = dict(parse_qsl(written(settings), keep_blank_values=True))
    assert read(kind, again) == (settings, [])


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            {"data": "evil"},
            "data must be one of lab, moons, circles, spirals, own points, got 'evil'",
        ),
        ({"points": "7"}, "points must be even, got 7; 200 is shown"),
        ({"points": "many"}, "points must be a whole number, got 'many'"),
        ({"points": "1000000000000"}, "points must be from 2 to 2000, got 1000000000000"),
        ({"rate": "nan"}, "rate must be from 1e-06 to 1000000, got nan"),
        ({"hidden": "5,x"}, "hidden must be a whole number, or several with commas between them"),
        ({"hidden": ""}, "hidden must be a whole number, or several"),
        ({"hidden": "1,2,3,4,5,6,7"}, "hidden must be at most 6 numbers, got 7"),
        ({"hidden": "5,501"}, "hidden must be from 1 to 500, got 501"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_usual_shown(
    query: dict[str, str], complaint: str
) -> None:
    settings, (said,) = read(Settings, query)
    assert settings == Settings()
    assert complaint in said


points = st.tuples(st.floats(-9, 9), st.floats(-9, 9), st.sampled_from([-1, 1]))


@given(st.lists(points, max_size=20))
def test_own_points_come_back_to_two_decimals(found: list[tuple[float, float, int]]) -> None:
    again = own_points(own_text(found))
    assert len(again) == len(found)
    for (x1, x2, t), (y1, y2, s) in zip(found, again, strict=True):
        assert abs(x1 - y1) <= 0.005 + 1e-9
        assert abs(x2 - y2) <= 0.005 + 1e-9
        assert t == s
