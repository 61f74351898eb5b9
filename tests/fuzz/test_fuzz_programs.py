"""Programs that check and explain are given: damaged, or no programs at all."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.inputs import SETTINGS, TEXT, in_words, mutated, run

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = (EXAMPLES / "custom_function.py").read_bytes()
SCRIPT = (EXAMPLES / "inplace_bug.py").read_bytes()
# What a file of cases may hold instead of one.
VALUES = (
    "None", "1", "'text'", "Case", "Case(None)", "Case(len, (1,))", "lambda: None",
    "lambda: (1, 2)",
    "lambda: (torch.sin, torch.ones(2))", "lambda: (torch.sin, (torch.ones(2),), {'seed': -1})",
    "lambda: (torch.sin, (torch.ones(2),), {'sead': 1})", "lambda x: x", "lambda: 1 / 0",
    "lambda: exit(5)", "Case(torch.sin, ('a',))", "Case(torch.sin, ())", "Case(torch.sin, (None,))",
    "Case(torch.sin, (torch.tensor([]),))", "Case(torch.sin, (torch.tensor(float('nan')),))",
    "Case(lambda x: None, (torch.ones(2),))", "Case(lambda x: 'a', (torch.ones(2),))",
    "Case(lambda x: 1 / 0, (torch.ones(2),))", "Case(lambda x: exit(0), (torch.ones(2),))",
    "Case(lambda x: x.detach(), (torch.ones(2),))", "Case(torch.sin, (torch.ones(2),), gradient=3)",
    "Case(lambda x: x * float('inf'), (torch.ones(2),))", "torch.nn.Linear(2, 1)", "type", "...",
)  # fmt: skip


@SETTINGS
@given(mutated(CASES), st.sampled_from(["", ":wrong", ":_inputs", ":Function", ":nothing", ":"]))
def test_checks_of_any_kind(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "cases.py"
    path.write_bytes(content)
    in_words(*run("check", f"{path}{name}"))


@pytest.mark.parametrize("name", ["", ":it", ":it:it"])
@pytest.mark.parametrize("value", VALUES)
def test_values_that_may_be_no_checks(tmp_path: Path, value: str, name: str) -> None:
    path = tmp_path / "cases.py"
    path.write_text(f"import torch\nfrom backproof.gradcheck import Case\nit = {value}\n")
    in_words(*run("check", f"{path}{name}", "--json"))


@SETTINGS
@given(mutated(SCRIPT), st.sampled_from([".svg", ".html", ".dot", ".mmd", ".txt"]))
def test_scripts_of_any_kind(tmp_path: Path, content: bytes, suffix: str) -> None:
    """A script's own traceback is shown, as Python does; the findings follow."""
    path, graph = tmp_path / "script.py", tmp_path / f"graph{suffix}"
    path.write_bytes(content)
    graph.unlink(missing_ok=True)
    code, printed = run("explain", str(path), "--graph", str(graph))
    assert code in (0, 1, 2)
    assert "backproof: unexpected" not in printed
    assert "/backproof/" not in printed, printed  # no line of ours in a traceback
    assert not graph.exists() or graph.read_text(encoding="utf-8").strip()


@SETTINGS
@given(st.sampled_from(["check", "explain"]), st.lists(TEXT, min_size=1, max_size=3))
def test_names_of_any_kind(tmp_path: Path, command: str, names: list[str]) -> None:
    with contextlib.chdir(tmp_path):
        code, printed = run(command, "--", *names)
    assert code == 2
    in_words(code, printed)
