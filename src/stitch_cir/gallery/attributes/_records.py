"""Values as they come, by item: which kind each attribute has, and what contradicts it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import RecordError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._kinds import (
    KINDS,
    AttributeKind,
    StoredValue,
    UnusableValueError,
    as_kind,
    kind_of,
)

__all__ = [
    "AttributeRecord",
    "AttributeTable",
    "checked_name",
    "convert",
    "infer_kinds",
    "shortened",
]

MAX_NAME = 100
"""Characters of an attribute's name."""
MAX_ATTRIBUTES = 500


@dataclass(frozen=True, slots=True)
class AttributeRecord:
    """The attributes of one item; ``position`` says where they stand, for messages.

    ``None`` takes a value away.
    """

    position: str
    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """Records of one source, and the kinds that it declares.

    ``is_typed`` is false for a table of texts, whose numbers and booleans are spelled.
    """

    records: Sequence[AttributeRecord]
    kinds: Mapping[str, AttributeKind] = field(default_factory=dict)
    is_typed: bool = True


def checked_name(name: str, position: str) -> str:
    """Return the name of an attribute in one spelling. Raises ``RecordError``."""
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if not clean or len(clean) > MAX_NAME or not clean.isprintable():
        raise RecordError(
            f"{position}: {clean[:40]!r} cannot be the name of an attribute.",
            hint=f"Use 1 to {MAX_NAME} printable characters.",
        )
    return clean


def infer_kinds(
    table: AttributeTable, existing: Mapping[str, AttributeKind]
) -> dict[str, tuple[str, AttributeKind]]:
    """Return (name, kind) of every attribute of a table by folded name.

    The schema that exists counts, then what the table declares, then the narrowest kind that fits
    all values. Raises ``RecordError`` where a declaration contradicts the schema, and where most
    values are of a kind that others are not, because that is a slip and no text.
    """
    names: dict[str, str] = {}
    values: dict[str, list[tuple[AttributeRecord, Any]]] = {}
    for record in table.records:
        for name, value in record.values.items():
            key = fold(checked_name(name, record.position))
            names.setdefault(key, checked_name(name, record.position))
            if value is not None and key not in existing:
                values.setdefault(key, []).append((record, value))
    declared = {fold(name): _declared(name, kind) for name, kind in table.kinds.items()}
    for key, kind in declared.items():
        if key in existing and existing[key] != kind:
            raise RecordError(
                f"{names.get(key, key)} is declared a {kind}, but the gallery's is a "
                f"{existing[key]}.",
                hint="To change the kind, drop it first: stitch attributes drop GALLERY NAME",
            )
    kinds: dict[str, tuple[str, AttributeKind]] = {}
    for key, name in names.items():
        if key in existing:
            kinds[key] = (name, existing[key])
        elif key in declared:
            kinds[key] = (name, declared[key])
        elif key in values:
            kinds[key] = (name, _narrowest(name, values[key], is_typed=table.is_typed))
    if len(existing.keys() | kinds.keys()) > MAX_ATTRIBUTES:
        raise RecordError(
            f"There would be {len(existing.keys() | kinds.keys()):,} attributes; a gallery has at "
            f"most {MAX_ATTRIBUTES}.",
            hint="Leave columns out that nobody filters by.",
        )
    return kinds


def convert(
    table: AttributeTable, kinds: Mapping[str, tuple[str, AttributeKind]]
) -> dict[str, dict[str, list[StoredValue]]]:
    """Return stored values by folded name of the attribute and id; none take a value away.

    Raises ``RecordError`` for a value of another kind, and for two records of one item.
    """
    converted: dict[str, dict[str, list[StoredValue]]] = {key: {} for key in kinds}
    for record in table.records:
        for name, value in record.values.items():
            key = fold(checked_name(name, record.position))
            if key not in kinds:
                continue  # nothing but empty values
            shown, kind = kinds[key]
            try:
                rows = [] if value is None else as_kind(kind, value, is_typed=table.is_typed)
            except UnusableValueError as error:
                raise _contradiction(record, shown, kind, value, error) from error
            converted[key][record.id] = rows
    return converted


def _declared(name: str, kind: str) -> AttributeKind:
    if kind not in KINDS:
        raise RecordError(
            f"{name} is declared a {kind!r}.",
            hint=f"{did_you_mean(kind, KINDS)}Kinds: {', '.join(KINDS)}.",
        )
    return kind


def _narrowest(
    name: str, values: Iterable[tuple[AttributeRecord, Any]], *, is_typed: bool
) -> AttributeKind:
    kinds: Counter[AttributeKind] = Counter()
    first: dict[AttributeKind, tuple[AttributeRecord, Any]] = {}
    for record, value in values:
        kind = kind_of(value, is_typed=is_typed)
        if kind is None:
            raise RecordError(
                f"{record.position}: {name} is {shortened(value)}, which can be no attribute.",
                hint="Use a text, a number, true or false, a date, or a list of texts.",
            )
        kinds[kind] += 1
        first.setdefault(kind, (record, value))
    usual = kinds.most_common(1)[0][0]
    if len(kinds) == 1:
        return usual
    is_text = not is_typed or kinds.keys() <= {"text", "date"}
    if is_text and "list" not in kinds and 2 * kinds["text"] >= kinds.total():
        return "text"
    record, value = next(each for kind, each in first.items() if kind != usual)
    raise RecordError(
        f"{record.position}: {name} is {shortened(value)}, but most values of {name} are "
        f"{_plural(usual)}.",
        hint=f"Correct it, or declare the kind: name the column {name}:text (in Python "
        f'kinds={{"{name}": "text"}}).',
    )


def _contradiction(
    record: AttributeRecord, name: str, kind: AttributeKind, value: Any, error: UnusableValueError
) -> RecordError:
    return RecordError(
        f"{record.position}: {name} is {shortened(value)}, {error.reason}; it must be a {kind}.",
        hint=error.hint,
    )


def _plural(kind: AttributeKind) -> str:
    return kind + "s"


def shortened(value: Any) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
