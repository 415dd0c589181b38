"""Errors to exit codes, in one place; and how an error is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

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

__all__ = ["EPILOG", "EXIT_SKIPPED", "exit_code", "guard", "plain"]

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
    """Give the exit code of an error: the first class in the table that fits, else 1."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


@contextmanager
def guard(*, as_json: bool = False) -> Iterator[None]:
    """Turn the library's errors and Ctrl-C into one clear message on stderr and an exit code."""
    try:
        yield
    except StitchError as error:
        if as_json:
            body = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
            print(json.dumps({"error": body}, ensure_ascii=False), file=sys.stderr)  # noqa: T201
        else:
            typer.secho(f"error: {plain(error.message)}", fg="red", err=True)
            if error.hint:
                typer.echo(f"  {plain(error.hint)}", err=True)
        raise typer.Exit(exit_code(error)) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; what was finished is kept", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # the reader (head, less) has left: there is nobody to tell
        sys.stdout = None
        raise typer.Exit(0) from None


def plain(text: str) -> str:
    """Escape what a terminal would obey or cannot encode (file names may hold anything)."""
    shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return shown.encode("utf-8", "backslashreplace").decode()
