"""The documentation builds without a warning, needs no network, and its examples run."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from backproof import risk

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.md")
    if not {"_build", "_generated"} & set(path.relative_to(DOCS).parts)
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NOT_RUN = {"gallery.md"}  # its programs fail on purpose; tests/lab runs them


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, str(DOCS), str(folder)],
        env={**os.environ, "BACKPROOF_QUICK_DOCS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(built: Path) -> None:
    for page in PAGES:
        assert (built / page).with_suffix(".html").exists(), page


def test_commands_and_library_are_whole(built: Path) -> None:
    commands = (built / "reference" / "commands.html").read_text(encoding="utf-8")
    for option in ("--grade-format", "--backproof", "--fail-above", "--expected", "--no-open"):
        assert (option in commands) == (option != "--backproof")
    library = (built / "reference" / "library.html").read_text(encoding="utf-8")
    for name in risk.__all__:
        if name[0].islower():
            assert f'id="backproof.risk.{name}"' in library, name


def test_every_method_is_proved_by_a_test_that_exists(built: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.PROVED_BY) == set(risk.METHODS)
    for name in module.PROVED_BY.values():
        assert (DOCS.parent / "tests" / "risk" / f"test_risk_{name}.py").exists()


@pytest.mark.browser
def test_pages_ask_nothing_of_the_network_and_have_no_broken_link(
    built: Path, browser: Browser
) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto((built / name).with_suffix(".html").as_uri())
        links = page.eval_on_selector_all("a[href]", "found => found.map(a => a.href)")
        for link in links:
            if link.startswith("file:"):
                path = link.removeprefix("file://").partition("#")[0]
                assert Path(path).exists(), f"{name}: {link}"
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]


def commands_run() -> list[str]:
    """Return the command lines of all pages, which `test_every_block_of_code_runs` runs."""
    texts = [(DOCS / name).read_text(encoding="utf-8") for name in PAGES if name not in _NOT_RUN]
    blocks = [block for text in texts for kind, block in _BLOCK.findall(text) if kind == "console"]
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("name", [page for page in PAGES if page not in _NOT_RUN])
def test_every_block_of_code_runs(name: str, tmp_path: Path) -> None:
    blocks = _BLOCK.findall((DOCS / name).read_text(encoding="utf-8"))
    program: list[str] = []
    for kind, text in blocks:
        if kind == "python":
            first, _, rest = text.partition("\n")
            if first.startswith("# file: "):
                (tmp_path / first.removeprefix("# file: ")).write_text(rest, encoding="utf-8")
            else:
                program.append(text)
                _run([sys.executable, "-c", "\n".join(program)], 0, tmp_path)
        elif kind == "console":
            for line in text.splitlines():
                assert line.startswith("$ "), line
                _command(line.removeprefix("$ "), tmp_path)


def _command(line: str, folder: Path) -> None:
    command, _, note = line.partition("  # exits with ")
    words = shlex.split(command)
    if words[0] in ("backproof", "python"):
        module = ["-m", "backproof"] if words[0] == "backproof" else []
        words = [sys.executable, *module, *words[1:]]
    _run(words, int(note or 0), folder)


def _run(command: list[str], expected: int, folder: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
