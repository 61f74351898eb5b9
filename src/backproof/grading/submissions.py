"""Submissions in a folder."""

import ast
import os
from dataclasses import dataclass
from pathlib import Path

from backproof._core.errors import InputError
from backproof._core.texts import printable


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A class to be judged."""

    name: str
    """What the submission is called."""
    file: Path | None
    """The file that holds the class; ``None`` where none was found."""
    made: str
    """Name of the class."""
    missing: str = ""
    """Why there is no file."""
    alone: bool = False
    """Whether what lies beside the file belongs to others, and cannot be imported."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _readable(self.name))

    @property
    def place(self) -> str:
        """``FILE.py:CLASS``."""
        return f"{_readable(str(self.file or self.name))}:{self.made}"


def submissions(folder: Path, made: str) -> tuple[Submission, ...]:
    """Return the submissions in a folder, by name.

    Each file of Python in it is one, and each folder in it, whose one file that defines the class
    is taken. What begins with a dot or an underscore is left out, in these folders too.

    Parameters
    ----------
    folder
        The folder.
    made
        Name of the class that each has.

    Raises
    ------
    InputError
        If there is none.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if _is_left_out(path):
            continue
        if path.is_dir():
            found.append(_in_folder(path, made))
        elif path.suffix == ".py":
            found.append(Submission(name=path.stem, file=path, made=made, alone=True))
    if not found:
        raise InputError(
            f"{folder} holds no submission: expected files of Python, or a folder for each"
        )
    names = [one.name for one in found]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise InputError(f"{folder} holds two submissions named {', '.join(double)}")
    return tuple(found)


def _in_folder(folder: Path, made: str) -> Submission:
    files = [path for path in _python_files(folder) if path.is_file()]
    defining = [path for path in files if _defines(path, made)]
    if len(defining) == 1:
        return Submission(name=folder.name, file=defining[0], made=made)
    if defining:
        listed = ", ".join(_readable(str(path.relative_to(folder))) for path in defining)
        why = f"several files define the class {made}: {listed}"
    elif len(files) == 1:  # it may make the class in another way, or not be Python at all
        return Submission(name=folder.name, file=files[0], made=made)
    else:
        why = f"no file of Python in it defines the class {made}"
    return Submission(name=folder.name, file=None, made=made, missing=why)


def _python_files(folder: Path) -> list[Path]:
    inside = (path for path in folder.rglob("*.py") if path.is_file())
    return sorted(
        path
        for path in inside
        if not any(_is_left_out(part) for part in path.relative_to(folder).parents if part.name)
        and not path.name.startswith(".")
    )


def _is_left_out(path: Path) -> bool:
    return path.name.startswith((".", "_"))


def _readable(name: str) -> str:
    """Return a name of a file as text that can be written and shown."""
    return printable(os.fsencode(name).decode(errors="replace"))


def _defines(path: Path, made: str) -> bool:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.ClassDef) and node.name == made for node in tree.body)
