"""``import backproof`` costs nothing until a job is named."""

import subprocess
import sys

import pytest

import backproof

HEAVY = "torch numpy scipy matplotlib msgspec click rich jinja2 contourpy"


def imported(code: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter holds after `code`."""
    ask = f"{code}\nimport sys\nprint(*(set({HEAVY.split()!r}) & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", ask], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported("import backproof; backproof.__version__; dir(backproof)") == set()


def test_naming_a_job_loads_it() -> None:
    assert "numpy" in imported("import backproof; backproof.risk.plan")


def test_dir_lists_every_job() -> None:
    assert set(backproof.__all__) <= set(dir(backproof))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'backproof' has no attribute 'nothing'"):
        _ = backproof.nothing
