"""Errors to exit codes, in one place; and how an error is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer

from stitch_cir._hints import one_line
from stitch_cir.cli._streams import is_utf8
from stitch_cir.errors import (
    CacheError,
    GalleryError,
    GalleryMissingError,
    ImageError,
    ModelError,
    NotFoundError,
    QueryError,
    RecordError,
    SettingError,
    StitchError,
    VectorError,
)

__all__ = [
    "EPILOG",
    "EXIT_INTERRUPTED",
    "EXIT_SKIPPED",
    "exit_code",
    "guard",
    "json_text",
    "printable",
    "show_error",
]

EXIT_SKIPPED = 7
"""The work was done, but some files had to be left out (each was reported)."""
EXIT_INTERRUPTED = 130

_CODES: tuple[tuple[type[StitchError], int], ...] = (
    (SettingError, 2),
    (QueryError, 2),
    (RecordError, 2),
    (NotFoundError, 3),
    (GalleryMissingError, 3),
    (ImageError, 4),
    (GalleryError, 5),
    (CacheError, 6),
    (ModelError, 6),
    (VectorError, 6),
)

EPILOG = (
    "Exit codes: 0 done · 1 an unexpected fault · 2 wrong usage, setting or query · 3 not found · "
    "4 an image that cannot be used · 5 a gallery problem · 6 a model problem · "
    "7 done, but some files were skipped · 130 interrupted."
)


def exit_code(error: StitchError) -> int:
    """Return the exit code of an error: that of the first class in the table that fits, else 1."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


@contextmanager
def guard(*, as_json: bool = False) -> Iterator[None]:
    """Turn the library's errors and Ctrl-C into one clear message on stderr and an exit code."""
    try:
        yield
    except StitchError as error:
        show_error(error, as_json=as_json)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


def show_error(error: StitchError, *, as_json: bool = False, kind: str | None = None) -> None:
    """Write an error to stderr: one line and its hint, or one JSON object."""
    if as_json:
        name = kind or type(error).__name__
        body = {"type": name, "message": error.message, "hint": error.hint}
        print(json_text({"error": body}, sys.stderr), file=sys.stderr)  # noqa: T201
        return
    from rich.console import Console  # honours NO_COLOR, FORCE_COLOR and TERM

    err = Console(stderr=True, markup=False, highlight=False, emoji=False)
    err.print(f"error: {printable(error.message)}", style="red", soft_wrap=True)
    if error.hint:
        err.print(f"  {printable(error.hint)}", soft_wrap=True)


def json_text(data: Any, stream: TextIO, *, indent: int | None = None) -> str:
    """Return JSON that a stream can take: letters as they are in UTF-8, else as ``\\u`` escapes."""
    text = json.dumps(data, ensure_ascii=not is_utf8(stream), indent=indent, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: a byte of a file name that is no text
        return json.dumps(data, indent=indent, default=str)
    return text


def printable(text: str) -> str:
    """Escape what a terminal would obey, break a line at, or cannot encode."""
    return one_line(text)
