"""Commands whose arguments are all of the input."""

import contextlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.inputs import NUMBERS, SETTINGS, in_words, run

OPTIONS: dict[str, tuple[str, ...]] = {
    "plan": ("--margin", "--confidence", "--expected", "--examples", "--power", "--side"),
    "interval": ("--confidence", "--method", "--side"),
    "coverage": ("--error", "--examples", "--confidence", "--method"),
    "compare": ("--confidence", "--truth"),
}


@SETTINGS
@given(
    st.sampled_from(sorted(OPTIONS)).flatmap(
        lambda command: st.tuples(
            st.just(command),
            st.lists(NUMBERS, max_size=3),
            st.lists(st.tuples(st.sampled_from(OPTIONS[command]), NUMBERS), max_size=3),
        )
    )
)
def test_arguments_of_any_kind(
    tmp_path: Path, asked: tuple[str, list[str], list[tuple[str, str]]]
) -> None:
    command, arguments, options = asked
    with contextlib.chdir(tmp_path):
        words = [word for pair in options for word in pair]
        in_words(*run(command, *words, "--", *arguments))


def is_port(text: str) -> bool:
    try:
        return 0 <= int(text) <= 65535
    except ValueError:
        return False


@SETTINGS
@given(NUMBERS.filter(lambda text: not is_port(text)))
def test_what_is_no_port_opens_no_page(port: str) -> None:
    code, printed = run("app", "--no-open", f"--port={port}")
    assert code == 2
    in_words(code, printed)
