"""A server in a process of its own, and pages that hear of everything that goes wrong in them."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Route

_COMMAND = [sys.executable, "-c", "from backproof.cli import main; main()", "app", "--no-open"]


@dataclass
class Server:
    """A running server."""

    process: "subprocess.Popen[str]"
    address: str
    said: str
    """What it printed when it was ready."""


def start(*arguments: str, command: Sequence[str] = _COMMAND) -> Server:
    """Start a server on a free port."""
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while not said.endswith("Ctrl-C ends it.\n"):
        line = process.stdout.readline()
        assert line, said
        said += line
    first = said.splitlines()[0]
    assert first.startswith("Backproof is at http://"), said
    return Server(process, first.split()[-1], said)


def stop(server: Server) -> str:
    """Interrupt a server as Ctrl-C does; return what else it printed."""
    server.process.send_signal(signal.SIGINT)
    try:
        printed, _ = server.process.communicate(timeout=30)
    finally:
        server.process.kill()
    assert server.process.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = start()
    yield running
    assert stop(running) == ""


@dataclass
class Troubles:
    """What must not happen on a page."""

    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Open]:
    """Open pages, each in a browser of its own; at the end nothing may have gone wrong in any."""
    contexts, troubles = [], Troubles()

    def outside(route: Route) -> None:
        troubles.requests.append(route.request.url)
        route.abort()

    def opened(query: str = "", *, width: int = 1280, height: int = 720) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        own = (server.address, server.address.replace("http:", "ws:"), "data:", "blob:")
        context.route(lambda url: not url.startswith(own), outside)
        page = context.new_page()
        page.on("console", lambda message: troubles.messages.append(message.text))
        page.on("pageerror", lambda error: troubles.messages.append(str(error)))
        page.goto(f"{server.address}{query}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == Troubles()
