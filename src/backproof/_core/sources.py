"""Files of Python that users name: ``FILE.py:NAME``."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from backproof._core.errors import InputError


def split_place(place: str) -> tuple[Path, str]:
    """Return the file and the name, empty where there is none, of ``FILE.py:NAME``.

    Raises
    ------
    InputError
        If there is no such file.
    """
    file, colon, name = place.rpartition(":")
    if not colon or name.endswith(".py"):
        file, name = place, ""
    if not file:
        raise InputError(f"expected FILE.py or FILE.py:NAME, got {place}")
    path = Path(file)
    if not path.is_file():
        missing = f"{path} is a folder" if path.is_dir() else f"there is no file {path}"
        raise InputError(f"{missing}: expected FILE.py or FILE.py:NAME")
    return path, name


def names_in(path: Path) -> dict[str, Any]:
    """Run a file as a module and return its names; its folder can be imported from.

    Raises
    ------
    InputError
        If it is no file of Python, or raises.
    """
    module_name = f"_backproof_{path.stem}"  # never in the way of a module with that name
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file: expected FILE.py or FILE.py:NAME")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{path} cannot be imported: {said(error)}") from error
    return vars(module)


def said(error: BaseException) -> str:
    """Return an exception in a line: its kind, and the first line of what it says."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}".removesuffix(": ")
