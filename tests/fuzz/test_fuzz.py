"""Whatever is typed or read: words and an exit code, never a traceback, never half a file."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backproof import lab, risk, training
from backproof._core.errors import BackproofError
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
OPTIONS: dict[str, tuple[str, ...]] = {
    "plan": ("--margin", "--confidence", "--expected", "--examples", "--power", "--side"),
    "interval": ("--confidence", "--method", "--side"),
    "coverage": ("--error", "--examples", "--confidence", "--method"),
    "compare": ("--confidence", "--truth"),
}


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


def mutated(original: bytes) -> st.SearchStrategy[bytes]:
    """Return what becomes of a file: bytes changed, cut out, put in, or the end lost."""
    place = st.integers(0, len(original))

    def change(edit: tuple[int, int, bytes]) -> bytes:
        at, length, new = edit
        return original[:at] + new + original[at + length :]

    edits = st.tuples(place, st.sampled_from([0, 1, 5, 10**9]), st.binary(max_size=8))
    return st.one_of(edits.map(change), st.binary(max_size=200))


TABLE = b"label,prediction,group\ncat,cat,a\ndog,cat,a\ncat,cat,b\ndog,dog,b\n" * 3
COMMANDS = ("certify", "count")


@SETTINGS
@given(mutated(TABLE), st.sampled_from(COMMANDS), st.sampled_from([".csv", ".jsonl", ".parquet"]))
def test_tables_of_any_kind(tmp_path: Path, content: bytes, command: str, suffix: str) -> None:
    path, out = tmp_path / f"table{suffix}", tmp_path / "counts.json"
    path.write_bytes(content)
    out.unlink(missing_ok=True)
    columns = ["--label", "label", "--prediction", "prediction"]
    written = ["--out", str(out)] if command == "count" else []
    code, printed = run(command, str(path), *columns, *written)
    in_words(code, printed)
    if command == "count":
        assert out.exists() == (code == 0)
        if code == 0:
            risk.Counts.from_json(out.read_bytes())


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


@pytest.fixture(scope="module")
def record(tiny_run: lab.LabRun) -> dict[str, Any]:
    return tiny_run.to_dict()


@settings(SETTINGS, max_examples=40)
@given(st.data())
def test_records_of_any_kind(tmp_path: Path, record: dict[str, Any], data: st.DataObject) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(data.draw(changed(record))), encoding="utf-8")
    with contextlib.suppress(BackproofError):
        lab.document(lab.load(path), _Blank())


@SETTINGS
@given(st.data())
def test_records_that_are_no_json(
    tmp_path: Path, record: dict[str, Any], data: st.DataObject
) -> None:
    path, out = tmp_path / "run.json", tmp_path / "report.html"
    whole = json.dumps(record).encode()
    path.write_bytes(data.draw(mutated(whole).filter(lambda text: not _is_json(text))))
    code, printed = run("report", str(path), "--out", str(out))
    assert code == 2
    in_words(code, printed)
    assert not out.exists()


class _Blank(dict[str, str]):
    """Every figure, drawn nowhere."""

    def __missing__(self, name: str) -> str:
        return "<svg/>"


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _saved(write: Callable[[Path], object], path: Path) -> bytes:
    write(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    fits = training.fit([2, 3], seeds=range(2), x=[[0.0, 1.0], [1.0, 0.0]], t=[-1, 1], steps=3)
    path = tmp_path_factory.mktemp("weights") / "fits.safetensors"
    return _saved(lambda where: training.save_fits(fits, where), path)


@SETTINGS
@given(st.data())
def test_weights_of_any_kind(tmp_path: Path, weights: bytes, data: st.DataObject) -> None:
    path = tmp_path / "fits.safetensors"
    path.write_bytes(data.draw(mutated(weights)))
    with contextlib.suppress(BackproofError):
        training.load_fits(path)


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("counts")
    (folder / "table.csv").write_bytes(TABLE)
    found = risk.count_table(folder / "table.csv", label="label", prediction="prediction")
    return found.to_json().encode()


@SETTINGS
@given(st.data())
def test_counts_of_any_kind(tmp_path: Path, counted: bytes, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["bytes", "tree"]))
    if kind == "bytes":
        content = data.draw(mutated(counted))
    else:
        content = json.dumps(data.draw(changed(json.loads(counted)))).encode()
    path = tmp_path / "counts.json"
    path.write_bytes(content)
    in_words(*run("certify", str(path)))


EVIL = "</script><img src=x onerror=alert(1)>"


def test_no_text_of_the_users_is_markup(tmp_path: Path) -> None:
    folder = tmp_path / "run of <img src=x onerror=1>"
    folder.mkdir()
    rows = [f'"{EVIL}",b,"{EVIL}"', "a,b,c", "b,b,c"] * 20
    table = folder / "<img onerror=1>.csv"
    table.write_text("\n".join([f'"label {EVIL}",p,"{EVIL}"', *rows]), encoding="utf-8")
    page = tmp_path / "page.html"
    code, printed = run(
        "certify", str(table), "--label", f"label {EVIL}", "--prediction", "p", "--by", EVIL,
        "--html", str(page),
    )  # fmt: skip
    assert code == 0, printed
    text = page.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "&lt;img" in text

    features = "\n".join(
        [
            f'"u {EVIL}",v,"kind {EVIL}"',
            *[f'{n % 7},{n % 5},"{EVIL if n % 2 else "no"}"' for n in range(60)],
        ]
    )
    table.write_text(features, encoding="utf-8")
    out = tmp_path / "model"
    code, printed = run(
        "train", str(table), "--label", f"kind {EVIL}", "--hidden", "2", "--seeds", "2",
        "--steps", "5", "--out", str(out),
    )  # fmt: skip
    assert code == 0, printed
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "onerror=alert(1)&gt;" in report
    assert "<img src=x" not in report
    assert report.count("<script") <= 1
