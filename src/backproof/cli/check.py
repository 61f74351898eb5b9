"""``backproof check``: the gradient checks that a file of Python holds."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from backproof._core.errors import InputError

_FOUND_SOMETHING = 1


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
    (target, inputs, options). FILE.py alone runs every Case in it. Exits with 0 if all gradients
    agree, 1 if one is wrong or cannot be decided, 2 if something cannot be used.
    """
    from backproof.gradcheck import Verdict  # imports PyTorch: not for --help

    passing = {Verdict.AGREE} | ({Verdict.UNRESOLVED} if allow_unresolved else set())
    cases = [found for place in places for found in _cases(place)]
    reports = []
    for name, case in cases:
        report = case.run()
        reports.append((name, report))
        if not as_json:
            click.echo(f"{name}\n{report}\n")
    if as_json:
        click.echo(_json(reports))
    return 0 if all(report.verdict in passing for _, report in reports) else _FOUND_SOMETHING


def _json(reports: list[tuple[str, Any]]) -> str:
    import msgspec

    content = [{"name": name, **report.to_dict()} for name, report in reports]
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


def _cases(place: str) -> Iterator[tuple[str, Any]]:
    """Yield the cases of ``FILE.py:NAME``, or all of ``FILE.py``, with their names."""
    from backproof.gradcheck import Case, as_case

    path, name = _split(place)
    names = vars(_module(path))
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


def _split(place: str) -> tuple[Path, str]:
    file, colon, name = place.rpartition(":")
    if not colon or name.endswith(".py"):
        file, name = place, ""
    path = Path(file)
    if not path.is_file():
        raise InputError(f"there is no file {path}: expected FILE.py or FILE.py:NAME")
    return path, name


def _module(path: Path) -> Any:
    """Run a file as a module of its own name; its folder can be imported from."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file: expected FILE.py or FILE.py:NAME")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and pickles look their module up
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path} cannot be imported: {_said(error)}") from error
    return module


def _called(place: str, value: Any) -> Any:
    if not callable(value):
        return value
    try:
        return value()
    except Exception as error:
        raise InputError(f"{place}() raised {_said(error)}") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
