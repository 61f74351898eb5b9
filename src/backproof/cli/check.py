"""``backproof check``: the gradient checks that a file of Python holds."""

import contextlib
import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from backproof._core.errors import InputError
from backproof._core.sources import names_in, said, split_place
from backproof._core.texts import printable
from backproof.cli.exits import FOUND_SOMETHING, UNUSABLE_INPUT


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="FILE.py[:NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
@click.option(
    "--allow-unresolved",
    is_flag=True,
    help="Exit with 0 although a check could not be decided.",
)
def check(places: tuple[str, ...], as_json: bool, allow_unresolved: bool) -> int:
    """Check gradients: which entries are wrong, by how much, and why.

    NAME is a gradcheck.Case, or a function without arguments that returns (target, inputs) or
    (target, inputs, options). FILE.py alone runs every Case in it.

    Each line tells the discrepancy, numeric minus claimed, with its standard error. Exits with 0
    if all gradients agree, 1 if one is wrong or cannot be decided, 2 if something cannot be used.

    Example: backproof check examples/custom_function.py:wrong
    """
    from backproof.gradcheck import Verdict  # imports PyTorch: not for --help

    passing = {Verdict.AGREE} | ({Verdict.UNRESOLVED} if allow_unresolved else set())
    found: list[tuple[str, Any]] = []
    # With --json, standard output is for the reports alone.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        run_once = functools.cache(names_in)
        for name, case in [one for place in places for one in _cases(place, run_once)]:
            try:
                found.append((name, _run(case)))
            except InputError as error:  # the others are run all the same
                found.append((name, error))
                if click.get_current_context().find_root().params["debug"]:
                    traceback.print_exception(error)
                click.echo(f"backproof: {printable(f'{name}: {error}')}", err=True)
            else:
                if not as_json:
                    click.echo(f"{name}\n{found[-1][1]}\n")
    if as_json:
        click.echo(_json(found))
    if any(isinstance(one, InputError) for _, one in found):
        return UNUSABLE_INPUT
    return 0 if all(report.verdict in passing for _, report in found) else FOUND_SOMETHING


def _json(found: list[tuple[str, Any]]) -> str:
    import msgspec

    content = [
        {"name": name, **({"error": str(one)} if isinstance(one, InputError) else one.to_dict())}
        for name, one in found
    ]
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _run(case: Any) -> Any:
    """Run a case; whatever ends it is an input that cannot be used."""
    try:
        return case.run()
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        notes = "; ".join(getattr(error, "__notes__", []))
        where = f" ({notes})" if notes else ""
        raise InputError(f"the target raised {said(error)}{where}") from error


def _cases(place: str, names_of: Callable[[Path], dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the cases of ``FILE.py:NAME``, or all of ``FILE.py``, with their names."""
    from backproof.gradcheck import Case, as_case

    path, name = split_place(place)
    names = names_of(path)
    if not name:
        found = [(key, value) for key, value in names.items() if isinstance(value, Case)]
        if not found:
            raise InputError(
                f"{path} has no gradcheck.Case: define one, or name a function, {path}:NAME"
            )
        yield from ((f"{path}:{key}", case) for key, case in found)
        return
    if name not in names:
        known = [key for key, value in names.items() if isinstance(value, Case)]
        hint = f"; it has the cases {', '.join(known)}" if known else ""
        raise InputError(f"{path} has no {name}{hint}")
    value = names[name]
    if not isinstance(value, Case):
        value = _called(place, value)
    try:
        yield place, as_case(value)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _called(place: str, value: Any) -> Any:
    if not callable(value):
        return value
    try:
        return value()
    except (Exception, SystemExit) as error:
        raise InputError(f"{place}() raised {said(error)}") from error
