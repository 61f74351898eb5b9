"""``backproof check``: what it runs, what it prints, and the exit code that scripts go by."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from backproof.cli.main import main
from backproof.gradcheck import GradientReport

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_function.py"
PATIENCE = 120.0  # seconds until a hung process fails the test; never an expectation

Main = Callable[..., tuple[int, str, str]]
Checks = Callable[..., Path]

HEAD = """
import sys
import torch
from backproof.gradcheck import Case

x = torch.linspace(0.1, 2, 3, dtype=torch.float64)


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return 1.5 * upstream * x.exp()

"""


@pytest.fixture(autouse=True)
def _imports_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Forget the checked files, which a process of its own would take along as it ends."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(before):
        if Path(getattr(sys.modules[name], "__file__", None) or "").is_relative_to(tmp_path):
            del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Run ``backproof check`` in this process; return exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["check", *map(str, arguments)])
        out, err = capsys.readouterr()
        code = stopped.value.code
        assert isinstance(code, int)
        return code, out, err

    return run


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Write a file of checks and go to its folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "checks.py", head: str = HEAD) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def backproof(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backproof", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", **more},
        check=False,
        stdin=subprocess.DEVNULL,
    )


def one_line(code: int, out: str, err: str, *said: str) -> None:
    """Expect exit code 2 and one line on stderr with all that is `said`."""
    assert code == 2
    assert out == ""
    assert err.startswith("backproof: ")
    assert len(err.splitlines()) == 1, err
    for one in said:
        assert one in err


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def reports(text: str) -> list[dict[str, Any]]:
    found = strict_json(text)
    assert isinstance(found, list)
    return found


RIGHT = "right = Case(torch.exp, (x,))\n"
WRONG = "wrong = Case(Wrong.apply, (x,))\n"
UNTOLD = "untold = Case(lambda x: x.sum().sqrt(), (0 * x,))\n"


# What can be named.


@pytest.mark.parametrize(
    "text",
    [
        "one = Case(torch.exp, (x,))",
        "one = Case(torch.exp, x)",
        "one = Case(torch.exp, (x,), {'seed': 3})",
        "one = Case(torch.nn.Linear(3, 2).double(), (x,))",
        "def one(): return Case(torch.exp, (x,))",
        "def one(): return torch.exp, (x,)",
        "def one(): return torch.exp, x",
        "def one(): return torch.exp, (x,), {'seed': 3, 'order': 2}",
        "def one(): return torch.nn.Linear(3, 2).double(), (x,), {'loss': torch.sum}",
        "one = lambda: (torch.mul, (x, x))",
        "def one(seed=1): return torch.exp, (x,), {'seed': seed}",
    ],
)
def test_a_name_is_a_case_or_a_function_that_returns_one(
    run_main: Main, checks: Checks, text: str
) -> None:
    path = checks(text)
    code, out, err = run_main(f"{path}:one")
    assert (code, err) == (0, "")
    name, verdict, *_ = out.splitlines()
    assert name == "checks.py:one"
    assert verdict.startswith("AGREE: ")


def test_options_are_those_of_check(run_main: Main, checks: Checks) -> None:
    path = checks("def one(): return Wrong.apply, (x,), {'localize': False, 'false_alarm': 1e-9}")
    code, out, _ = run_main(f"{path}:one", "--json")
    assert code == 1
    (report,) = reports(out)
    assert report["false_alarm"] == 1e-9
    assert report["tensors"][0]["wrong"] == []


def test_several_names_are_run_in_their_order(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT + WRONG + "def more(): return torch.sin, (x,)")
    code, out, err = run_main(f"{path}:more", f"{path}:wrong", f"{path}:right")
    assert (code, err) == (1, "")
    names = [line for line in out.splitlines() if line.startswith("checks.py:")]
    assert names == ["checks.py:more", "checks.py:wrong", "checks.py:right"]


def test_several_files(run_main: Main, checks: Checks) -> None:
    first, second = checks(RIGHT, "one.py"), checks(WRONG, "two.py")
    code, out, _ = run_main(first, second)
    assert code == 1
    assert "one.py:right\nAGREE" in out
    assert "two.py:wrong\nDISAGREE" in out


def test_a_file_alone_runs_every_case_and_no_function(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT + WRONG + "def never(): raise AssertionError\nlast = Case(torch.sin, x)")
    code, out, err = run_main(path)
    assert (code, err) == (1, "")
    names = [line for line in out.splitlines() if line.startswith("checks.py:")]
    assert names == ["checks.py:right", "checks.py:wrong", "checks.py:last"]


def test_a_file_may_import_from_its_folder(run_main: Main, checks: Checks) -> None:
    checks("value = 3.0", "beside_the_checks.py", head="")
    path = checks("from beside_the_checks import value\none = Case(torch.exp, (value * x,))")
    assert run_main(f"{path}:one")[0] == 0


def test_a_file_may_hold_dataclasses(run_main: Main, checks: Checks) -> None:
    # These look up their module while they are made.
    path = checks(
        RIGHT,
        head="from __future__ import annotations\nfrom dataclasses import dataclass\n" + HEAD
        + "@dataclass\nclass Setting:\n    size: int = 3\n",
    )  # fmt: skip
    assert run_main(path)[0] == 0


def test_what_is_guarded_as_a_script_is_not_run(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT + "if __name__ == '__main__':\n    raise AssertionError('run')\n")
    assert run_main(path)[0] == 0


@pytest.mark.parametrize("name", ["a b.py", "a:b.py", "a.py:b.py", "ä.py", "folder/a.b.py"])
def test_names_of_files_may_be_odd(run_main: Main, checks: Checks, name: str) -> None:
    path = checks(RIGHT + WRONG, name)
    code, out, err = run_main(f"{path}:right")
    assert (code, err) == (0, "")
    assert out.startswith(f"{name}:right\n")
    assert run_main(path)[0] == 1


def test_a_path_may_be_absolute(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT).resolve()
    code, out, _ = run_main(f"{path}:right")
    assert code == 0
    assert out.startswith(f"{path}:right\n")


def test_a_file_may_bear_the_name_of_a_module(checks: Checks) -> None:
    # In a process of its own, which it might spoil; in a folder, as `python -m` itself puts the
    # one that it is started in before all others.
    done = backproof("check", checks(RIGHT, "folder/random.py"))
    assert (done.returncode, done.stderr) == (0, "")


# Exit codes.


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        (RIGHT, [], 0),
        (RIGHT, ["--allow-unresolved"], 0),
        (WRONG, [], 1),
        (WRONG, ["--allow-unresolved"], 1),
        (UNTOLD, [], 1),
        (UNTOLD, ["--allow-unresolved"], 0),
        (RIGHT + UNTOLD, ["--allow-unresolved"], 0),
        (RIGHT + UNTOLD, [], 1),
        (UNTOLD + WRONG, ["--allow-unresolved"], 1),
        (WRONG + RIGHT, [], 1),
    ],
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "JSON"])
def test_exit_codes(
    run_main: Main, checks: Checks, text: str, options: list[str], code: int, as_json: bool
) -> None:
    path = checks(text)
    found, out, err = run_main(path, *options, *(["--json"] if as_json else []))
    assert (found, err) == (code, "")
    assert out


def test_what_cannot_be_told_is_shown_all_the_same(run_main: Main, checks: Checks) -> None:
    code, out, _ = run_main(checks(UNTOLD), "--allow-unresolved")
    assert code == 0
    assert "UNRESOLVED" in out


# JSON.


def test_json_is_a_list_of_named_reports(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT + WRONG + UNTOLD)
    code, out, err = run_main(path, "--json")
    assert (code, err) == (1, "")
    found = reports(out)
    assert [one["name"] for one in found] == [
        "checks.py:right",
        "checks.py:wrong",
        "checks.py:untold",
    ]
    assert [one["verdict"] for one in found] == ["agree", "disagree", "unresolved"]
    # Each is a whole report and can be read back as one.
    for one in found:
        del one["name"]
        assert strict_json(GradientReport.from_dict(one).to_json()) == one
    assert [entry["index"] for entry in found[1]["tensors"][0]["wrong"]] == [[0], [1], [2]]


def test_json_of_a_claim_that_is_not_finite(run_main: Main, checks: Checks) -> None:
    path = checks(
        """
        class Broken(Wrong):
            @staticmethod
            def backward(ctx, upstream):
                (x,) = ctx.saved_tensors
                gradient = upstream * x.exp()
                gradient[1] = float("nan")
                return gradient


        one = Case(Broken.apply, (x,))
        """
    )
    code, out, _ = run_main(path, "--json")
    assert code == 1
    (report,) = reports(out)
    assert report["tensors"][0]["wrong"][0]["claimed"] is None


PRINTING = """
print("at import")


def one():
    print("as it is made")

    def target(x):
        print("as it is run")
        return x.exp()

    return target, (x,)
"""


def test_prints_of_the_file_are_shown(run_main: Main, checks: Checks) -> None:
    code, out, err = run_main(f"{checks(PRINTING)}:one")
    assert code == 0
    lines = (out + err).splitlines()
    assert {"at import", "as it is made", "as it is run"} < set(lines)
    assert "checks.py:one" in lines


def test_prints_of_the_file_do_not_go_into_the_json(run_main: Main, checks: Checks) -> None:
    code, out, err = run_main(f"{checks(PRINTING)}:one", "--json")
    assert reports(out)[0]["verdict"] == "agree"
    assert code == 0
    assert "at import" in err


# What cannot be used.


def test_nothing_at_all(run_main: Main) -> None:
    one_line(*run_main(), "FILE.py", "backproof check --help")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("absent.py", "there is no file absent.py"),
        ("absent.py:one", "there is no file absent.py"),
        ("absent", "there is no file absent"),
        ("checks.py:one:two", "there is no file checks.py:one"),
        (".", ". is a folder"),
        ("folder:one", "folder is a folder"),
    ],
)
def test_a_file_that_is_not_there(run_main: Main, checks: Checks, place: str, said: str) -> None:
    checks(RIGHT)
    checks(RIGHT, "folder/checks.py")
    one_line(*run_main(place), f"{said}: expected FILE.py or FILE.py:NAME")


@pytest.mark.parametrize("place", ["", ":", ":one"])
def test_a_place_without_a_file(run_main: Main, place: str) -> None:
    one_line(*run_main(place), f"expected FILE.py or FILE.py:NAME, got {place}")


@pytest.mark.parametrize("name", ["checks.txt", "checks", "checks.pyx"])
def test_a_file_that_is_no_python(run_main: Main, checks: Checks, name: str) -> None:
    one_line(*run_main(checks(RIGHT, name)), f"{name} is no Python file")


def test_a_name_that_is_not_there(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT + WRONG)
    one_line(*run_main(f"{path}:rigth"), "checks.py has no rigth", "right, wrong")
    assert "cases" not in run_main(f"{checks('')}:one")[2]


def test_a_file_without_cases(run_main: Main, checks: Checks) -> None:
    one_line(*run_main(checks("def one(): return torch.exp, (x,)")), "no gradcheck.Case", ":NAME")
    one_line(*run_main(checks("", head="")), "no gradcheck.Case", ":NAME")


_RETURNED = {
    "nothing": "None",
    "a number": "3",
    "a list": "[torch.exp, (x,)]",
    "one thing": "(torch.exp,)",
    "four things": "(torch.exp, (x,), {}, 4)",
    "no target": "(3, (x,))",
    "the wrong way round": "((x,), torch.exp)",
    "options in a list": "(torch.exp, (x,), [1])",
    "a tensor": "x",
}


@pytest.mark.parametrize("name", _RETURNED)
def test_a_function_that_returns_no_case(run_main: Main, checks: Checks, name: str) -> None:
    path = checks(f"def one(): return {_RETURNED[name]}")
    one_line(*run_main(f"{path}:one"), "checks.py:one", "(target, inputs)", "gradcheck.Case")


@pytest.mark.parametrize("value", ["3", "None", "'exp'", "(3,)"])
def test_a_name_that_is_no_function(run_main: Main, checks: Checks, value: str) -> None:
    path = checks(f"one = {value}")
    one_line(*run_main(f"{path}:one"), "checks.py:one", "(target, inputs)")


def test_a_function_with_arguments(run_main: Main, checks: Checks) -> None:
    path = checks("def one(x): return torch.exp, (x,)")
    one_line(*run_main(f"{path}:one"), "checks.py:one()", "missing 1 required positional argument")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("raise RuntimeError", "RuntimeError"),
        ("import no_such_module_here", "No module named 'no_such_module_here'"),
        ("this is no Python", "SyntaxError"),
        ("\0", "SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_imported(
    run_main: Main, checks: Checks, text: str, said: str
) -> None:
    one_line(*run_main(checks(text)), "checks.py cannot be imported", said)


def test_a_file_that_is_not_text(run_main: Main, checks: Checks) -> None:
    path = checks("")
    path.write_bytes(b"x = '\xff\xfe'")
    one_line(*run_main(path), "checks.py cannot be imported")


def test_a_function_that_raises(run_main: Main, checks: Checks) -> None:
    path = checks("def one(): raise RuntimeError('not today')")
    one_line(*run_main(f"{path}:one"), "checks.py:one() raised RuntimeError: not today")


LEAVING = {
    "at import": "sys.exit(0)\n",
    "in the function": "def one(): sys.exit(0)\n",
    "in the target": "def leave(x): sys.exit(0)\ndef one(): return leave, (x,)\n",
}


@pytest.mark.parametrize("where", LEAVING)
def test_a_file_that_exits_is_no_success(run_main: Main, checks: Checks, where: str) -> None:
    one_line(*run_main(f"{checks(LEAVING[where])}:one"), "checks.py", "SystemExit")


LINES = {
    "at import": "raise RuntimeError('first\\nsecond')\n",
    "in the function": "def one(): raise RuntimeError('first\\nsecond')\n",
}


@pytest.mark.parametrize("where", LINES)
def test_of_what_was_raised_the_first_line_is_shown(
    run_main: Main, checks: Checks, where: str
) -> None:
    one_line(*run_main(f"{checks(LINES[where])}:one"), "first")


RAISING = {
    "at once": "def target(x): raise ValueError('first\\nsecond')",
    "later": """
seen = []
def target(x):
    seen.append(x)
    if len(seen) > 5:
        raise KeyError("first")
    return x.exp()
""",
    "in the backward pass": """
class Broken(Wrong):
    @staticmethod
    def backward(ctx, upstream):
        raise ValueError("first")
target = Broken.apply
""",
    "of a wrong number of inputs": "def target(first, second): return first",
}
RAISED = {
    "at once": r"ValueError: first \(raised at evaluation 1 of .*\)",
    "later": r"KeyError: 'first' \(raised at evaluation 6 of .* from the point\)",
    "in the backward pass": r"ValueError: first \(raised by .* at evaluation 1 of .*\)",
    "of a wrong number of inputs": r"TypeError: .* 'second' \(raised at evaluation 1 of .*\)",
}


@pytest.mark.parametrize("where", RAISING)
def test_a_target_that_raises(run_main: Main, checks: Checks, where: str) -> None:
    path = checks(RAISING[where] + "\none = Case(target, (x,))\n")
    _, _, err = result = run_main(f"{path}:one")
    one_line(*result)
    assert re.fullmatch(f"backproof: checks.py:one: the target raised {RAISED[where]}\n", err)


@pytest.mark.parametrize("where", RAISING)
def test_of_several_cases_the_one_that_raises_is_named(
    run_main: Main, checks: Checks, where: str
) -> None:
    path = checks(RIGHT + RAISING[where] + "\none = Case(target, (x,))\n")
    code, _, err = run_main(path)
    assert code == 2
    assert err.startswith("backproof: checks.py:one: ")


_OPTIONS = {
    "unknown": ("{'sede': 1}", "unknown option sede"),
    "out of range": ("{'seed': -1}", "seed must be at least 0"),
    "of the wrong kind": ("{'false_alarm': 'small'}", "false_alarm"),
    "a loss that is none": ("{'loss': 3}", "loss"),
    "an order that is none": ("{'order': 3}", "order must be 1 or 2"),
}


def test_a_case_that_cannot_be_run_stops_no_other(run_main: Main, checks: Checks) -> None:
    path = checks(
        """
        first = Case(torch.sin, (x,))
        second = Case(lambda x: 1 / 0, (x,))
        third = Case(lambda x: x.round(), (x,))
        """
    )
    code, out, err = run_main(str(path))
    assert code == 2
    assert err.splitlines() == [line for line in err.splitlines() if "checks.py:second: " in line]
    assert "ZeroDivisionError" in err
    assert "checks.py:first\nAGREE" in out
    assert "checks.py:third\n" in out
    code, out, _ = run_main(str(path), "--json")
    first, second, third = json.loads(out)
    assert (code, first["verdict"], third["name"]) == (2, "agree", "checks.py:third")
    assert second.keys() == {"name", "error"}
    assert "ZeroDivisionError" in second["error"]


def test_inputs_that_are_no_tuple_are_explained(run_main: Main, checks: Checks) -> None:
    path = checks("one = Case(torch.mul, x, x)")
    one_line(*run_main(str(path)), "options must be a dictionary, got a value of type Tensor")
    one_line(*run_main(str(path)), "several inputs go into one tuple: Case(target, (x, y))")


@pytest.mark.parametrize("name", _OPTIONS)
def test_options_that_are_wrong(run_main: Main, checks: Checks, name: str) -> None:
    options, said = _OPTIONS[name]
    path = checks(f"one = Case(torch.exp, (x,), {options})")
    one_line(*run_main(f"{path}:one"), f"checks.py:one: {said}")


@pytest.mark.parametrize("name", _OPTIONS)
def test_the_case_whose_options_are_wrong_is_named(
    run_main: Main, checks: Checks, name: str
) -> None:
    path = checks(RIGHT + f"one = Case(torch.exp, (x,), {_OPTIONS[name][0]})")
    assert run_main(path)[2].startswith("backproof: checks.py:one: ")


def test_options_whose_names_are_no_strings(run_main: Main, checks: Checks) -> None:
    path = checks("one = Case(torch.exp, (x,), {1: 2})")
    one_line(*run_main(f"{path}:one"), "unknown option 1")


def test_what_check_refuses(run_main: Main, checks: Checks) -> None:
    path = checks("one = Case(torch.log, (-x,))\ntwo = Case(torch.exp, (torch.arange(3),))")
    one_line(*run_main(f"{path}:one"), "not finite at the point")
    one_line(*run_main(f"{path}:two"), "nothing to check")


def test_every_place_is_looked_at_before_anything_is_run(run_main: Main, checks: Checks) -> None:
    path = checks(RIGHT)
    one_line(*run_main(f"{path}:right", f"{path}:absent"), "has no absent")


def test_debug_shows_where(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    path = checks("def target(x): raise ValueError('not today')\none = Case(target, (x,))")
    with pytest.raises(SystemExit) as stopped:
        main(["--debug", "check", str(path)])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "checks.py" in err
    assert "raised at evaluation 1 of " in err


# The example.


def test_the_example_says_what_is_wrong_and_why(run_main: Main) -> None:
    code, out, err = run_main(f"{EXAMPLE}:wrong")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[1].startswith("DISAGREE: gradient of 2 tensors")
    assert lines[2].split()[:4] == ["DISAGREE", "x", "(20,", "8):"]
    assert "7 of axis 1" in lines[2]
    entries = re.findall(r"x\[(\d+), (\d+)\]: claimed", out)
    assert entries
    assert {column for _, column in entries} == {"7"}
    assert re.search(r"AGREE +scale \(8,\)", out)


def test_the_example_lists_the_whole_column(run_main: Main) -> None:
    code, out, _ = run_main(f"{EXAMPLE}:wrong", "--json")
    assert code == 1
    x, scale = reports(out)[0]["tensors"]
    assert [entry["index"] for entry in x["wrong"]] == [[row, 7] for row in range(20)]
    assert x["wrong_complete"]
    assert scale["wrong"] == []


def test_the_example_repaired_agrees(run_main: Main) -> None:
    code, out, err = run_main(f"{EXAMPLE}:repaired")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].startswith("AGREE: gradient of 2 tensors")


# As a process.


def test_help_says_what_a_name_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["check", "--help"])
    assert stopped.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    for said in ("FILE.py[:NAME]...", "gradcheck.Case", "--json", "--allow-unresolved"):
        assert said in out


def test_terminals_change_nothing(checks: Checks) -> None:
    # Neither colours nor wrapped lines: what is printed can be searched wherever it is read. And
    # a terminal that has no ± gets another character in its place.
    narrow = {"COLUMNS": "20", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    ascii_only = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = backproof("check", checks(WRONG), **narrow, **ascii_only)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[2].strip().startswith("DISAGREE   x (3,): constant factor 1.5")
    assert "x[2]: claimed" in done.stdout


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "backproof", "check", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_an_interrupt_ends_with_130(checks: Checks) -> None:
    path = checks(
        """
        import pathlib
        import time


        def target(x):
            pathlib.Path("running").touch()
            time.sleep(60)
            return x.exp()


        one = Case(target, (x,))
        """
    )
    with started(path) as process:
        end = time.monotonic() + PATIENCE
        while not Path("running").exists():
            assert time.monotonic() < end
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "JSON"])
@pytest.mark.parametrize(("text", "code"), [(RIGHT, 0), (WRONG, 1), (RIGHT + WRONG, 1)])
def test_a_reader_that_leaves_does_not_change_the_exit_code(
    checks: Checks, text: str, code: int, options: list[str]
) -> None:
    # As `backproof check checks.py | head -1` under `set -o pipefail`.
    with started(checks(text), *options) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=PATIENCE) == code
        assert process.stderr.read() == ""
