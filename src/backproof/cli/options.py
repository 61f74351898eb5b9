"""Options that several commands share, and what becomes of ``--json`` and ``--plot``."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backproof._core.errors import InputError
from backproof._core.files import check_writable, write_bytes

if TYPE_CHECKING:
    from backproof._core.results import Result
    from backproof.plots import Figure

_PICTURES = (".svg", ".png", ".pdf")
_SIDES = ("two-sided", "upper", "lower")

confidence_option = click.option(
    "--confidence",
    type=float,
    default=0.95,
    show_default=True,
    help="Probability with which the statement holds.",
)
side_option = click.option(
    "--side",
    type=click.Choice(_SIDES),
    default="two-sided",
    show_default=True,
    help="Bound the true error on both sides, or on one.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
plot_option = click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=lambda context, parameter, path: _checked_picture(path),  # noqa: ARG005
    help=f"Draw a picture to a file: {', '.join(_PICTURES)}.",
)


def _checked_picture(path: Path | None) -> Path | None:
    """Refuse, before the work, a picture that could not be written after it."""
    if path is not None:
        if path.suffix.lower() not in _PICTURES:
            raise InputError(f"--plot must end in {', '.join(_PICTURES)}, got {path}")
        check_writable(path)
    return path


def draw(path: Path | None, picture: "Callable[[], Figure]", *, as_json: bool) -> None:
    """Write the picture, if one was asked for, and say where."""
    if path is None:
        return
    from backproof.plots import rendered  # imports matplotlib

    write_bytes(path, rendered(picture(), path.suffix.lower().removeprefix(".")))
    click.echo(f"picture: {path}", err=as_json)


def echo_json(results: "Result | Sequence[Result] | dict[str, Any]") -> None:
    """Print results as JSON, over several lines."""
    import msgspec

    from backproof._core.results import to_json

    click.echo(msgspec.json.format(to_json(results), indent=2).decode())
