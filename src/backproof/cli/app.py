"""``backproof app``: the page on which to see it happen."""

from importlib.util import find_spec

import click

from backproof._core.errors import InputError


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any other opens the page to those who have its token.",
)
@click.option("--port", type=int, help="Port to listen on.  [default: 8765, or a free one]")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
def app(host: str, port: int | None, no_open: bool) -> None:
    """Open the local web page; Ctrl-C ends it.

    Example: backproof app
    """
    if find_spec("nicegui") is None:
        raise InputError("the page needs NiceGUI: pip install 'backproof[app]'")
    from backproof.app import serve

    def started(address: str) -> None:
        click.echo(f"Backproof is at {address}")
        if "token=" in address:
            click.echo(
                f"It listens on {host}: whoever reaches this machine and knows the token can use "
                "the page, and the network between sees what is sent."
            )
        click.echo("Ctrl-C ends it.")

    serve(host, port, started=started, open_browser=not no_open)
