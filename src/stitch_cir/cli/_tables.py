"""Tables in which numbers and names stay whole, and only the last column gives way."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["bar", "shorten", "view_room", "write_table"]

_GAP = "  "
_READABLE = 8
"""Columns below which a shortened text says nothing."""


def write_table(
    out: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Write one line a row; a terminal that is too narrow wraps a line, never a cell.

    The last column is cut to what the terminal has left, and left out where that is next to
    nothing; in a pipe it is whole. ``right``: numbers of the columns that are aligned right.
    """
    from rich.cells import cell_len
    from rich.text import Text

    width = _width(out)
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(heads) - 1)]
    if width is not None:
        # one long name must not push the other rows' last column out of sight
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = sum(widths) - widths[widest] + len(_GAP) * len(widths)
        widths[widest] = min(widths[widest], max(14, width - others - 24))
    for number, line in enumerate(lines):
        text = Text(style="bold" if number == 0 else "")
        for column, cell in enumerate(line[:-1]):
            padding = " " * max(0, widths[column] - cell_len(cell))
            text.append(padding + cell if column in right else cell + padding)
            text.append(_GAP)
        last = shorten(line[-1], None if width is None else width - cell_len(text.plain))
        text.append(last, style="" if number == 0 else "dim")
        _write(out, text)


def _write(out: Console, text: Text) -> None:
    text.rstrip()
    out.print(text, soft_wrap=True)


def _width(out: Console) -> int | None:
    """Return the columns to fill, ``None`` where nobody set any (a pipe or a file)."""
    columns = os.environ.get("COLUMNS", "")
    chosen = columns.isdigit() and columns != "0"
    return out.width if out.is_terminal or chosen else None


def view_room(out: Console) -> int | None:
    """Return the columns for one of two long texts in a row, ``None`` for any number."""
    width = _width(out)
    return None if width is None else max(24, width // 3)


def shorten(text: str, room: int | None) -> str:
    """Return a text that fits into ``room`` columns, and ends in … where it was cut."""
    from rich.cells import cell_len, set_cell_size

    if room is None or cell_len(text) <= room:
        return text
    return "" if room < _READABLE else set_cell_size(text, room - 1).rstrip() + "…"


def bar(share: float, longest: float, *, room: int) -> str:
    """Return a bar for a share, ``room`` characters for the longest; what is negative is paler."""
    block, paler = ("█", "▒") if _draws_blocks() else ("#", "-")
    length = max(1, round(room * abs(share) / (longest or 1.0)))
    return (block if share >= 0 else paler) * length


def _draws_blocks() -> bool:
    """Return whether standard output can encode the blocks of a bar."""
    try:
        "█▒".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
