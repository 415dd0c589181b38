"""Captions and product titles from a file: strict, with the line that is wrong named."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir._hints import first_problem
from stitch_cir.errors import RecordError
from stitch_cir.gallery._report import IndexCounters
from stitch_cir.gallery._text_file import read_text
from stitch_cir.gallery.store import Store

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["captions_fact", "captions_of_items", "read_captions", "record_captions"]

_EXPECTED = 'Expected one JSON object a line: {"id": "a.jpg", "captions": ["a red dress", …]}'


def read_captions(file: Path) -> dict[str, tuple[str, ...]]:
    """Read captions by id from JSON lines, or from one JSON list of such objects.

    The id stands under ``id``, ``image``, ``path`` or ``candidate``; the text under ``captions``,
    ``caption``, ``title`` or ``text`` (the first of these that is there), a string or a list.
    Repeated ids are merged, repeated and blank captions dropped; an id may be left without any.

    Raises ``RecordError`` naming file and line, ``NotFoundError`` when there is no such file.
    """
    text = read_text(file, "captions")
    captions_by_id: dict[str, dict[str, None]] = {}
    for position, record in _records(file, text):
        id, captions = _check(position, record)
        words = (" ".join(caption.split()) for caption in captions)
        captions_by_id.setdefault(id.removeprefix("./"), {}).update(
            dict.fromkeys(filter(None, words))
        )
    return {id: tuple(captions) for id, captions in captions_by_id.items()}


def captions_of_items(
    store: Store, texts: Mapping[str, tuple[str, ...]], counters: IndexCounters
) -> dict[str, tuple[str, ...]]:
    """Keep the captions whose id is an item, or one that vanished; report the rest."""
    by_item: dict[str, tuple[str, ...]] = {}
    for id, captions in texts.items():
        exact = store.item(id) or store.vanished(id)
        item_id = store.find_id(id) if exact is None else id
        if item_id is None:
            counters.unknown_captions.append(id)
        else:
            by_item[item_id] = (*by_item.get(item_id, ()), *captions)
    return by_item


def record_captions(
    store: Store, file: Path | str | None, texts: Mapping[str, tuple[str, ...]]
) -> None:
    """Record which captions a gallery holds."""
    fact = captions_fact(file, texts)
    if store.meta().get("captions") != fact:
        with store.transaction():
            store.set_meta(captions=fact)


def captions_fact(
    file: Path | str | None, texts: Mapping[str, tuple[str, ...]]
) -> dict[str, str | None]:
    """Return what is recorded of captions: the file's name, and a digest of them all."""
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    return {"file": None if file is None else Path(file).name, "sha256": digest}


def _records(file: Path, text: str) -> list[tuple[str, Any]]:
    if text.lstrip().startswith("["):
        try:
            return [(f"{file}, entry {n}", r) for n, r in enumerate(json.loads(text), 1)]
        except json.JSONDecodeError as error:
            raise _malformed(f"{file}:{error.lineno}", error.msg) from error
        except RecursionError as error:
            raise _malformed(f"{file}:1", "nested too deeply") from error
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                records.append((f"{file}:{number}", json.loads(line)))
            except (json.JSONDecodeError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply")
                raise _malformed(f"{file}:{number}", reason) from error
    return records


def _check(position: str, record: Any) -> tuple[str, list[str]]:
    from pydantic import ValidationError

    try:
        line: Any = _model().model_validate(record)
    except ValidationError as error:
        raise _malformed(position, first_problem(error)) from error
    for text in (line.id, *line.captions):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _malformed(position, "half of a surrogate pair is no text") from error
    return line.id, line.captions


@functools.cache
def _model() -> type[BaseModel]:
    # pydantic is imported only where a captions file is read: it is slow to start
    from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

    class Line(BaseModel):
        """One line of a captions file."""

        model_config = ConfigDict(strict=True, extra="ignore")

        id: str = Field(
            min_length=1, validation_alias=AliasChoices("id", "image", "path", "candidate")
        )
        captions: list[str] = Field(
            validation_alias=AliasChoices("captions", "caption", "title", "text")
        )

        @field_validator("captions", mode="before")
        @classmethod
        def _wrap_single_text(cls, value: Any) -> Any:
            return [value] if isinstance(value, str) else value

    return Line


def _malformed(position: str, reason: str) -> RecordError:
    return RecordError(f"{position} cannot be understood: {reason}.", hint=_EXPECTED)
