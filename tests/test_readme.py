"""The README's examples run as they stand, and it names what people type."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_examples_run_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "Bayes error 1.6774%" in printed
    assert "26492 examples" in printed
    certificate = re.findall(r"^```text\n(All 2 statements.*?)^```", README, re.M | re.S)
    assert len(certificate) == 1
    assert certificate[0] in printed


@pytest.mark.parametrize(
    "command",
    [
        "make lab",
        "make test",
        "backproof lab",
        "backproof report",
        "backproof app",
        "backproof train",
        "backproof predict",
        "backproof check",
        "backproof explain",
        "backproof plan",
        "backproof interval",
        "backproof compare",
        "backproof coverage",
        "backproof certify",
        "backproof count",
    ],
)
def test_the_commands_are_shown(command: str) -> None:
    assert command in README


def test_every_link_and_picture_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert "://" not in target
        assert (ROOT / target).exists(), target
