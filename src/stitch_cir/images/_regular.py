"""Files as they lie on a disk: only regular ones are opened, and every name can be printed."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from stitch_cir.errors import ImageError

__all__ = ["open_regular", "printable_path", "unreadable"]


def open_regular(path: Path, name: str = "") -> io.BufferedReader:
    """Open a regular file for reading; a named pipe called photo.jpg is refused, not waited for.

    ``name`` is what messages call it, by default its path.

    Raises ``ImageError`` with the reason when that is impossible.
    """
    name = name or printable_path(path)
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ImageError(f"{name} is not a regular file.", hint="Give the path of an image.")
    return os.fdopen(descriptor, "rb")


def printable_path(path: Path | str) -> str:
    """Return a path as text that can be printed, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unreadable(name: str, error: Exception) -> ImageError:
    """Return the error for a file that the system does not hand out."""
    reason = getattr(error, "strerror", None) or error
    return ImageError(f"{name} cannot be read: {reason}.", hint="Check the path and permissions.")
