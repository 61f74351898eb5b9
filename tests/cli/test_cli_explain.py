"""``backproof explain``: what it prints, what the script sees, and the exit code."""

import contextlib
import functools
import json
import linecache
import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import backproof as package
from backproof.cli.main import main

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("examples") / "inplace_bug.py"
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-9]|9[0-9]|38;[0-9;]+)[0-9;]*m")
OURS = str(Path(package.__file__).parent)
PATIENCE = 120.0  # seconds until a hung process fails the test; never an expectation

Done = subprocess.CompletedProcess[str]
Main = Callable[..., tuple[int, str, str]]
Scripts = Callable[..., Path]

BUG = """
import torch

w = torch.ones(2, requires_grad=True)
y = torch.exp(w)
loss = y.sum()
y[:1] *= 2  # [bold]not bold[/bold] :smile:
loss.backward()
"""

CAUGHT = BUG.replace(
    "loss.backward()",
    "try:\n    loss.backward()\nexcept RuntimeError as error:\n    message = 'so'\n",
)

CLEAN = """
import sys

import torch

w = torch.ones(2, requires_grad=True)
loss = torch.exp(w).sum()
loss.backward()
"""


def environment(**more: str) -> dict[str, str]:
    """Return the variables of a usual shell: no colours asked for, output buffered in pipes."""
    removed = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "PYTHONUNBUFFERED")
    plain = {name: value for name, value in os.environ.items() if name not in removed}
    return {**plain, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1", "TERM": "xterm-256color", **more}


def explained(folder: Path, *arguments: str | Path, **more: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "backproof", "explain", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(**more),
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        timeout=PATIENCE,
    )


def written(folder: Path, **texts: str) -> None:
    """Write Python files; two underscores in a name stand for a folder."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripts:
    """Go to a new folder, and write a script there."""
    monkeypatch.chdir(tmp_path)
    linecache.clearcache()  # of another folder's script.py

    def write(text: str, name: str = "script") -> Path:
        written(tmp_path, **{name: text})
        return Path(f"{name}.py")

    return write


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Run ``backproof explain`` in this process; return exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["explain", *map(str, arguments)])
        out, err = capsys.readouterr()
        code = stopped.value.code
        assert isinstance(code, int)
        return code, out, err

    return run


def one_line(code: int, out: str, err: str, *said: str) -> None:
    """Expect exit code 2 and one line on stderr with all that is `said`."""
    assert code == 2
    assert out == ""
    assert err.startswith("backproof: ")
    assert len(err.splitlines()) == 1, err
    for one in said:
        assert one in err


# The example.


@pytest.fixture(scope="module")
def example() -> Done:
    return explained(ROOT, EXAMPLE)


def test_the_example_has_an_error(example: Done) -> None:
    assert example.returncode == 1
    assert example.stdout.startswith("error inplace-after-save: ")
    assert example.stdout.endswith("1 error in 1 backward pass\n")


def test_both_lines_are_shown_with_what_stands_around_them(example: Done) -> None:
    source = (ROOT / EXAMPLE).read_text(encoding="utf-8").splitlines()
    saved = next(n for n, line in enumerate(source, 1) if "y = torch.exp(w)" in line)
    wrote = next(n for n, line in enumerate(source, 1) if "y /= 2" in line)
    lines = example.stdout.splitlines()
    for role, number in (("saved", saved), ("wrote", wrote)):
        at = lines.index(f"  {role} at inplace_bug.py:{number}")
        assert lines[at + 1 : at + 4] == [
            f"  {'>' if near == number else ' '} {near:>5} | {source[near - 1]}"
            for near in (number - 1, number, number + 1)
        ]


def test_the_fix_is_shown(example: Done) -> None:
    (fix,) = (line for line in example.stdout.splitlines() if line.startswith("  fix: "))
    assert "`y = y / 2`" in fix


def test_the_traceback_is_that_of_the_script(example: Done) -> None:
    assert example.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert "inplace_bug.py" in example.stderr.splitlines()[1]
    assert example.stderr.count("Traceback") == 1
    assert "modified by an inplace operation" in example.stderr
    assert OURS not in example.stderr
    assert "runpy" not in example.stderr
    assert "backproof: " not in example.stderr  # the notes are printed as findings


def test_piped_output_is_plain(example: Done) -> None:
    assert ESCAPE not in example.stdout + example.stderr


# What the script sees.

MIRROR = """
    import json
    import pickle
    import sys
    from pathlib import Path

    import torch

    import __main__


    class Model(torch.nn.Module):
        pass


    if __name__ == "__main__":
        print(json.dumps({
            "argv": sys.argv,
            "file": __file__,
            "main": __main__.__dict__ is globals(),
            "path": sys.path[0],
            "spec": __spec__ is None,
            "pickled": type(pickle.loads(pickle.dumps(Model()))) is Model,
        }))
        w = torch.ones(2, requires_grad=True)
        w.exp().sum().backward()
        sys.stderr.write("to stderr\\n")
        sys.stdout.write("no newline at the end")
"""
THEIRS = ["a", "--lr", "0.1", "-v", "--flag=x", "--debug", "--version"]
PROTECTED = ["--json", "--graph", "no.suffix", "--help", "-h", "--", "z"]


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("mirror")
    written(folder, sub__script=MIRROR)
    script = Path("sub") / "script.py"
    return folder, explained(folder, script, *THEIRS, "--", *PROTECTED, NO_COLOR="1")


def test_a_clean_script_ends_well_and_says_so(mirrored: tuple[Path, Done]) -> None:
    _, done = mirrored
    assert done.returncode == 0
    assert done.stderr == "to stderr\n"
    assert done.stdout.splitlines()[-1].endswith("nothing found in 1 backward pass")
    assert ESCAPE not in done.stdout


def test_what_is_printed_is_passed_through(mirrored: tuple[Path, Done]) -> None:
    _, done = mirrored
    assert done.stdout.startswith('{"argv": ')
    assert "no newline at the end" in done.stdout


def test_the_script_is_run_as_python_does(mirrored: tuple[Path, Done]) -> None:
    folder, done = mirrored
    seen = json.loads(done.stdout.splitlines()[0])
    script = Path("sub") / "script.py"
    assert seen.pop("argv") == [str(script), *THEIRS, *PROTECTED]
    assert folder / seen.pop("file") == folder / script
    assert Path(seen.pop("path")) == (folder / "sub").resolve()
    assert seen == {"main": True, "spec": True, "pickled": True}


# JSON.

NOISY = """
    import atexit
    import ctypes
    import os
    import subprocess
    import sys

    import torch

    print("print")
    os.write(1, b"os.write\\n")
    subprocess.run([sys.executable, "-S", "-c", "print('child')"], check=True)
    os.system("echo shell")
    sys.__stdout__.write("__stdout__\\n")
    ctypes.CDLL(None).printf(b"printf\\n")
    atexit.register(print, "atexit")
    w = torch.ones(2, requires_grad=True)
    y = torch.exp(w)
    loss = y.sum()
    y *= 2
    try:
        loss.backward()
    finally:
        torch.relu(-w.detach().requires_grad_()).sum().backward()
"""
NOISES = ["print", "os.write", "child", "shell", "__stdout__", "printf", "atexit"]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("json")
    written(folder, noisy=NOISY)
    return explained(folder, "noisy.py", "--json")


def json_of(text: str) -> Any:
    """Return the JSON object among other lines."""
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


@pytest.mark.parametrize("noise", NOISES)
def test_with_json_the_scripts_output_goes_to_stderr(noisy: Done, noise: str) -> None:
    assert noise in noisy.stderr.splitlines()
    assert noise not in noisy.stdout.splitlines()


def test_with_json_stdout_is_one_object(noisy: Done) -> None:
    assert set(json.loads(noisy.stdout)) == {"findings", "limits"}


def test_the_object_holds_the_findings(noisy: Done) -> None:
    assert noisy.returncode == 1
    error, *others = json_of(noisy.stdout)["findings"]
    assert {"code", "severity", "message", "fix", "places"} <= error.keys()
    assert (error["code"], error["severity"]) == ("inplace-after-save", "error")
    assert "ExpBackward0" in error["message"]
    assert error["fix"].startswith("Write the new value to a new tensor")
    source = textwrap.dedent(NOISY).splitlines()
    assert [place["role"] for place in error["places"]] == ["saved", "wrote"]
    for place, code in zip(error["places"], ["y = torch.exp(w)", "y *= 2"], strict=True):
        assert place.keys() == {"role", "file", "line", "code"}
        assert (place["file"], place["code"]) == ("noisy.py", code)
        assert source[place["line"] - 1].strip() == code
    assert [other["code"] for other in others] == ["dead-gradient"]


def test_with_json_the_traceback_is_on_stderr(noisy: Done) -> None:
    assert noisy.stderr.count("modified by an inplace operation") == 1
    assert OURS not in noisy.stderr


def test_json_of_a_clean_script(run_main: Main, scripts: Scripts) -> None:
    code, out, err = run_main(scripts(CLEAN), "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"findings": [], "limits": []}


# Graphs.


def is_svg(text: str) -> bool:
    return ET.fromstring(text).tag.endswith("svg")


GRAPHS: dict[str, Callable[[str], bool]] = {
    ".svg": is_svg,
    ".SVG": is_svg,
    ".html": lambda text: text.startswith("<!DOCTYPE html>") and "w.exp()" in text,
    ".dot": lambda text: text.startswith("digraph {"),
    ".gv": lambda text: text.startswith("digraph {"),
    ".mmd": lambda text: text.startswith("flowchart TB"),
    ".txt": lambda text: text.startswith("loss = ") and "└─ " in text,
}


@pytest.mark.parametrize("suffix", GRAPHS)
def test_the_graph_is_written(run_main: Main, scripts: Scripts, suffix: str) -> None:
    path = Path("new") / "folder" / f"graph{suffix}"
    script = scripts(CLEAN.replace("torch.exp(w)", "w.exp()"))
    code, out, err = run_main(script, "--graph", path)
    assert (code, err) == (0, "")
    assert out == f"nothing found in 1 backward pass\ngraph: {path}\n"
    text = path.read_text(encoding="utf-8")
    assert GRAPHS[suffix](text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "loss" in text
    assert "ExpBackward0" in text


@pytest.mark.parametrize("name", ["graph.png", "graph", ".svg", "graph.svg.gz"])
def test_another_suffix_is_refused_before_the_script_runs(
    run_main: Main, scripts: Scripts, name: str
) -> None:
    script = scripts("open('ran', 'w').close()")
    one_line(*run_main(script, "--graph", name), ".svg", ".html", ".dot", ".mmd", ".txt", name)
    assert not Path("ran").exists()


def test_a_graph_that_cannot_be_written_is_refused(run_main: Main, scripts: Scripts) -> None:
    Path("file").touch()
    code, out, err = run_main(scripts(CLEAN), "--graph", Path("file") / "graph.svg")
    one_line(code, out, err, "cannot write", "graph.svg", "choose another place")


def test_no_finding_is_lost_to_a_graph_that_cannot_be_written(
    run_main: Main, scripts: Scripts
) -> None:
    # Either it is known before the script runs, or what was found is shown all the same.
    Path("file").touch()
    script = scripts("open('ran', 'w').close()\n" + BUG)
    code, out, _ = run_main(script, "--graph", Path("file") / "graph.svg")
    assert code == 2
    assert not Path("ran").exists() or "inplace-after-save" in out


def test_no_finding_is_lost_to_a_graph_that_is_not_there(run_main: Main, scripts: Scripts) -> None:
    script = scripts("import torch\ntorch.tensor([1], requires_grad=True)\n")
    code, out, err = run_main(script, "--graph", "graph.svg")
    assert code in (1, 2)
    assert "integer-leaf" in out
    assert "there is no graph" in err
    assert not Path("graph.svg").exists()


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A script in a folder, with a sibling and a package, that goes elsewhere."""
    folder = tmp_path_factory.mktemp("moved")
    (folder / "elsewhere").mkdir()
    exponential = "import torch\n\n\ndef exponential(w):\n    return torch.exp(w)\n"
    halved = "def halve(y):\n    y /= 2  # in the sibling\n"
    script = """
        import os

        import torch
        from layers.exponential import exponential
        from sibling import halve

        os.chdir("elsewhere")
        w = torch.ones(2, requires_grad=True)
        y = exponential(w)
        loss = y.sum()  # in the script
        halve(y)
        loss.backward()
    """
    written(folder, sub__layers__exponential=exponential, sub__sibling=halved, sub__script=script)
    arguments = (Path("sub") / "script.py", "--graph", "graph.html")
    return folder, explained(folder, *arguments, COLUMNS="40")


def test_lines_of_imported_modules_are_shown(moved: tuple[Path, Done]) -> None:
    _, done = moved
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    saved = lines.index("  saved at layers/exponential.py:5")
    assert "  >     5 |     return torch.exp(w)" in lines[saved:]
    wrote = lines.index("  wrote at sibling.py:2")
    assert "  >     2 |     y /= 2  # in the sibling" in lines[wrote:]


def test_a_narrow_terminal_breaks_no_line(moved: tuple[Path, Done]) -> None:
    (message,) = (line for line in moved[1].stdout.splitlines() if line.startswith("error "))
    assert len(message) > 100
    assert message.endswith(".")


def test_the_graph_is_written_where_the_user_is(moved: tuple[Path, Done]) -> None:
    folder, done = moved
    assert "graph: graph.html" in done.stdout
    assert (folder / "graph.html").is_file()
    assert not (folder / "elsewhere" / "graph.html").exists()


def test_the_graph_names_files_as_the_findings_do(moved: tuple[Path, Done]) -> None:
    folder, _ = moved
    text = next(folder.rglob("graph.html")).read_text(encoding="utf-8")
    assert {"script.py", "layers/exponential.py"} <= set(re.findall(r"<h2>(.*?)</h2>", text))
    assert "loss = y.sum()  # in the script" in text


# Unusable input.


def test_a_missing_script_or_folder_is_refused(run_main: Main, scripts: Scripts) -> None:
    one_line(*run_main(), "Missing argument", "SCRIPT")
    one_line(*run_main("missing.py"), "there is no file missing.py", "Python script")
    Path("folder").mkdir()
    one_line(*run_main("folder"), "folder is a folder", "Python script")
    one_line(*run_main("--json", "missing.py"), "there is no file missing.py")


def test_help(run_main: Main) -> None:
    code, out, err = run_main("--help")
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    for one in ("explain [OPTIONS] SCRIPT", "--graph", ".mmd", "--json", "--", "inplace_bug.py"):
        assert one in said


def test_help_needs_no_pytorch() -> None:
    code = (
        "import sys\nfrom backproof.cli.main import main\n"
        "try:\n    main(['explain', '--help'])\n"
        "finally:\n    assert not {'torch', 'matplotlib', 'IPython'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# How scripts end.

ENDS: dict[str, tuple[str, int, str]] = {
    "no torch": ("print('hello')", 0, ""),
    "exit": (CLEAN + "sys.exit()", 0, ""),
    "exit 3": (CLEAN + "sys.exit(3)", 3, ""),
    "exit 0 after an error": (CAUGHT + "raise SystemExit(0)", 1, ""),
    "message": (CLEAN + "sys.exit('no data')", 1, "no data\n"),
    "message after an error": (CAUGHT + "raise SystemExit(message)", 1, "so\n"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "JSON"])
def test_the_exit_code(run_main: Main, scripts: Scripts, end: str, options: list[str]) -> None:
    text, expected, said = ENDS[end]
    code, out, err = run_main(scripts(text), *options)
    assert code == expected
    if options:
        assert len(json.loads(out)["findings"]) == text.startswith(CAUGHT)
        assert err.endswith(said)
    else:
        assert err == said
        assert out.splitlines()[-1].split(" in ")[0] in ("nothing found", "1 error")


def test_a_script_without_torch_is_run(run_main: Main, scripts: Scripts) -> None:
    _, out, _ = run_main(scripts("print('hello')"))
    assert out == "hello\nnothing found in 0 backward passes\n"


def test_a_warning_does_not_change_the_exit_code(run_main: Main, scripts: Scripts) -> None:
    text = "import torch\nw = -torch.ones(2)\nw.requires_grad_()\ntorch.relu(w).sum().backward()"
    code, out, err = run_main(scripts(text))
    assert (code, err) == (0, "")
    assert out.startswith("warning dead-gradient")
    assert out.endswith("1 warning in 1 backward pass\n")


def test_source_is_not_taken_for_markup(run_main: Main, scripts: Scripts) -> None:
    _, out, _ = run_main(scripts(BUG))
    assert ">     7 | y[:1] *= 2  # [bold]not bold[/bold] :smile:" in out


def test_a_line_that_writes_twice_is_shown_once(run_main: Main, scripts: Scripts) -> None:
    # `y[:1] *= 2` multiplies in place and then assigns.
    script = scripts(BUG)
    _, text, _ = run_main(script)
    _, out, _ = run_main(script, "--json")
    assert text.count("  wrote at script.py:7\n") == 1
    places = json.loads(out)["findings"][0]["places"]
    assert [(place["role"], place["line"]) for place in places] == [("saved", 5), ("wrote", 7)]


def test_a_syntax_error(run_main: Main, scripts: Scripts) -> None:
    code, out, err = run_main(scripts("import torch\nprint('never')\nx = = 1\n"))
    assert code == 1
    assert out == "nothing found in 0 backward passes\n"
    assert 'script.py", line 3' in err
    assert "SyntaxError: invalid syntax" in err
    assert OURS not in err
    assert "runpy" not in err


def test_a_foreign_exception_is_shown_as_python_does(run_main: Main, scripts: Scripts) -> None:
    script = scripts(
        """
        import torch


        class Failing(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                raise ValueError("inner")


        def fail(x):
            try:
                return Failing.apply(x)
            except ValueError as error:
                error.add_note("of the script")
                raise KeyError("outer") from error


        print("before")
        fail(torch.ones(2, requires_grad=True))
        """
    )
    code, out, err = run_main(script)
    assert code == 1
    assert out == "before\nnothing found in 0 backward passes\n"
    assert "ValueError: inner\nof the script\n" in err
    assert "direct cause" in err
    assert err.endswith("KeyError: 'outer'\n")
    assert "runpy" not in err


def test_no_frame_of_ours_is_in_a_traceback(run_main: Main, scripts: Scripts) -> None:
    script = scripts(
        """
        import torch


        class Failing(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                raise ValueError("inner")


        def fail(x):
            try:
                torch.stack([x, x[:1]])
            except RuntimeError as error:
                Failing.apply(x)


        fail(torch.ones(2, requires_grad=True))
        """
    )
    code, _, err = run_main(script)
    assert code == 1
    assert err.count("Traceback") == 2
    assert "During handling of the above exception" in err
    assert OURS not in err


# Terminals and signals.


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "backproof", "explain", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "JSON"])
def test_an_interrupt_shows_what_was_found_so_far(scripts: Scripts, options: list[str]) -> None:
    script = scripts(CAUGHT + "import time\nopen('running', 'w').close()\ntime.sleep(60)\n")
    with started(script, *options) as process:
        end = time.monotonic() + PATIENCE
        while not Path("running").exists():
            assert time.monotonic() < end
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    if options:
        assert [found["code"] for found in json.loads(out)["findings"]] == ["inplace-after-save"]
    else:
        assert out.startswith("error inplace-after-save: ")
        assert out.endswith("1 error in 1 backward pass\n")


@pytest.mark.parametrize(("text", "code"), [(CLEAN, 0), (BUG, 1)], ids=["clean", "bug"])
def test_a_reader_that_leaves_does_not_change_the_exit_code(
    scripts: Scripts, text: str, code: int
) -> None:
    # As `backproof explain script.py | head -1` under `set -o pipefail`.
    with started(scripts(text)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(timeout=PATIENCE) == code
        err = process.stderr.read()
    assert ("inplace operation" in err) == (code == 1)
    assert "BrokenPipe" not in err


@functools.cache
def on_a_terminal(script: Path, *variables: tuple[str, str]) -> tuple[int, str]:
    """Return exit code and what a pseudo-terminal shows."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "backproof", "explain", str(script)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment(**dict(variables)),
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], PATIENCE)[0]:
        try:
            data = os.read(ours, 65536)
        except OSError:  # how Linux tells that the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    return process.wait(timeout=PATIENCE), shown.decode()


def bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_colours_are_for_terminals_that_want_them() -> None:
    path = ROOT / EXAMPLE
    code, coloured = on_a_terminal(path, ("COLUMNS", "40"))
    again, plain = on_a_terminal(path, ("COLUMNS", "40"), ("NO_COLOR", "1"))
    assert (code, again) == (1, 1)
    assert COLOUR.search(coloured)
    assert not COLOUR.search(plain)
    assert bare(coloured) == bare(plain)
    assert "  >    14 |     y /= 2  # meant for the next step, but exp saved y" in bare(plain)


def test_a_terminal_without_unicode_ends_no_run(scripts: Scripts) -> None:
    ascii_only = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = explained(Path(), scripts(BUG.replace(":smile:", "größe")), **ascii_only)
    assert done.returncode == 1
    assert "y[:1] *= 2  # [bold]not bold[/bold] gr" in done.stdout
