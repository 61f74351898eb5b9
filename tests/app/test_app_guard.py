"""Who is answered: hosts, origins, tokens and sizes, one request at a time."""

import asyncio
from typing import Any

import pytest

from backproof.app.guard import LARGEST_BODY, Guard

HOST = ("host", "127.0.0.1:8765")
TOKEN = "a-long-token"


class Inner:
    """An application that answers everything, and reads what is sent."""

    def __init__(self) -> None:
        self.reached = 0
        self.read = 0
        self.cut = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut = True
                return
            self.read += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


class Answer:
    """What came back."""

    def __init__(self, sent: list[Any], inner: Inner) -> None:
        self.sent, self.inner = sent, inner

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self) -> str:
        return str(self.sent[-1]["body"].decode())


def ask(
    *headers: tuple[str, str],
    kind: str = "http",
    method: str = "GET",
    query: str = "",
    token: str | None = None,
    bodies: tuple[bytes, ...] = (b"",),
    port: int = 8765,
) -> Answer:
    inner, sent, left = Inner(), [], list(bodies)

    async def receive() -> Any:
        if kind == "websocket":
            return {"type": "websocket.connect"}
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(Guard(inner, port=port, token=token)(scope, receive, send))
    return Answer(sent, inner)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765"]
)
@pytest.mark.parametrize("origin", [True, False])
def test_this_machine_is_answered(host: str, origin: bool) -> None:
    own = [("origin", f"http://{host}")] if origin else []
    answer = ask(("host", host), *own)
    assert answer.status == 200
    assert answer.inner.reached == 1


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:8766", "",
        "127.0.0.1.evil.example:8765", "localhost:8765@evil.example", "0.0.0.0:8765",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_host_name_is_not(host: str, kind: str) -> None:
    answer = ask(("host", host), kind=kind)
    assert answer.inner.reached == 0
    if kind == "http":
        assert answer.status == 421
    else:
        assert answer.sent[0]["type"] == "websocket.close"


def test_a_request_without_a_host_is_not() -> None:
    assert ask().status == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765",
        "http://127.0.0.1:8765.evil.example", "https://evil.example:8765", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_page_is_not(origin: str, kind: str, method: str) -> None:
    answer = ask(HOST, ("origin", origin), kind=kind, method=method)
    assert answer.inner.reached == 0
    if kind == "http":
        assert answer.status == 403


@pytest.mark.parametrize("name", ["host", "origin", "content-length"])
def test_a_header_sent_twice_is_refused(name: str) -> None:
    answer = ask(HOST, (name, "127.0.0.1:8765"), (name, "127.0.0.1:8765"))
    assert answer.status == 400
    assert name in answer.text


def test_the_usual_port_may_be_left_out_of_the_host() -> None:
    assert ask(("host", "localhost"), port=80).status == 200


def test_every_answer_forbids_frames_and_foreign_sources() -> None:
    for answer in (ask(HOST), ask(("host", "evil.example"))):
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_large_body_is_refused_by_its_length() -> None:
    answer = ask(HOST, ("content-length", str(LARGEST_BODY + 1)), method="POST")
    assert answer.status == 413
    assert "4 MiB" in answer.text
    assert answer.inner.reached == 0


@pytest.mark.parametrize("length", ["-1", "many", "1e3", "٣"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    inner_headers = [HOST, ("content-length", length.encode().decode("latin-1"))]
    assert ask(*inner_headers, method="POST").status == 413


def test_a_large_body_that_hides_its_length_is_cut() -> None:
    answer = ask(HOST, method="POST", bodies=(b"x" * LARGEST_BODY, b"x", b"x"))
    assert answer.inner.cut
    assert answer.inner.read == LARGEST_BODY


def test_a_body_of_the_largest_size_is_read() -> None:
    length = ("content-length", str(LARGEST_BODY))
    answer = ask(HOST, length, method="POST", bodies=(b"x" * LARGEST_BODY,))
    assert answer.status == 200
    assert answer.inner.read == LARGEST_BODY


class TestToken:
    """A page that is open to other machines."""

    far = ("host", "laboratory.example:8765")

    @pytest.mark.parametrize("origin", ["http://[", "null", "", "http://a@127.0.0.1:8765"])
    def test_an_origin_that_is_none_is_refused(self, origin: str) -> None:
        answer = ask(("host", "127.0.0.1:8765"), ("origin", origin))
        assert answer.status == 403

    def test_without_it_nothing_is_answered(self) -> None:
        for kind in ("http", "websocket"):
            answer = ask(self.far, kind=kind, token=TOKEN)
            assert answer.inner.reached == 0
        assert "token" in ask(self.far, token=TOKEN).text

    @pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], TOKEN + "x", "tökén"])
    def test_a_wrong_one_is_refused(self, given: str) -> None:
        cookie = ("cookie", f"backproof-token-8765={given}".encode().decode("latin-1"))
        assert ask(self.far, cookie, token=TOKEN).status == 403
        assert ask(self.far, query=f"token={given}", token=TOKEN).status == 403

    def test_the_right_one_is_kept_in_a_cookie_and_taken_out_of_the_address(self) -> None:
        answer = ask(self.far, query=f"panel=train&token={TOKEN}", token=TOKEN)
        assert answer.status == 303
        assert answer.headers["location"] == "/?panel=train"
        assert answer.headers["set-cookie"].startswith(f"backproof-token-8765={TOKEN}; ")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=Lax" in answer.headers["set-cookie"]

    @pytest.mark.parametrize("kind", ["http", "websocket"])
    def test_with_the_cookie_everything_is_answered(self, kind: str) -> None:
        cookie = ("cookie", f"other=1; backproof-token-8765={TOKEN}")
        assert ask(self.far, cookie, kind=kind, token=TOKEN).inner.reached == 1

    def test_another_page_is_refused_with_the_cookie_too(self) -> None:
        cookie = ("cookie", f"backproof-token-8765={TOKEN}")
        answer = ask(self.far, cookie, ("origin", "http://evil.example"), token=TOKEN)
        assert answer.status == 403
