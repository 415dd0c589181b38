"""Captions that a model wrote: which ones of an item's captions are its, and of what content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from stitch_cir.gallery.store._schema import WRITTEN_CAPTIONS_SINCE

if TYPE_CHECKING:
    from stitch_cir.gallery.store._store import Store

__all__ = [
    "WrittenRow",
    "counts",
    "outdated",
    "put_written",
    "put_written_elsewhere",
    "written_elsewhere",
    "written_rows",
    "written_texts",
]

_COLUMNS = "id, content, model, prompt, answer, weight, members"


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """What is recorded of an item: its last ``members`` captions are the model's.

    ``content`` is the hash of the image that the model was shown, ``prompt`` the name of the prompt
    and ``answer`` the key of the answer; each caption stands there ``weight`` times.
    """

    id: str
    content: str
    model: str
    prompt: str
    answer: str
    weight: int
    members: int


def written_rows(store: Store) -> dict[str, WrittenRow]:
    """Return what is recorded, by item."""
    if not store.has_schema(WRITTEN_CAPTIONS_SINCE):
        return {}
    rows = store.rows(f"SELECT {_COLUMNS} FROM written_captions ORDER BY id")
    return {row[0]: WrittenRow(*row) for row in rows}


def counts(store: Store) -> list[dict[str, Any]]:
    """Return how many items have captions by each model, prompt and weight, JSON-ready."""
    if not store.has_schema(WRITTEN_CAPTIONS_SINCE):
        return []
    return [
        {"model": model, "prompt": prompt, "weight": weight, "items": items}
        for model, prompt, weight, items in store.rows(
            "SELECT model, prompt, weight, COUNT(*) FROM written_captions"
            " WHERE id IN (SELECT id FROM items)"
            " GROUP BY model, prompt, weight ORDER BY model, prompt, weight"
        )
    ]


def written_elsewhere(store: Store, id: str) -> list[str]:
    """Return the captions of an item that no model wrote: from a file, or from metadata."""
    captions = store.captions(id)
    members = store.value("SELECT members FROM written_captions WHERE id = ?", (id,)) or 0
    return captions[: max(0, len(captions) - int(members))]


def written_texts(store: Store, id: str) -> list[str]:
    """Return the captions of an item that a model wrote, each once."""
    if not store.has_schema(WRITTEN_CAPTIONS_SINCE):
        return []
    return list(dict.fromkeys(store.captions(id)[len(written_elsewhere(store, id)) :]))


def put_written_elsewhere(store: Store, id: str, texts: Sequence[str]) -> None:
    """Replace the captions of an item that no model wrote, in a transaction of the caller."""
    kept = store.captions(id)[len(written_elsewhere(store, id)) :]
    store.put_captions(id, [*texts, *kept])


def put_written(store: Store, row: WrittenRow, texts: Sequence[str]) -> None:
    """Replace the captions of an item that a model wrote, in a transaction of the caller.

    ``texts`` have vectors already; none takes them away. Each becomes ``row.weight`` members of the
    view set.
    """
    others = written_elsewhere(store, row.id)
    members = [text for text in texts for _ in range(row.weight)]
    store.put_captions(row.id, [*others, *members])
    store.rows("DELETE FROM written_captions WHERE id = ?", (row.id,))
    if texts:
        values = (*astuple(row)[:-1], len(members))
        store.rows(
            f"INSERT INTO written_captions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values
        )


def outdated(store: Store) -> list[WrittenRow]:
    """Return the rows of items whose image is another one by now."""
    rows = store.rows(
        f"SELECT {', '.join(f'w.{name}' for name in _COLUMNS.split(', '))}"
        " FROM written_captions w JOIN items i USING (id)"
        " WHERE i.hash IS NOT w.content ORDER BY id"
    )
    return [WrittenRow(*row) for row in rows]
