"""The README's examples run as they stand, and it names what people type."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_print_what_is_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    shown = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for number, (block, expected) in enumerate(zip(blocks, shown, strict=True)):
        path = tmp_path / f"example{number}.py"
        path.write_text(block, encoding="utf-8")  # findings show its lines
        exec(compile(block, path, "exec"), names)
        printed = capsys.readouterr().out
        for line in expected.splitlines():
            pattern = ".*".join(map(re.escape, line.split("…")))
            assert re.search(f"^{pattern}$", printed, re.MULTILINE), (line, printed)


@pytest.mark.parametrize("command", ["make lab", "make app", "make test"])
def test_the_targets_are_shown(command: str) -> None:
    """The commands of the program are held to it by test_newcomer.py."""
    assert command in README


def test_every_link_and_picture_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert "://" not in target
        assert (ROOT / target).exists(), target
