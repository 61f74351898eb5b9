"""Results go to JSON and come back unchanged; what is no result is refused by name."""

import json
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backproof._core.errors import BackproofError, InputError
from backproof._core.results import ArrayResult, Result


@dataclass(frozen=True, kw_only=True)
class Part(Result):
    name: str
    rate: float


@dataclass(frozen=True, kw_only=True)
class Whole(Result):
    count: int
    parts: tuple[Part, ...]
    table: dict[str, float]
    missing: float | None = None
    held: bool = True


WHOLE = Whole(
    count=3, parts=(Part(name="a", rate=0.1), Part(name="b", rate=1e-300)), table={"x": 2.5}
)

names = st.text()
rates = st.floats(allow_nan=False, allow_infinity=False)
wholes = st.builds(
    Whole,
    count=st.integers(-(2**53), 2**53),
    parts=st.lists(st.builds(Part, name=names, rate=rates)).map(tuple),
    table=st.dictionaries(names, rates),
    missing=st.none() | rates,
    held=st.booleans(),
)


@settings(deadline=None, derandomize=True)
@given(wholes)
def test_json_brings_a_result_back_unchanged(whole: Whole) -> None:
    assert Whole.from_json(whole.to_json()) == whole


@settings(deadline=None, derandomize=True)
@given(wholes)
def test_dictionaries_bring_a_result_back_unchanged(whole: Whole) -> None:
    assert Whole.from_dict(whole.to_dict()) == whole


def test_indented_json_brings_a_result_back_unchanged() -> None:
    assert Whole.from_json(WHOLE.to_json(indent=2)) == WHOLE


def test_indent_spreads_json_over_lines() -> None:
    assert WHOLE.to_json().count("\n") == 0
    assert '\n  "count": 3' in WHOLE.to_json(indent=2)


def test_json_is_what_any_reader_understands() -> None:
    assert json.loads(WHOLE.to_json()) == {
        "count": 3,
        "parts": [{"name": "a", "rate": 0.1}, {"name": "b", "rate": 1e-300}],
        "table": {"x": 2.5},
        "missing": None,
        "held": True,
    }


def test_a_dictionary_holds_builtin_values_only() -> None:
    assert json.loads(json.dumps(WHOLE.to_dict())) == json.loads(WHOLE.to_json())


def test_json_bytes_are_accepted() -> None:
    assert Whole.from_json(WHOLE.to_json().encode()) == WHOLE


def test_an_integer_is_accepted_where_a_float_is_due() -> None:
    assert Part.from_json('{"name": "a", "rate": 1}') == Part(name="a", rate=1.0)


def test_a_result_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        WHOLE.count = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "a"}', "not a Part: .*missing required field `rate`"),
        ('{"name": "a", "rate": "1"}', r"not a Part: Expected `float`, got `str` - at `\$.rate`"),
        ('{"name": 1, "rate": 1}', r"not a Part: Expected `str`, got `int` - at `\$.name`"),
        ("[]", "not a Part: Expected `object`, got `array`"),
        ('{"name": "a", "ra', "not whole JSON: "),
        ("", "not whole JSON: "),
        ('{"name": "a", "rate": 1} trailing', "not whole JSON: "),
        ('{"name": "a", "rate": NaN}', "not whole JSON: "),
    ],
)
def test_text_that_is_no_result_is_refused_saying_why(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Part.from_json(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "a"}, "not a Part: .*missing required field `rate`"),
        ({"name": "a", "rate": "1"}, r"not a Part: .*at `\$.rate`"),
    ],
)
def test_a_dictionary_that_is_no_result_is_refused_saying_why(
    data: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Part.from_dict(data)


def test_a_nested_fault_is_named_by_its_path() -> None:
    with pytest.raises(InputError, match=r"\$\.parts\[1\]\.rate"):
        Whole.from_json(
            '{"count": 1, "table": {}, "parts": '
            '[{"name": "a", "rate": 1}, {"name": "b", "rate": []}]}'
        )


def test_an_input_error_is_a_value_error_and_one_of_ours() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(InputError, BackproofError)


def test_a_notebook_shows_a_result_escaped() -> None:
    shown = Part(name="<script>", rate=0.0)._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


@pytest.mark.parametrize("text", [b"\x80{}", b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_text_or_has_no_end_is_refused(text: bytes) -> None:
    with pytest.raises(InputError, match=r"not (whole JSON|a )"):
        Whole.from_json(text)


@dataclass(frozen=True, kw_only=True, eq=False)
class Counted(ArrayResult):
    values: NDArray[np.int64]


def test_a_number_that_no_array_can_hold_is_refused() -> None:
    with pytest.raises(InputError, match="too large for int64"):
        Counted.from_json('{"values": [9223372036854775808]}')
