"""The folder of a run: whole or not at all, read back or refused in plain words."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from backproof import lab, plots
from backproof._core.errors import InputError, OutputError
from backproof.lab.output import report_html

Fast = Callable[[Figure, Path, str], None]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# What a run writes.


def test_a_run_writes_its_four_parts(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {
        "run.json", "report.html", "figures", "tables"
    }  # fmt: skip


def test_every_figure_is_written_in_every_format(written: Path) -> None:
    names = {
        "tape-program-a", "tape-program-b", "gradient-sweep", "boundary-3", "boundary-6",
        "boundary-6-untrained", "losses", "seeds", "test-error", "intervals",
    }  # fmt: skip
    assert {path.name for path in (written / "figures").iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("svg", "png", "pdf")
    }


def test_every_table_is_written_as_csv_and_latex(written: Path) -> None:
    files = [path for path in (written / "tables").iterdir() if path.stat().st_size]
    stems = {path.stem for path in files}
    assert {path.name for path in files} == {
        f"{stem}.{suffix}" for stem in stems for suffix in ("csv", "tex")
    }
    assert len(stems) == 14


def test_what_is_written_is_read_back(written: Path, tiny_run: lab.LabRun) -> None:
    assert lab.load(written / "run.json") == tiny_run


def test_the_report_is_rendered_again_from_the_record_byte_for_byte(written: Path) -> None:
    again = report_html(lab.load(written / "run.json"))
    # Not compared with ==: on a difference pytest would compare megabytes line by line.
    same = again == (written / "report.html").read_text(encoding="utf-8")
    assert same


@pytest.mark.parametrize("name", ["run.json", "report.html", "figures/seeds.svg"])
def test_nothing_written_names_a_place_on_this_machine(written: Path, name: str) -> None:
    text = (written / name).read_text(encoding="utf-8")
    for place in (Path.home(), Path.cwd(), Path(lab.__file__).parents[2], written.parent):
        if place != Path("/"):
            assert str(place) not in text


def test_nothing_written_names_the_folder_pytorch_was_built_in(written: Path) -> None:
    assert "/__w/" not in (written / "run.json").read_text(encoding="utf-8")


# Reading.


@pytest.fixture
def record(written: Path) -> Any:
    return json.loads((written / "run.json").read_bytes())


@pytest.mark.parametrize("percent", range(0, 100, 5))
def test_a_truncated_record_is_refused(written: Path, tmp_path: Path, percent: int) -> None:
    whole = (written / "run.json").read_bytes()
    path = tmp_path / "run.json"
    path.write_bytes(whole[: len(whole) * percent // 100])
    with pytest.raises(InputError, match=r"not a whole run\.json.*run backproof lab again"):
        lab.load(path)


def test_a_record_without_its_last_brace_is_refused(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes((written / "run.json").read_bytes().rstrip()[:-1])
    with pytest.raises(InputError, match="not a whole"):
        lab.load(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_record_is_read_or_refused_but_never_fails(
    written: Path, tmp_path: Path, data: st.DataObject
) -> None:
    text = bytearray((written / "run.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "run.json"
    path.write_bytes(text)
    message = str(path)
    try:
        lab.load(path)
    except InputError as error:
        message = str(error)
    assert str(path) in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not a whole"),
        (b"no json", "not a whole"),
        (b"\xff\xfe{}", "not a whole"),
        (b'{"format": 1, "config": "\xff"}', "run.json"),
        (b"[" * 100_000, "run.json"),
        (b'{"a":' * 100_000, "run.json"),
        (b"[]", "no format number"),
        (b"null", "no format number"),
        (b"{}", "no format number"),
        (b'{"format": true}', "no format number"),
        (b'{"format": null}', "no format number"),
        (b'{"format": "1"}', "no format number"),
        (b'{"format": 1.0}', "no format number"),
        (b'{"format": 0}', "no format number"),
        (b'{"format": 5}', "newer Backproof: it has format 5, and this version reads up to 4"),
        (b'{"format": 1' + b"0" * 400 + b"}", "newer Backproof"),
        (b'{"format": 2}', "older Backproof: it has format 2, and this version cannot read it"),
        (b'{"format": 4}', "damaged"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match=message):
        lab.load(path)


@pytest.mark.parametrize(
    ("keys", "value", "place"),
    [
        (("training", "networks", 1, "hidden"), "six", "$.training.networks[1].hidden"),
        (("config", "seeds"), 1.5, "$.config.seeds"),
        (("config", "hidden"), 5, "$.config.hidden"),
        (("claims", 0, "held"), 1, "$.claims[0].held"),
        (("test_error", "bayes_error"), None, "$.test_error.bayes_error"),
        (("comparisons", 0, "unit"), "metres", "$.comparisons[0].unit"),
        (("provenance", "packages", "torch"), 2, "$.provenance.packages[...]"),
        (("gradient", "sweeps", 0, "curves", 1, "law"), [], "$.gradient.sweeps[0].curves[1].law"),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_a_wrong_type_is_refused_and_its_place_named(
    tmp_path: Path, record: Any, keys: tuple[str | int, ...], value: object, place: str
) -> None:
    path = tmp_path / "run.json"
    inner = record
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        lab.load(path)
    assert place in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_field_is_refused_and_named(tmp_path: Path, record: Any) -> None:
    path = tmp_path / "run.json"
    del record["training"]["bayes"]
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="bayes"):
        lab.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.json: No such file"):
        lab.load(tmp_path / "none.json")


def test_a_folder_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        lab.load(tmp_path)


# Writing.


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Fast:
    """Figures are not drawn to files, which takes most of the time of writing."""

    def save(figure: Figure, folder: Path, name: str) -> None:
        for suffix in plots.FORMATS:
            (folder / f"{name}.{suffix}").write_text("<svg/>", encoding="utf-8")

    monkeypatch.setattr(plots.style, "save", save)
    return save


@pytest.mark.usefixtures("fast")
def test_an_older_run_is_replaced_whole(
    tiny_run: lab.LabRun, written: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(written, folder)
    (folder / "figures" / "seeds.svg").write_text("old")
    (folder / "tables" / "plan.csv").unlink()
    lab.write(tiny_run, folder)
    assert (folder / "figures" / "seeds.svg").read_text() == "<svg/>"
    assert (folder / "tables" / "plan.csv").is_file()
    assert lab.load(folder / "run.json") == tiny_run
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.usefixtures("fast")
def test_folders_above_are_made(tiny_run: lab.LabRun, tmp_path: Path) -> None:
    lab.write(tiny_run, tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "report.html").is_file()


@pytest.mark.usefixtures("fast")
def test_an_empty_folder_is_used(tiny_run: lab.LabRun, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    lab.write(tiny_run, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").is_file()


class BrokenError(Exception):
    pass


@pytest.mark.parametrize(
    ("place", "failure"),
    [
        ("backproof.plots.losses", BrokenError()),
        ("backproof.plots.losses", KeyboardInterrupt()),
        ("backproof.lab.output.to_latex", BrokenError()),
        ("backproof.lab.output.render_html", BrokenError()),
        ("backproof.lab.output.render_html", SystemExit()),
    ],
)
@pytest.mark.parametrize("old", [True, False], ids=["old run", "no old run"])
@pytest.mark.usefixtures("fast")
def test_a_failure_in_the_middle_leaves_what_was_there(
    tiny_run: lab.LabRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: Path,
    place: str,
    failure: BaseException,
    old: bool,
) -> None:
    folder = tmp_path / "run"
    if old:
        shutil.copytree(written, folder)
    before = contents(tmp_path)

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(place, fail)
    with pytest.raises(type(failure)):
        lab.write(tiny_run, folder)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["run"] if old else [])


@pytest.mark.usefixtures("fast")
def test_a_file_that_appears_meanwhile_is_kept(
    tiny_run: lab.LabRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    def late(document: object) -> str:
        (folder / "thesis.txt").write_text("mine")
        return ""

    monkeypatch.setattr("backproof.lab.output.render_html", late)
    with pytest.raises(OutputError, match="other files have appeared"):
        lab.write(tiny_run, folder)
    assert contents(folder) == {"thesis.txt": b"mine"}


@pytest.mark.usefixtures("fast")
def test_a_full_disk_is_an_output_error(
    tiny_run: lab.LabRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(plots.style, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        lab.write(tiny_run, tmp_path / "run")


def foreign_file(folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "thesis.txt").write_text("mine")
    return folder / "run"


def foreign_file_deep(folder: Path) -> Path:
    (folder / "run" / "figures" / "mine").mkdir(parents=True)
    (folder / "run" / "figures" / "mine" / "a.png").write_text("mine")
    return folder / "run"


def figures_of_another(folder: Path) -> Path:
    # Nothing says that a run wrote these: there is no run.json, and no run has such figures.
    (folder / "paper" / "figures").mkdir(parents=True)
    (folder / "paper" / "figures" / "my-own-photo.png").write_text("mine")
    return folder / "paper"


def figure_added_to_a_run(folder: Path) -> Path:
    (folder / "run" / "figures" / "my-own-photo.png").write_text("mine")
    return folder / "run"


def a_record_that_cannot_be_read(folder: Path) -> Path:
    (folder / "run").mkdir()
    (folder / "run" / "run.json").write_text("{}")
    return folder / "run"


def a_file(folder: Path) -> Path:
    (folder / "run").write_text("mine")
    return folder / "run"


def a_link(folder: Path) -> Path:
    (folder / "real").mkdir()
    (folder / "run").symlink_to(folder / "real")
    return folder / "run"


def a_broken_link(folder: Path) -> Path:
    (folder / "run").symlink_to(folder / "nowhere")
    return folder / "run"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file" / "run"


def the_current_folder(folder: Path) -> Path:
    return Path()


def the_current_folder_by_name(folder: Path) -> Path:
    return folder


def a_parent(folder: Path) -> Path:
    return folder.parent


def a_parent_by_dots(folder: Path) -> Path:
    return Path("..")


def too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


def a_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop" / "run"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_file, r"holds thesis\.txt, which no run wrote; move it away"),
        (foreign_file_deep, "which no run wrote"),
        (figures_of_another, "which no run wrote"),
        (figure_added_to_a_run, r"holds figures/my-own-photo\.png, which no run wrote"),
        (a_record_that_cannot_be_read, "cannot be told from a run, because .*no format number"),
        (a_file, "it is not a folder"),
        (a_link, "it is not a folder"),
        (a_broken_link, "it is not a folder"),
        (below_a_file, "choose another place"),
        (the_current_folder, "current folder or one above it"),
        (the_current_folder_by_name, "current folder or one above it"),
        (a_parent, "current folder or one above it"),
        (a_parent_by_dots, "current folder or one above it"),
        (too_long, "choose another place"),
        (a_loop, "choose another place"),
    ],
)
@pytest.mark.usefixtures("fast")
def test_a_place_that_is_not_ours_is_refused_and_left_alone(
    tiny_run: lab.LabRun,
    written: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    message: str,
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    if make is figure_added_to_a_run:
        shutil.copytree(written, here / "run")
    place = make(here)
    before = contents(here), sorted(path.name for path in here.iterdir())
    with pytest.raises(OutputError, match=message):
        lab.check_output(place)
    with pytest.raises(OutputError, match=message):
        lab.write(tiny_run, place)
    assert (contents(here), sorted(path.name for path in here.iterdir())) == before


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    lab.check_output(tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []
