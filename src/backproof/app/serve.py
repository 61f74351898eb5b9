"""The server of the page."""

import logging
import secrets
import socket
import threading
import warnings
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from backproof._core.errors import InputError
from backproof.app.guard import Guard
from backproof.app.page import add_page
from backproof.app.processes import prepare

USUAL_PORT = 8765
"""Tried first where no port is asked for."""
_PATIENCE = 20.0
"""Seconds for which a page that is out of reach, such as on a machine asleep, is kept."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    started: Callable[[str], None],
    open_browser: bool = False,
) -> None:
    """Serve the page until the process is interrupted.

    Parameters
    ----------
    host
        Address to listen on. Anybody who reaches another than the loopback address has to know
        the token that is part of the page's address.
    port
        Port to listen on; ``None`` for the usual one, or a free one where that is taken.
    started
        Told the address of the page when it can be opened.
    open_browser
        Whether to open it in a browser as well.

    Raises
    ------
    InputError
        If the address cannot be listened on.
    """
    listening = _listen(host, port)
    number = listening.getsockname()[1]
    token = None if host in _LOOPBACK else secrets.token_urlsafe(24)
    address = f"http://{f'[{host}]' if ':' in host else host}:{number}/"
    if token is not None:
        address += f"?token={token}"

    def get_ready() -> None:
        prepare()
        if open_browser:
            webbrowser.open(address)  # one for the terminal keeps the thread until it ends

    def announce() -> None:
        threading.Thread(target=get_ready, daemon=True).start()
        started(address)

    config = uvicorn.Config(
        Guard(_application(), port=number, token=token),
        log_level="warning",
        access_log=False,
        ws_max_size=1 << 20,
        timeout_graceful_shutdown=2,
    )
    # At its start NiceGUI looks at every object there is, and one of PyTorch's complains of that.
    warnings.filterwarnings("ignore", "`torch.distributed.reduce_op` is deprecated")
    logging.getLogger("nicegui").setLevel(logging.ERROR)  # it would print addresses not found
    with listening, suppress(KeyboardInterrupt):
        _Server(config, announce).run(sockets=[listening])


def _application() -> FastAPI:
    application = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_page()
    ui.run_with(
        application,
        title="Backproof",
        dark=None,
        show_welcome_message=False,
        reconnect_timeout=_PATIENCE,
    )
    return application


def _listen(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, wanted))
            found.listen()  # from now on no other server can have the port
        except (OSError, OverflowError) as error:
            found.close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            if isinstance(error, socket.gaierror):
                raise InputError(
                    f"cannot listen on {host}: {reason}; choose another address with host="
                ) from None
            problem = f"cannot listen on {host} port {wanted}: {reason}"
        else:
            return found
    raise InputError(f"{problem}; choose another with port=")


class _Server(uvicorn.Server):
    """Tells when it can be reached."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        if self.started:
            self._announce()
