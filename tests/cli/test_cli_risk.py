"""plan, interval, compare and coverage as a user meets them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backproof import risk

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def columns(tmp_path: Path) -> dict[str, Path]:
    """Files of true labels, of three models' predictions, and of errors."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    files = {"truth": truth}
    for name, error in (("a", 0.03), ("b", 0.2), ("c", 0.21)):
        files[name] = np.where(rng.random(400) < error, (truth + 1) % 3, truth)
    files["wrong_a"], files["wrong_b"] = files["a"] != truth, files["b"] != truth
    paths = {}
    for name, values in files.items():
        paths[name] = tmp_path / f"{name}.txt"
        paths[name].write_text("".join(f"{int(value)}\n" for value in values))
    return paths


def printed(run: tuple[int, str, str]) -> str:
    code, out, err = run
    assert (code, err) == (0, "")
    return out


def refused(run: tuple[int, str, str]) -> str:
    code, out, err = run
    assert (code, out) == (2, "")
    assert err.startswith("backproof: ")
    assert err.count("\n") == 1
    return err


def test_a_plan_prints_every_method_with_the_published_number(run_main: Main) -> None:
    out = printed(run_main("plan", "--margin", "0.01", "--confidence", "0.99"))
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line[:1].isalpha()}
    assert rows["hoeffding"] == "26492"
    assert rows["exact"] == "16650"
    assert set(risk.PLANS) - {"zero-errors"} <= set(rows)


def test_a_plan_as_json_is_the_librarys(run_main: Main) -> None:
    out = printed(run_main("plan", "--margin", "0.02", "--side", "upper", "--json"))
    assert json.loads(out) == [one.to_dict() for one in risk.plans(0.02, 0.95, "upper")]


def test_a_plan_goes_the_other_way(run_main: Main) -> None:
    out = printed(run_main("plan", "--examples", "2000", "--expected", "0.05", "--json"))
    expected = risk.plans(examples=2000, expected=0.05)
    assert json.loads(out) == [one.to_dict() for one in expected]
    assert "Margin of a test set of 2000" in printed(run_main("plan", "--examples", "2000"))


def test_a_narrow_terminal_gets_one_line_a_value(
    run_main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = printed(run_main("plan", "--margin", "0.01"))
    assert "  examples: 18445" in out
    assert max(map(len, out.splitlines())) <= 40


def test_an_interval_can_be_quoted(run_main: Main) -> None:
    out = printed(run_main("interval", "866", "26492"))
    assert out.splitlines()[0] == (
        "error 3.27 % (95 % CI 3.05–3.50 %, Clopper–Pearson, finite-sample, m = 26492, i.i.d.)"
    )


def test_an_interval_as_json_is_the_librarys(run_main: Main) -> None:
    one = json.loads(printed(run_main("interval", "33", "1000", "--method", "wilson", "--json")))
    assert one == risk.interval(33, 1000, method="wilson").to_dict()
    every = json.loads(printed(run_main("interval", "33", "1000", "--method", "all", "--json")))
    assert [row["method"] for row in every] == list(risk.METHODS)


def test_all_intervals_stand_side_by_side(run_main: Main) -> None:
    out = printed(run_main("interval", "0", "20", "--method", "all", "--side", "upper"))
    assert all(f"\n{method} " in out for method in risk.METHODS)
    assert "13.9108" in out


def test_coverage_is_told_at_an_error_and_at_worst(run_main: Main) -> None:
    arguments = ("coverage", "--examples", "30", "--error", "0.1", "--method", "wilson")
    assert "83.7124" in printed(run_main(*arguments))
    (found,) = json.loads(printed(run_main(*arguments, "--json")))
    assert found["coverage"] == risk.coverage("wilson", 30, 0.1)
    assert found["worst"]["coverage"] == risk.worst_coverage("wilson", 30).coverage


def test_predictions_are_compared_with_the_truth(run_main: Main, columns: dict[str, Path]) -> None:
    out = printed(run_main("compare", columns["a"], columns["b"], "--truth", columns["truth"]))
    assert out.startswith("A has the smaller error at confidence 0.95")
    of_errors = printed(run_main("compare", columns["wrong_a"], columns["wrong_b"]))
    assert of_errors == out


def test_three_models_are_ranked(run_main: Main, columns: dict[str, Path]) -> None:
    models = [columns[name] for name in ("b", "c", "a")]
    found = json.loads(printed(run_main("compare", *models, "--truth", columns["truth"], "--json")))
    ranks = {
        Path(row["name"]).stem: (row["best_rank"], row["worst_rank"]) for row in found["models"]
    }
    assert ranks == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}


def test_counts_of_two_test_sets_are_compared(run_main: Main) -> None:
    out = json.loads(printed(run_main("compare", "33/1000", "51/1200", "--json")))
    assert out == risk.compare_rates(33, 1000, 51, 1200).to_dict()


def test_a_comparison_takes_clusters_mid_p_and_arrays(
    run_main: Main, columns: dict[str, Path], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("".join(f"patient {n // 4}\n" for n in range(400)))
    pair = (columns["wrong_a"], columns["wrong_b"])
    clustered = json.loads(printed(run_main("compare", *pair, "--clusters", keys, "--json")))
    assert clustered["clusters"] == 100
    mid_p = json.loads(printed(run_main("compare", *pair, "--mid-p", "--json")))
    assert mid_p["test_guarantee"] == "asymptotic"
    arrays = []
    for path in pair:
        arrays.append(tmp_path / f"{path.stem}.npy")
        np.save(arrays[-1], np.loadtxt(path))
    assert printed(run_main("compare", *arrays)) == printed(run_main("compare", *pair))


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--margin", "0.1"),
        ("interval", "3", "100", "--method", "all"),
        ("coverage", "--examples", "20", "--method", "wilson"),
        ("compare", "3/100", "9/100"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_picture_is_drawn_where_it_is_asked_for(
    arguments: tuple[str, ...], suffix: str, run_main: Main, tmp_path: Path
) -> None:
    path = tmp_path / f"picture.{suffix}"
    assert f"picture: {path}" in printed(run_main(*arguments, "--plot", path))
    code, out, err = run_main(*arguments, "--plot", path, "--json")
    assert (code, err) == (0, f"picture: {path}\n")
    json.loads(out)
    assert path.read_bytes().startswith(
        {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    )
    if suffix == "png":
        with Image.open(path) as image:
            assert len(image.convert("L").getcolors() or ()) > 10  # something is drawn


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan",), "either a margin or a number of examples"),
        (("plan", "--margin", "0.1", "--examples", "5"), "either a margin or a number"),
        (("plan", "--margin", "1"), "margin must lie strictly between 0 and 1"),
        (("plan", "--margin", "x"), "'x' is not a valid float"),
        (("plan", "--margin", "0.1", "--confidence", "95"), "confidence must lie strictly"),
        (("plan", "--margin", "0.1", "--side", "left"), "'left' is not one of"),
        (("plan", "--margin", "0.1", "--disagreement", "0.05"), "disagreement must be at least"),
        (("plan", "--margin", "0.1", "--plot", "p.gif"), "--plot must end in .svg, .png, .pdf"),
        (("interval", "5", "3"), "errors must be at most the number of examples 3, got 5"),
        (("interval", "-1", "3"), "-1"),
        (("interval", "1.5", "3"), "'1.5' is not a valid integer"),
        (("interval", "1", "3", "--method", "wald"), "method must be one of"),
        (("interval", "1"), "Missing argument 'EXAMPLES'"),
        (("coverage", "--error", "2"), "error must lie in [0, 1]"),
        (("coverage", "--examples", "0"), "examples must be at least 1"),
        (("coverage", "--method", "x"), "method must be one of"),
        (("compare", "3/10"), "at least two models, got 3/10 alone"),
        (("compare", "3/10", "11/10"), "b: errors must be at most"),
        (("compare", "3/10", "1/10", "2/10"), "counts are compared for two models"),
        (("compare", "nowhere", "3/10"), "cannot read nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_used_ends_with_2_and_one_line(
    arguments: tuple[str, ...], message: str, run_main: Main
) -> None:
    assert message in refused(run_main(*arguments))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"0\n\n1\n", "has an empty line, number 2"),
        (b"\xff\xfe\x00", "holds no column of values"),
        (b"0\n1\n2\n", "losses must lie in [0, 1]"),
        (b"0\nnan\n1\n", "nan"),
        (b"a\nb\nc\n", "holds text, expected errors or losses"),
        (b"0\n1\n", "one number of examples"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    content: bytes, message: str, run_main: Main, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("0\n1\n1\n")
    bad.write_bytes(content)
    error = refused(run_main("compare", good, bad))
    assert message in error
    assert "bad" in error or "b:" in error or "of b" in error


def test_a_folder_and_one_file_twice_are_refused(run_main: Main, tmp_path: Path) -> None:
    (tmp_path / "good").write_text("0\n1\n")
    assert "cannot read" in refused(run_main("compare", tmp_path / "good", tmp_path))
    twice = refused(run_main("compare", tmp_path / "good", tmp_path / "good"))
    assert "a file of its own" in twice


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(
    run_main: Main, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" / "p.png"
    assert "choose another place" in refused(run_main("interval", "1", "9", "--plot", place))


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--margin", "0.01", "--confidence", "0.99"),
        ("interval", "33", "1000"),
        ("coverage", "--examples", "10"),
        ("compare", "33/1000", "51/1200"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_counting_needs_neither_torch_nor_matplotlib(arguments: tuple[str, ...]) -> None:
    code = (
        "import atexit, sys\n"
        "def tell(): print('heavy:', sorted({'torch', 'matplotlib'} & set(sys.modules)))\n"
        "atexit.register(tell)\n"
        "from backproof.cli import main\n"
        f"main({list(arguments)!r})\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.splitlines()[-1] == "heavy: []"


def test_help_shows_an_example_of_each_command(run_main: Main) -> None:
    commands: list[Any] = ["plan", "interval", "compare", "coverage"]
    for command in commands:
        out = printed(run_main(command, "--help"))
        assert f"Example: backproof {command}" in out
        assert "--json" in out
        assert "--plot" in out
