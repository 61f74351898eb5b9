# mypy: disable-error-code="no-untyped-call"
"""``%%explain`` in IPython: what a cell displays, what it leaves, and how it fails."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from backproof import tape
from backproof._core.errors import InputError

ipython = pytest.importorskip("IPython", reason="IPython is not installed")

BUG = """
import torch
w = torch.ones(2, requires_grad=True)
y = torch.exp(w)
loss = y.sum()
y *= 2  # <in place>
loss.backward()
"""
SILENT = """
import torch
w = -torch.ones(2)
w.requires_grad_()
torch.relu(w).sum().backward()
"""
CLEAN = """
import torch
w = torch.ones(2, requires_grad=True)
loss = (2 * w).sum()
loss.backward()
"""


@dataclass
class Cell:
    """What running a cell gave."""

    result: Any
    out: str
    err: str
    displayed: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Notebook:
    """A shell in this process."""

    shell: Any
    capsys: pytest.CaptureFixture[str]

    def run(self, text: str) -> Cell:
        self.capsys.readouterr()
        self.shell.display_pub.outputs.clear()
        result = self.shell.run_cell(text, store_history=True)
        out, err = self.capsys.readouterr()
        displayed = [output["data"] for output in self.shell.display_pub.outputs]
        return Cell(result, out, err, displayed)

    def explain(self, text: str, name: str = "") -> Cell:
        return self.run(f"%%explain {name}\n{text.lstrip()}")

    def value(self, name: str) -> Any:
        return self.shell.user_ns[name]


@pytest.fixture
def notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Notebook]:
    from IPython.core.displaypub import CapturingDisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    # The shell replaces __main__ and the hooks.
    for name in ("displayhook", "excepthook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.display_pub = CapturingDisplayPublisher()
    opened = Notebook(shell, capsys)
    loaded = opened.run("%load_ext backproof")
    assert loaded.result.success
    assert (loaded.out, loaded.err) == ("", "")
    yield opened
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


def codes(session: tape.Session) -> list[str]:
    return [finding.code for finding in session.findings]


def test_a_finding_is_displayed_as_text_and_html(notebook: Notebook) -> None:
    cell = notebook.explain(SILENT)
    assert cell.result.success
    (shown,) = cell.displayed
    assert shown.keys() == {"text/plain", "text/html"}
    assert shown["text/plain"].startswith("warning dead-gradient: ")
    assert "fix: " in shown["text/plain"]
    assert "warning dead-gradient" in shown["text/html"]


def test_a_clean_cell_says_so(notebook: Notebook) -> None:
    cell = notebook.explain(CLEAN)
    (shown,) = cell.displayed
    assert shown["text/plain"] == "nothing found"
    assert (cell.out, cell.err) == ("", "")


def test_places_are_lines_of_the_cell(notebook: Notebook) -> None:
    cell = notebook.explain(BUG, "session")
    (finding,) = notebook.value("session").findings
    assert finding.code == "inplace-after-save"
    lines = BUG.lstrip().splitlines()
    assert [(place.role, place.code) for place in finding.places] == [
        ("saved", "y = torch.exp(w)"),
        ("wrote", "y *= 2  # <in place>"),
    ]
    for place in finding.places:
        assert lines[place.line - 1] == place.code
        assert place.file
        assert "/" not in place.file
    (shown,) = cell.displayed
    assert "y *= 2  # <in place>" in shown["text/plain"]
    assert "y *= 2  # &lt;in place&gt;" in shown["text/html"]
    assert "<in place>" not in shown["text/html"]


def test_a_failing_cell_shows_its_exception_once_with_the_notes(notebook: Notebook) -> None:
    cell = notebook.explain(BUG)
    said = cell.out + cell.err
    assert said.count("one of the variables needed for gradient computation") == 1
    assert said.count("Traceback") == 1
    assert said.count("backproof: error inplace-after-save") == 1
    assert "loss.backward()" in said
    assert len(cell.displayed) == 1


FROZEN = """
class Frozen(Exception):
    def __setattr__(self, name, value):
        raise AttributeError("frozen")
raise Frozen("cold")
"""
FAILURES: dict[str, type[BaseException]] = {
    "1 / 0": ZeroDivisionError,
    "x = = 1": SyntaxError,
    "exec('x = =')": SyntaxError,
    "  x = 1\n y = 2": IndentationError,
    "raise KeyboardInterrupt": KeyboardInterrupt,
    "raise ExceptionGroup('several', [ValueError(1)])": ExceptionGroup,
    FROZEN: Exception,
}


@pytest.mark.parametrize("text", FAILURES)
def test_a_failing_cell_fails_by_its_own_exception_shown_once(
    notebook: Notebook, text: str
) -> None:
    # "Run all" goes on to the next cell where this one is said to have succeeded.
    plain, cell = notebook.run(text), notebook.explain(text)
    error = cell.result.error_in_exec
    expected = plain.result.error_in_exec or plain.result.error_before_exec
    assert isinstance(error, FAILURES[text])
    assert type(error).__name__ == type(expected).__name__
    assert [*map(str, error.args[:1])] == [*map(str, expected.args[:1])]
    shown = f"{type(expected).__name__}:"
    assert (cell.out + cell.err).count(shown) == (plain.out + plain.err).count(shown) == 1


def test_a_failing_cell_shows_no_frame_but_its_own(notebook: Notebook) -> None:
    cell = notebook.explain("def divide():\n    1 / 0\ndivide()")
    assert "notebook.py" not in cell.out + cell.err
    assert "interactiveshell.py" not in cell.out + cell.err
    assert "run_cell_magic" not in cell.out + cell.err


def test_the_shell_shows_exceptions_as_before_afterwards(notebook: Notebook) -> None:
    shown: list[str] = []
    notebook.shell.showtraceback = lambda *_, **__: shown.append("by another")
    notebook.explain("1 / 0")
    notebook.run("1 / 0")
    assert shown == ["by another"] * 2
    del notebook.shell.showtraceback
    assert "SyntaxError" in notebook.run("x = = 1").out
    assert "showsyntaxerror" not in vars(notebook.shell)


AWAITS = """
import asyncio
await asyncio.sleep(0)
waited = True
"""


def test_a_cell_may_await_where_no_loop_is_running(notebook: Notebook) -> None:
    assert notebook.explain(AWAITS).result.success
    assert notebook.value("waited")


def test_where_a_loop_is_running_a_cell_that_awaits_is_refused_before_it_runs(
    notebook: Notebook,
) -> None:
    async def run_all() -> tuple[Cell, Cell, Cell]:
        awaits = notebook.explain("before = True\n" + AWAITS)
        return awaits, notebook.explain("x = 1"), notebook.explain("x = = await")

    awaits, plain, wrong = asyncio.run(run_all())
    assert isinstance(awaits.result.error_in_exec, InputError)
    assert "awaits at its top level: write `with backproof.tape.explain()" in awaits.out
    assert "before" not in notebook.shell.user_ns
    assert plain.result.success
    assert isinstance(wrong.result.error_in_exec, SyntaxError)


def test_a_client_of_notebooks_sees_the_exception_of_the_cell() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    sources = ["%load_ext backproof", "%%explain\n1 / 0", "print('not reached')"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = nbclient.NotebookClient(
        nbformat.v4.new_notebook(cells=cells), timeout=120, kernel_name="python3"
    )
    with pytest.raises(nbclient.exceptions.CellExecutionError) as raised:
        client.execute()
    assert (raised.value.ename, raised.value.evalue) == ("ZeroDivisionError", "division by zero")
    outputs = cells[1].outputs
    errors = [one for one in outputs if one.output_type == "error"]
    assert [(one.ename, one.evalue) for one in errors] == [
        ("ZeroDivisionError", "division by zero")
    ]
    assert "ZeroDivisionError" in "".join(errors[0].traceback)
    assert [one.data["text/plain"] for one in outputs if "data" in one] == ["nothing found"]
    assert not cells[2].outputs


def test_a_foreign_exception_is_shown_without_notes(notebook: Notebook) -> None:
    cell = notebook.explain("x = 1\nx / 0")
    said = cell.out + cell.err
    assert said.count("ZeroDivisionError: division by zero") == 1
    assert "backproof: " not in said
    (shown,) = cell.displayed
    assert shown["text/plain"] == "nothing found"


def test_a_syntax_error_is_shown(notebook: Notebook) -> None:
    cell = notebook.explain("x = = 1")
    assert (cell.out + cell.err).count("SyntaxError") == 1


def test_the_session_is_kept_under_its_name(notebook: Notebook) -> None:
    notebook.explain(CLEAN, "kept")
    session = notebook.value("kept")
    assert isinstance(session, tape.Session)
    assert session.backward_passes == 1
    assert session.graph.node("loss").value == 4
    assert notebook.run("kept.graph.node('w').gradient").result.result == "[2, 2]"


def test_the_session_of_a_failing_cell_is_kept(notebook: Notebook) -> None:
    notebook.explain(BUG, "kept")
    assert codes(notebook.value("kept")) == ["inplace-after-save"]


def test_without_a_name_nothing_is_left(notebook: Notebook) -> None:
    before = set(notebook.shell.user_ns)
    notebook.explain("x = 1")
    new = {name for name in set(notebook.shell.user_ns) - before if not name.startswith("_")}
    assert new == {"x"}


@pytest.mark.parametrize("name", ["two words", "1st", "a.b", "class"])
def test_what_is_no_name_is_refused(notebook: Notebook, name: str) -> None:
    cell = notebook.explain("x = 1", name)
    assert name not in notebook.shell.user_ns
    assert name.split()[0] in cell.out + cell.err


def test_the_cell_sees_and_leaves_variables(notebook: Notebook) -> None:
    notebook.run("import torch\nbefore = torch.ones(2, requires_grad=True)")
    notebook.explain("after = (before * 3).sum()\nafter.backward()")
    assert notebook.value("after").item() == 6
    assert notebook.value("before").grad.tolist() == [3, 3]
    assert notebook.run("after.item()").result.result == 6


def test_the_last_expression_is_displayed_as_usual(notebook: Notebook) -> None:
    cell = notebook.explain("print('printed')\n6 * 7")
    assert "printed\n" in cell.out
    assert "42" in cell.out


def test_magics_work_within_the_cell(notebook: Notebook) -> None:
    assert "Wall time" in notebook.explain("%time x = 1").out


def test_nothing_is_recorded_after_the_cell(notebook: Notebook) -> None:
    notebook.explain(CLEAN, "kept")
    notebook.run("torch.relu(-w).sum().backward()")
    assert codes(notebook.value("kept")) == []
    assert notebook.value("kept").backward_passes == 1
    assert torch.overrides._get_current_function_mode_stack() == []


def test_cells_may_be_explained_one_after_another(notebook: Notebook) -> None:
    assert notebook.explain(SILENT).displayed[0]["text/plain"].startswith("warning")
    assert notebook.explain(CLEAN).displayed[0]["text/plain"] == "nothing found"
    assert "(2 times)" not in notebook.explain(SILENT).displayed[0]["text/plain"]


def test_a_graph_is_displayed_as_a_picture(notebook: Notebook) -> None:
    notebook.explain(CLEAN, "kept")
    html = notebook.shell.display_formatter.format(notebook.value("kept").graph)[0]
    assert html["text/html"].startswith("<svg ")
    assert "loss = 4" in html["text/html"]
    assert "loss" in html["text/plain"]


def test_help_of_the_magic(notebook: Notebook) -> None:
    magic = notebook.shell.find_cell_magic("explain")
    assert "%%explain name" in (magic.__doc__ or "")


def test_the_extension_can_be_loaded_again(notebook: Notebook) -> None:
    assert notebook.run("%reload_ext backproof").result.success
    assert notebook.explain(CLEAN).displayed[0]["text/plain"] == "nothing found"
