"""Reading annotation and prediction files: one clear error for what is missing or odd."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["PREDICTION_FILES", "VARIANTS", "Reader", "parse_json"]

VARIANTS = "variants"
"""The folder of a run that holds a folder for each way of searching."""
PREDICTION_FILES = ("predictions.json", "predictions-subset.json")
"""Of one way of searching: the rankings, and CIRR's rankings of the subset."""


class Reader:
    """Reads files below a root and remembers their SHA-256."""

    def __init__(self, root: Path, hint: str) -> None:
        """Read below ``root``; ``hint`` says what to do about a file that is missing."""
        self.root = root
        self.hint = hint
        self.sources: dict[str, str] = {}

    def json(self, *candidates: str) -> Any:
        """Read the first of several places that exists.

        Raises ``NotFoundError`` naming the first, ``RecordError`` when it is no JSON.
        """
        for name in candidates:
            path = self.root / name
            if path.is_file():
                content = path.read_bytes()
                self.sources[name] = hashlib.sha256(content).hexdigest()
                return parse_json(content, str(path))
        raise NotFoundError(
            f"{self.root / candidates[0]} is missing.",
            hint=f"{self.hint} See it all: stitch bench check DATASET --root {self.root}",
        )

    def find(self, *candidates: str) -> str | None:
        """Give the first of several places that exists, relative to the root."""
        return next((name for name in candidates if (self.root / name).exists()), None)

    def records(self, data: Any, where: str, keys: Iterable[str]) -> list[dict[str, Any]]:
        """Check that data is a list of objects that have the keys. Raises ``RecordError``."""
        wanted = set(keys)
        if not isinstance(data, list) or not data:
            raise RecordError(f"{self.root / where} holds no list of queries.", hint=self.hint)
        for number, record in enumerate(data):
            missing = wanted - set(record) if isinstance(record, dict) else wanted
            if missing:
                raise RecordError(
                    f"{self.root / where}, entry {number}: {', '.join(sorted(missing))} missing.",
                    hint=self.hint,
                )
        return list(data)


def parse_json(content: bytes, where: str) -> Any:
    """Parse JSON; a key given twice is an error, not a silent overwriting.

    Raises ``RecordError`` for what is no JSON (a truncated file is told as such).
    """

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise RecordError(f"{where}: {twice!r} is given twice.", hint="Keep one of them.")
        return found

    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"{where} is no JSON, perhaps cut short: {error}.", hint="Get the file again."
        ) from error
