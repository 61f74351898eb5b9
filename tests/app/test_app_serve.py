"""The server as a process: where it listens, whom it answers, how it ends."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from tests.app.conftest import Server, start, stop
from tests.app.test_app_addresses import KINDS

from backproof._core.errors import InputError
from backproof.app.serve import _listen
from backproof.app.settings import settings_of

COMMAND = [sys.executable, "-c", "from backproof.cli import main; main()", "app", "--no-open"]


def ask(server: Server, method: str = "GET", path: str = "/", **headers: str) -> tuple[int, str]:
    """Return the status and the text of an answer; headers as ``host="…"``."""
    address = urlsplit(server.address)
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_the_page_is_served_and_foreign_hosts_and_origins_are_not(server: Server) -> None:
    assert ask(server)[0] == 200
    port = urlsplit(server.address).port
    for path in ("/", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert ask(server, path=path, host="evil.example")[0] == 421
        assert ask(server, path=path, host=f"evil.example:{port}")[0] == 421
        assert ask(server, path=path, origin="http://evil.example")[0] == 403
    assert ask(server, "POST", "/_nicegui/client/x/upload/1", origin="null")[0] == 403


NAMES = sorted({setting.name for kind in KINDS for setting in settings_of(kind)})
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(
        ["nan", "1e999", "-1", "9" * 300, "5,", "</script><img src=x onerror=alert(1)>"]
    ),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(NAMES), TEXTS, min_size=1, max_size=5))
def test_any_address_is_answered(server: Server, query: dict[str, str]) -> None:
    """The fixture sees that the server says nothing of it."""
    status, text = ask(server, path=f"/?{urlencode(query)}")
    assert status == 200
    assert "<img src=x" not in text


@pytest.fixture(scope="module")
def warned() -> Iterator[Server]:
    """A server that may warn of what is no request, and say no more."""
    running = start()
    yield running
    assert set(stop(running).splitlines()) <= {"WARNING:  Invalid HTTP request received."}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.sampled_from([b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"]))
def test_no_bytes_stop_the_server(warned: Server, noise: bytes, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(warned.address).port or 0), 20) as sent:
        sent.sendall(start + noise + b"\r\n\r\n")
        sent.shutdown(socket.SHUT_WR)
        answer = b""
        while part := sent.recv(1 << 16):
            answer += part
    assert b"Traceback" not in answer
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert ask(warned)[0] == 200


def test_a_foreign_page_cannot_open_the_socket(server: Server) -> None:
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    assert ask(server, path=path, origin="http://evil.example", **upgrade)[0] == 403
    assert ask(server, path=path, host="evil.example", **upgrade)[0] == 403


def test_documentation_of_the_interface_is_not_served(server: Server) -> None:
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert ask(server, path=path)[0] == 404


def test_a_large_body_is_refused(server: Server) -> None:
    status, text = ask(server, "POST", **{"content-length": str(1 << 40)})
    assert status == 413
    assert "4 MiB" in text


def test_open_to_other_machines_it_says_so_and_wants_the_token() -> None:
    server = start("--host", "0.0.0.0")
    try:
        assert ask(server)[0] == 403
        assert ask(server, host="laboratory.example")[0] == 403
        query = urlsplit(server.address).query
        assert query.startswith("token=")
        assert ask(server, path=f"/?{query}")[0] == 303
        port = urlsplit(server.address).port
        cookie = f"backproof-token-{port}={query.removeprefix('token=')}"
        assert ask(server, cookie=cookie)[0] == 200
        assert ask(server, cookie=cookie, origin="http://evil.example")[0] == 403
    finally:
        assert stop(server) == ""
    assert "whoever reaches this machine" in server.said


HEAVY = "?panel=test-error&sets=1000&examples=20000&predictor=network+in+training&hidden=500"


@pytest.mark.browser
def test_heavy_work_stalls_nobody_and_ends_with_its_page(browser: Browser) -> None:
    server = start()
    try:
        page = browser.new_context().new_page()
        page.goto(f"{server.address}{HEAVY}&networks=1")
        page.get_by_text("computing …").first.wait_for(timeout=30_000)
        for seed in range(1, 8):  # each a new computation, which ends the one before
            page.get_by_label("Seed of the draws").fill(str(seed))
            page.wait_for_timeout(450)
        other = browser.new_context().new_page()
        began = time.monotonic()
        other.goto(f"{server.address}?hidden=3&networks=1")
        other.get_by_text("Step 0 of").wait_for(timeout=30_000)
        assert time.monotonic() - began < 15
        other.context.close()
    finally:
        began = time.monotonic()
        assert stop(server) == ""
    assert time.monotonic() - began < 15
    page.context.close()


def test_a_port_that_is_taken_is_said_in_a_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = subprocess.run(
            [*COMMAND, "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr == (
        f"backproof: cannot listen on 127.0.0.1 port {port}: Address already in use; choose "
        "another with --port\n"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "70000"], "cannot listen on 127.0.0.1 port 70000"),
        (["--port", "many"], "'many' is not a valid integer"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
    ],
)
def test_an_address_that_cannot_be_listened_on(arguments: list[str], complaint: str) -> None:
    found = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 2
    assert complaint in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.browser
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(number: signal.Signals, browser: Browser) -> None:
    server = start()
    context = browser.new_context()
    training, study = context.new_page(), context.new_page()
    training.goto(f"{server.address}?hidden=500&points=2000&networks=16&steps=100000")
    training.get_by_text("Step 0 of").wait_for(timeout=60_000)
    training.get_by_role("button", name="Play", exact=True).click()
    study.goto(f"{server.address}{HEAVY}&networks=1")
    study.get_by_text("computing …").first.wait_for(timeout=30_000)
    study.wait_for_timeout(2000)
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) >= 3  # those that compute, and the one that they are forked from
    server.process.send_signal(number)
    server.process.communicate(timeout=30)
    _, left = psutil.wait_procs(children, timeout=20)
    assert left == []
    context.close()


def test_a_port_that_is_listened_on_is_not_shared() -> None:
    with _listen("127.0.0.1", 0) as first, pytest.raises(InputError, match="cannot listen"):
        _listen("127.0.0.1", first.getsockname()[1])
