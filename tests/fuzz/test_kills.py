"""Killed at any moment, a command leaves what was there, or the new result: whole, one or other."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backproof import lab, risk, tabular

LAB = ["lab", "--quick", "--hidden", "2,3", "--seeds", "2"]
TRAIN = ["train", "table.csv", "--label", "kind", "--hidden", "3", "--seeds", "3", "--steps", "300"]
COUNT = ["count", "table.csv", "--label", "kind", "--prediction", "guess"]
CERTIFY = ["certify", "table.csv", "--label", "kind", "--prediction", "guess"]


def check_lab(out: Path) -> None:
    run = lab.load(out / "run.json")
    assert run.config.seeds == 2
    assert len(list((out / "figures").iterdir())) >= 10
    assert (out / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def check_train(out: Path) -> None:
    assert len(tabular.load_model(out).fits) == 3
    assert (out / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


def check_count(out: Path) -> None:
    assert risk.Counts.from_json(out.read_bytes()).rows == 4000


def check_certify(out: Path) -> None:
    assert out.read_text(encoding="utf-8").rstrip().endswith("</html>")


COMMANDS = {
    "lab": ([*LAB, "--out", "out"], check_lab),
    "train": ([*TRAIN, "--out", "out"], check_train),
    "count": ([*COUNT, "--out", "out"], check_count),
    "certify": ([*CERTIFY, "--html", "out"], check_certify),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_killed_leaves_no_half(tmp_path: Path, name: str) -> None:
    words, whole = COMMANDS[name]
    rows = (f"{n % 7},{n % 5},{n % 2},{(n + n % 9 // 8) % 2}" for n in range(4000))
    (tmp_path / "table.csv").write_text("\n".join(["u,v,kind,guess", *rows]), encoding="utf-8")
    command = [sys.executable, "-m", "backproof", *words]
    out = tmp_path / "out"
    began = time.monotonic()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    lasts = time.monotonic() - began
    whole(out)
    draw = random.Random(name)
    for _ in range(4):
        # Near the end more often: that is where files are written.
        moment = lasts * (1 - draw.random() ** 2)
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.kill()
        whole(out)
