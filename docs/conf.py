"""How the documentation is built: `make docs`; nothing is fetched."""

import sys
from pathlib import Path
from typing import Any

from backproof import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 - it lies beside this file

project = "Backproof"
release = version = __version__
copyright = "the authors of Backproof; Apache-2.0"  # noqa: A001 - Sphinx asks for the name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"Backproof {__version__}"
exclude_patterns = ["_build", "_generated", "images"]
myst_heading_anchors = 3
# A name in single backticks is code: docstrings are read in a terminal more often than here.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures have them; numpydoc's sections say the rest
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
smartquotes = False  # -- is an option

generate.write(HERE / "_generated")


def _escape(app: object, command: object, lines: list[str]) -> None:  # noqa: ARG001
    """Let patterns in the help of a command be text: it is written for a terminal."""
    lines[:] = [line.replace("*", r"\*") for line in lines]


def setup(app: Any) -> None:
    """Hear of every command's help before it is read as markup."""
    for part in ("description", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", _escape)
