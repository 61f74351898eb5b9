"""The server as a process: where it listens, whom it answers, how it ends."""

import http.client
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import psutil
import pytest
from tests.app.conftest import Server, start, stop

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
        assert "swagger" not in ask(server, path=path)[1].lower()


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
        cookie = f"backproof-{query}"
        assert ask(server, cookie=cookie)[0] == 200
        assert ask(server, cookie=cookie, origin="http://evil.example")[0] == 403
    finally:
        assert stop(server) == ""
    assert "whoever reaches this machine" in server.said


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_behind(number: signal.Signals) -> None:
    server = start()
    assert ask(server)[0] == 200
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children  # from which those that train are forked
    server.process.send_signal(number)
    server.process.communicate(timeout=30)
    _, left = psutil.wait_procs(children, timeout=20)
    assert left == []
