"""Attributes from a file (CSV, TSV, JSON lines, Parquet); strict, naming the line at fault."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stitch_cir.errors import RecordError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery._parquet import parquet_rows
from stitch_cir.gallery._text_file import read_text
from stitch_cir.gallery.attributes._kinds import KINDS, AttributeKind
from stitch_cir.gallery.attributes._records import AttributeRecord, AttributeTable, checked_name

__all__ = ["read_attributes"]

ID_COLUMNS = ("id", "image", "path", "candidate")
"""What the column of ids may be called; the first of these that is there."""
MAX_BYTES = 1 << 30
_EXPECTED = "The first line names the columns: id,price,brand,tags:list"
_EXPECTED_JSON = 'Expected one JSON object a line: {"id": "a.jpg", "price": 12.5, "tags": ["new"]}'


def read_attributes(file: Path) -> AttributeTable:
    """Read attributes by id from a file, whose ending says what it is.

    ``.csv``, ``.tsv`` and ``.parquet`` are tables with a column ``id`` (or ``image``, ``path``,
    ``candidate``); a column of a CSV may declare its kind (``tags:list``), and lists are written
    ``a|b``. ``.jsonl`` (and ``.json``, ``.ndjson``) has one object a line. Empty cells and ``null``
    take a value away. UTF-8.

    Raises ``NotFoundError`` when there is no such file, ``RecordError`` naming file and line,
    ``ModelError`` where the extra ``parquet`` is missing.
    """
    ending = file.suffix.lower()
    if ending == ".parquet":
        return _unique(file, _parquet(file), kinds={}, is_typed=True)
    is_json = ending in (".jsonl", ".ndjson", ".json")
    if not is_json and ending not in (".csv", ".tsv", ".tab", ".txt"):
        raise RecordError(
            f"{file} is of no known kind.", hint="Give a .csv, .tsv, .jsonl or .parquet file."
        )
    text = read_text(file, "attributes", max_bytes=MAX_BYTES)
    if is_json:
        return _unique(file, _json_lines(file, text), kinds={}, is_typed=True)
    return _table(file, text, "," if ending == ".csv" else "\t")


def _table(file: Path, text: str, delimiter: str) -> AttributeTable:
    head = text.split("\n", 1)[0]
    if delimiter == "," and "," not in head and ";" in head:
        delimiter = ";"  # what spreadsheets write where the comma is the decimal sign
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    kinds: dict[str, AttributeKind] = {}

    def records() -> Iterator[AttributeRecord]:
        column = -1
        try:
            for row in reader:
                position = f"{file}:{reader.line_num}"
                if not names:
                    names.extend(_header(position, row, kinds))
                    column = _id_column(position, names)
                elif any(cell.strip() for cell in row):
                    yield _row(position, names, column, row)
        except csv.Error as error:
            raise _malformed(f"{file}:{reader.line_num}", str(error), _EXPECTED) from error
        if not names:
            raise _malformed(f"{file}:1", "it is empty", _EXPECTED)

    table = _unique(file, records(), kinds={}, is_typed=False)
    return AttributeTable(table.records, kinds, is_typed=False)


def _header(position: str, row: list[str], kinds: dict[str, AttributeKind]) -> list[str]:
    """Return the names of the columns, and put the kinds they declare into ``kinds``."""
    names: list[str] = []
    for cell in row:
        name, colon, kind = cell.rpartition(":")
        declared = kind.strip().lower()
        if colon and declared in KINDS:
            name = checked_name(name, position)
            kinds[name] = declared
        else:
            name = checked_name(cell, position)
        if fold(name) in map(fold, names):
            raise _malformed(position, f"the column {name!r} is there twice", _EXPECTED)
        names.append(name)
    return names


def _id_column(position: str, names: list[str]) -> int:
    lower = [name.lower() for name in names]
    column = next((lower.index(name) for name in ID_COLUMNS if name in lower), None)
    if column is None:
        raise _malformed(position, f"there is no column {ID_COLUMNS[0]!r}", _EXPECTED)
    return column


def _row(position: str, names: list[str], column: int, row: list[str]) -> AttributeRecord:
    if len(row) != len(names):
        reason = f"{len(row)} cells, where the first line names {len(names)} columns"
        raise _malformed(position, reason, "Put cells that hold the delimiter in double quotes.")
    values = {
        name: cell.strip() or None
        for number, (name, cell) in enumerate(zip(names, row, strict=True))
        if number != column
    }
    return AttributeRecord(position, row[column].strip(), values)


def _json_lines(file: Path, text: str) -> Iterator[AttributeRecord]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        position = f"{file}:{number}"
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "nested too deeply")
            raise _malformed(position, reason, _EXPECTED_JSON) from error
        yield _object(position, data)


def _object(position: str, data: Any) -> AttributeRecord:
    if not isinstance(data, dict):
        raise _malformed(position, "it is no JSON object", _EXPECTED_JSON)
    key = next((name for name in ID_COLUMNS if name in data), None)
    if key is None or not isinstance(data[key], str):
        raise _malformed(position, "there is no text under 'id'", _EXPECTED_JSON)
    values = {name: value if value not in ("", []) else None for name, value in data.items()}
    del values[key]
    return AttributeRecord(position, data[key], values)


def _parquet(file: Path) -> Iterator[AttributeRecord]:
    for row, data in enumerate(parquet_rows(file, "attributes"), 1):
        yield _object(f"{file}, row {row}", data)


def _unique(
    file: Path,
    records: Iterable[AttributeRecord],
    *,
    kinds: dict[str, AttributeKind],
    is_typed: bool,
) -> AttributeTable:
    """Collect records. Raises ``RecordError`` for an id that is there twice, or is none."""
    kept: dict[str, AttributeRecord] = {}
    for record in records:
        id = record.id.removeprefix("./")
        if not id:
            raise _malformed(record.position, "the id is empty", _EXPECTED)
        if id in kept:
            raise RecordError(
                f"{record.position}: the id {id!r} was there already, in {kept[id].position}.",
                hint="Leave one line for each item; several values are a list.",
            )
        kept[id] = AttributeRecord(record.position, id, record.values)
    if not kept:
        raise RecordError(f"{file} names no item.", hint=_EXPECTED)
    return AttributeTable(list(kept.values()), kinds, is_typed)


def _malformed(position: str, reason: str, hint: str) -> RecordError:
    return RecordError(f"{position} cannot be understood: {reason.rstrip('.')}.", hint=hint)
