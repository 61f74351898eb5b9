"""What several test folders share: one tiny run of the lab, and one thread for PyTorch."""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from backproof import lab

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_config() -> lab.LabConfig:
    """The smallest configuration that still shows every part of the report."""
    return dataclasses.replace(
        lab.LabConfig.make(hidden=(3, 6), seeds=2),
        steps=30,
        sets=40,
        examples=200,
        replicates=200,
        sweep_directions=1,
    )


@pytest.fixture(scope="session")
def tiny_run(tiny_config: lab.LabConfig, _one_thread: None) -> lab.LabRun:
    """One run of it; a second or so for each worker."""
    return lab.run(tiny_config)


@pytest.fixture(scope="session")
def written(tiny_run: lab.LabRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run; to be read only."""
    folder = tmp_path_factory.mktemp("written") / "run"
    lab.write(tiny_run, folder)
    return folder


_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None:
        if "chromium" in os.environ.get("BACKPROOF_REQUIRE", ""):
            pytest.fail("BACKPROOF_REQUIRE asks for Chromium, and there is none")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()
