"""Odd input: what is typed, what a file becomes, and what a command must make of it."""

import contextlib
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from backproof.cli import main

SETTINGS = settings(
    max_examples=60,
    derandomize=True,  # a suite that fails by chance says nothing of the change that it tests
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Without surrogates, which no command line and no file of text can hold, and without NUL.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["0", "1", "-1", "0.5", "1e400", "nan", "inf", "-inf", "0x10", "1_000", "٣", ""]
    ),
    TEXT,
)


def run(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and everything that it printed."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(words))
    code = ended.value.code
    assert isinstance(code, int)
    return code, printed.getvalue()


def in_words(code: int, printed: str) -> None:
    """A command that cannot do what is asked says so in a line; nothing was unexpected."""
    assert code in (0, 1, 2)
    assert "Traceback" not in printed
    assert "backproof: unexpected" not in printed
    if code == 2:
        complaint = printed[printed.rindex("backproof: ") :]
        assert len(complaint.strip()) > len("backproof: ")


def mutated(original: bytes) -> st.SearchStrategy[bytes]:
    """Return what becomes of a file: bytes changed, cut out, put in, or the end lost."""
    place = st.integers(0, len(original))

    def change(edit: tuple[int, int, bytes]) -> bytes:
        at, length, new = edit
        return original[:at] + new + original[at + length :]

    edits = st.tuples(place, st.sampled_from([0, 1, 5, 10**9]), st.binary(max_size=8))
    return st.one_of(edits.map(change), st.binary(max_size=200))


def changed(data: Any) -> st.SearchStrategy[Any]:
    """Return a tree of JSON in which one value is another, or is gone."""
    odd = st.one_of(
        st.none(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
        st.just([]),
        st.just({}),
    )
    if isinstance(data, dict) and data:
        return st.sampled_from(sorted(data)).flatmap(
            lambda key: st.one_of(
                changed(data[key]).map(lambda new: {**data, key: new}),
                st.just({name: value for name, value in data.items() if name != key}),
            )
        )
    if isinstance(data, list) and data:
        return st.integers(0, len(data) - 1).flatmap(
            lambda at: st.one_of(
                changed(data[at]).map(lambda new: [*data[:at], new, *data[at + 1 :]]),
                st.just(data[:at] + data[at + 1 :]),
            )
        )
    return odd


def chosen(options: dict[str, list[str]]) -> st.SearchStrategy[list[str]]:
    """Return words ``--option=value``: values that an option may take, and any others."""
    word = st.sampled_from(sorted(options)).flatmap(
        lambda option: st.one_of(st.sampled_from(options[option]), NUMBERS, TEXT).map(
            lambda value: f"{option}={value}"
        )
    )
    return st.lists(word, min_size=1, max_size=3)
