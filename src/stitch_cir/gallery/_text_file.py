"""A text file that the user names: captions, attributes."""

from __future__ import annotations

from pathlib import Path

from stitch_cir._hints import missing_file_hint
from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["read_text"]


def read_text(file: Path, noun: str, *, max_bytes: int | None = None) -> str:
    """Return the text of a UTF-8 file, without its byte order mark; ``noun`` says what it is.

    Raises ``NotFoundError`` when it cannot be read, ``RecordError`` when it is larger than
    ``max_bytes`` (whole GiB), or naming the line that is not UTF-8.
    """
    try:
        if max_bytes is not None and file.stat().st_size > max_bytes:
            raise RecordError(f"{file} is larger than {max_bytes >> 30} GiB.", hint="Split it.")
        content = file.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The {noun} file {file} cannot be read: {error.strerror}.",
            hint=missing_file_hint(file, "Check the path."),
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecordError(f"{file}:{line} is not UTF-8.", hint="Save it as UTF-8.") from error
