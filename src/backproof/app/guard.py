"""Who may talk to the page: an ASGI wrapper that refuses foreign hosts, origins and large bodies.

A page in the browser may send requests to any address, the loopback one included, and a host name
of its owner's may be made to point there (DNS rebinding). Both are told by the headers.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
LARGEST_BODY = 4 << 20
"""Bytes of the largest request that is read: 4 MiB."""

# Vue compiles its templates in the browser, hence unsafe-eval; nothing comes from elsewhere.
_POLICY = (
    b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    b"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", _POLICY),
)


class _Refused(Exception):  # noqa: N818
    """A request that is not answered, with the status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """Lets requests of this machine's browser through to an application, and no others.

    Parameters
    ----------
    application
        What is guarded.
    port
        The port that is listened on.
    token
        What everybody has to know, where the page is open to other machines; ``None`` where it
        listens on the loopback address alone, and the Host header has to name that.
    """

    def __init__(self, application: Application, *, port: int, token: str | None) -> None:
        self._application = application
        self._token = token
        self._cookie = f"backproof-token-{port}"  # cookies are of a host, whatever its port
        self._hosts = {f"{name}:{port}" for name in LOOPBACK_NAMES}
        if port == 80:
            self._hosts.update(LOOPBACK_NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            self._check_address(headers)
            if self._shows_token(scope):
                await _send_to_cookie(scope, send, f"{self._cookie}={self._token}")
                return
            self._check_token(headers)
            _check_length(headers)
        except _Refused as refused:
            await _refuse(scope, receive, send, refused)
            return
        await self._application(scope, _limited(receive), _with_headers(send))

    def _check_address(self, headers: dict[str, str]) -> None:
        host = headers.get("host", "").lower()
        if self._token is None and host not in self._hosts:
            raise _Refused(421, f"This page is at {min(self._hosts)}, not at this host name.")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
            raise _Refused(403, "Requests from other pages are not answered.")

    def _shows_token(self, scope: Scope) -> bool:
        if self._token is None or scope["type"] != "http" or scope["method"] != "GET":
            return False
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")
        return secrets.compare_digest(given.encode(), self._token.encode())

    def _check_token(self, headers: dict[str, str]) -> None:
        if self._token is None:
            return
        pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
        given = {name.strip(): value for name, _, value in pairs}.get(self._cookie, "")
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            raise _Refused(403, "Open the address, with its token, that `backproof app` printed.")


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers; a repeated one that matters here is no request of a browser."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "content-length"):
            raise _Refused(400, f"The header {name} was sent twice.")
        text = value.decode("latin-1")
        found[name] = f"{found[name]}; {text}" if name == "cookie" and name in found else text
    return found


def _check_length(headers: dict[str, str]) -> None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise _too_large()


def _too_large() -> _Refused:
    return _Refused(413, f"At most {LARGEST_BODY >> 20} MiB may be sent.")


def _limited(receive: Receive) -> Receive:
    """Count what a body holds, whatever its length was said to be."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                return {"type": "http.disconnect"}  # the rest is not read
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sent


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: _Refused) -> None:
    if scope["type"] == "websocket":
        await receive()  # the request to connect
        await send({"type": "websocket.close", "code": 1008, "reason": str(refused)})
        return
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await _answer(send, refused.status, [kind], f"{refused}\n".encode())


async def _send_to_cookie(scope: Scope, send: Send, cookie: str) -> None:
    """Keep the token in a cookie and take it out of the address, which people copy."""
    query = [
        (name, value)
        for name, value in parse_qsl(scope["query_string"].decode("latin-1"))
        if name != "token"
    ]
    # Lax, not strict: whoever follows a link in a message comes from another site.
    cookie = f"{cookie}; Path=/; HttpOnly; SameSite=Lax"
    headers = [
        (b"location", f"/?{urlencode(query)}".rstrip("?").encode()),
        (b"set-cookie", cookie.encode()),
    ]
    await _answer(send, 303, headers, b"")


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
