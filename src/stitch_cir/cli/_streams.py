"""Standard streams that any code page, pipe, closed descriptor or full disk can take."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from typing import TextIO

from stitch_cir.errors import SettingError

__all__ = ["is_utf8", "prepare", "transliterate"]

_TRANSLITERATIONS = {
    "→": "->",
    "←": "<-",
    "⇄": "<->",
    "…": "...",
    "·": "-",
    "•": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "τ": "tau",
    "ε": "epsilon",
    "\u00a0": " ",
    "\u202f": " ",
}
"""What the command's own texts use, in letters that every code page has."""
_HANDLER = "stitch-transliterate"
_READER_LEFT = (errno.EPIPE, errno.ESHUTDOWN, errno.ECONNRESET)


def prepare() -> None:
    """Replace stdout and stderr by streams that never fail for a reason a user cannot see.

    Letters that the stream's encoding lacks are transliterated. When a reader (head, less) has
    left, output ends silently while the work goes on to its end and its exit code. A disk that is
    full raises ``SettingError`` once. What was closed by the caller reads as empty and swallows
    what is written, so that no file that is opened later gets its number.
    """
    codecs.register_error(_HANDLER, transliterate)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    sys.stdout = _stream(sys.stdout, 1)
    sys.stderr = _stream(sys.stderr, 2)


def transliterate(error: UnicodeError) -> tuple[str, int]:
    """Return letters that every code page has in place of what cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_transliterate(letter) for letter in letters), error.end


def _transliterate(letter: str) -> str:
    if "\ud800" <= letter <= "\udfff":  # a byte of a file name that is no text
        return f"\\u{ord(letter):04x}"
    return _TRANSLITERATIONS.get(letter, "?")


def is_utf8(stream: TextIO) -> bool:
    """Return whether a stream writes every letter."""
    try:
        return codecs.lookup(stream.encoding or "utf-8").name == "utf-8"
    except LookupError:
        return False


def _stream(old: TextIO | None, descriptor: int) -> TextIO:
    if old is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    if sys.platform == "win32" and old.isatty():
        return old  # the console takes every letter, through a call of its own
    if not isinstance(old, io.TextIOWrapper):
        return old
    try:
        if old.fileno() != descriptor:
            raise OSError
        old.flush()
    except (OSError, ValueError):  # whoever runs the command as a function reads it elsewhere
        old.reconfigure(errors=_HANDLER)
        return old
    raw = _OutputFile(descriptor, required=descriptor == 1)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=old.encoding,
        errors=_HANDLER,
        newline=None,
        line_buffering=old.line_buffering,
        write_through=old.write_through,
    )


class _OutputFile(io.FileIO):
    """The file below a standard stream; ``required`` says whether its loss is an error."""

    def __init__(self, descriptor: int, *, required: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._required = required
        self._lost = False

    def write(self, data: object) -> int:
        """Write as much as fits, and return how many bytes; all of them once the reader left."""
        whole = memoryview(data).nbytes  # type: ignore[arg-type]
        if self._lost:
            return whole
        try:
            while (written := super().write(data)) is None:  # type: ignore[arg-type]
                select.select([], [self], [])  # a pipe that does not block, and is full
        except OSError as error:
            self._lost = True
            left = error.errno in _READER_LEFT
            if left or not self._required or (os.name == "nt" and error.errno == errno.EINVAL):
                return whole
            raise SettingError(
                f"The output cannot be written: {error.strerror or error}.",
                hint="Send it to a disk that has room.",
            ) from None
        return written
