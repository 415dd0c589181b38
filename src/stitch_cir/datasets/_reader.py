"""Reading annotation and prediction files: one clear error for what is missing or invalid."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["Reader", "parse_json"]


class Reader:
    """Reads files below a root, remembers their SHA-256 and collects notes about them."""

    def __init__(self, root: Path, hint: str) -> None:
        """Read below ``root``; ``hint`` says what to do about a file that is missing."""
        self.root = root
        self.hint = hint
        self.sources: dict[str, str] = {}
        self.notes: list[str] = []

    def json(self, *candidates: str) -> Any:
        """Read the first of several files that exists.

        Raises ``NotFoundError`` naming the first, ``RecordError`` when it is not JSON.
        """
        name = next((name for name in candidates if (self.root / name).is_file()), None)
        if name is None:
            raise NotFoundError(
                f"{self.root / candidates[0]} is missing.",
                hint=f"{self.hint} See it all: stitch bench check DATASET --root {self.root}",
            )
        content = (self.root / name).read_bytes()
        self.sources[name] = hashlib.sha256(content).hexdigest()
        return parse_json(content, str(self.root / name))

    def content(self, name: str) -> bytes:
        """Return the bytes of a file. Raises ``NotFoundError``."""
        path = self.root / name
        if not path.is_file():
            raise NotFoundError(
                f"{path} is missing.",
                hint=f"{self.hint} See it all: stitch bench check DATASET --root {self.root}",
            )
        content = path.read_bytes()
        self.sources[name] = hashlib.sha256(content).hexdigest()
        return content

    def lines(self, name: str) -> list[str]:
        """Return the lines of a text file that are not blank.

        Raises ``NotFoundError``, and ``RecordError`` for what is no text in UTF-8.
        """
        try:
            text = self.content(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordError(f"{self.root / name} is no text in UTF-8.", hint=self.hint) from error
        return [line for line in text.splitlines() if line.strip()]

    def find(self, *candidates: str) -> str | None:
        """Return the first of several paths that exists, relative to the root."""
        return next((name for name in candidates if (self.root / name).exists()), None)

    def records(self, data: Any, where: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Check that data is a list of objects that have the keys. Raises ``RecordError``."""
        required = set(keys)
        if not isinstance(data, list) or not data:
            raise RecordError(f"{self.root / where} holds no list of queries.", hint=self.hint)
        for number, record in enumerate(data):
            missing = required - set(record) if isinstance(record, dict) else required
            if missing:
                raise RecordError(
                    f"{self.root / where}, entry {number}: {', '.join(sorted(missing))} missing.",
                    hint=self.hint,
                )
        return list(data)


def parse_json(content: bytes, where: str) -> Any:
    """Parse JSON; a repeated key is an error, since it would silently overwrite the first.

    Raises ``RecordError`` for anything that is not JSON, a truncated file for example.
    """

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            repeated = next(name for name in names if names.count(name) > 1)
            raise RecordError(f"{where}: {repeated!r} is given twice.", hint="Keep one of them.")
        return record

    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{where} is no JSON, perhaps cut short: {error}.", hint="Get the file again."
        ) from error
