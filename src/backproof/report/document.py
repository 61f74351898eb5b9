"""What a document is made of. Nothing here knows how it will be rendered."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from backproof._core.numbers import Style, Value, formatted


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    header: str
    """What stands above it, with the unit."""
    style: Style | None = "text"
    """How its values are shown; see `backproof._core.numbers.formatted`. ``None``: as the row's
    entry in `Table.row_styles` says."""
    digits: int = 3
    """Digits shown."""

    @property
    def numeric(self) -> bool:
        """Whether its values are aligned to the right."""
        return self.style not in ("text", "yes")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of raw values; each rendering formats them."""

    name: str
    """Stem of its file names."""
    caption: str
    """What it shows."""
    columns: tuple[Column, ...]
    """Its columns."""
    rows: tuple[tuple[Value, ...], ...]
    """Its rows, a value for each column."""
    row_styles: tuple[tuple[Style, int], ...] = ()
    """Style and digits of each row, for the columns that have none."""

    def select(self, *headers: str) -> "Table":
        """Return the table with the columns of these headers alone."""
        chosen = [n for n, column in enumerate(self.columns) if column.header in headers]
        return dataclasses.replace(
            self,
            columns=tuple(self.columns[n] for n in chosen),
            rows=tuple(tuple(row[n] for n in chosen) for row in self.rows),
        )

    def shown_rows(self) -> Iterator[list[str]]:
        """Yield each row as text."""
        for number, row in enumerate(self.rows):
            cells = []
            for column, value in zip(self.columns, row, strict=True):
                if column.style is None:
                    style, digits = self.row_styles[number]
                else:
                    style, digits = column.style, column.digits
                cells.append(formatted(value, style, digits))
            yield cells


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure."""

    name: str
    """Stem of its file names."""
    caption: str
    """What it shows and how to read it."""
    svg: str
    """The picture as the text of an SVG file."""
    narrow: bool = False
    """Whether two of it fit beside each other."""


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """Plain text."""

    text: str
    """The text."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """Program text or output."""

    text: str
    """The text, line breaks kept."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and what became of it."""

    claim: str
    """The claim."""
    held: bool
    """Whether it held."""
    text: str
    """What was found, in plain words."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found, claim by claim."""

    items: tuple[Finding, ...]
    """The claims."""


@dataclass(frozen=True, kw_only=True)
class Details:
    """Blocks that are folded away on a screen."""

    summary: str
    """What is shown when folded."""
    blocks: tuple["Block", ...]
    """What it holds."""


Block = Paragraph | Code | Table | Picture | Findings | Details


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a document."""

    title: str
    """Its heading."""
    anchor: str
    """Its name in links."""
    blocks: tuple[Block, ...]
    """What it holds."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole document."""

    title: str
    """Its heading."""
    subtitle: str
    """What stands under the heading."""
    sections: tuple[Section, ...]
    """Its parts."""
    footer: str = ""
    """What stands at its end."""

    def tables(self) -> Iterator[Table]:
        """Yield every table, in order."""
        for block in self._all_blocks():
            if isinstance(block, Table):
                yield block

    def _all_blocks(self) -> Iterator[Block]:
        pending = [block for section in self.sections for block in section.blocks]
        while pending:
            block = pending.pop(0)
            yield block
            if isinstance(block, Details):
                pending[:0] = block.blocks
