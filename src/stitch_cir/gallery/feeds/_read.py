"""Rows of a feed, read one at a time: a row that cannot be read is a failure, the rest goes on."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stitch_cir._hints import did_you_mean, missing_file_hint
from stitch_cir.errors import NotFoundError, RecordError
from stitch_cir.gallery._parquet import parquet_rows

__all__ = ["FeedRow", "RowFailure", "read_feed"]

MAX_LINE = 1 << 20
"""Bytes of a line; a longer one is left out without being held."""
MAX_ID = 200
"""Characters of an id; Google allows 50."""
_MAX_SHOWN = 80
_ENDINGS = (".tsv", ".txt", ".csv", ".jsonl", ".ndjson", ".parquet")
_HINT = "The first line names the columns, separated by tabs: id, title, image_link, price, …"


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One row: the line that it begins on, and its values by column; empty cells are None.

    ``is_typed`` is false for a table of texts.
    """

    line: int
    id: str
    values: Mapping[str, Any]
    is_typed: bool


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that is left out: its line, its id where that can be read, and why."""

    line: int
    id: str | None
    reason: str


def read_feed(file: Path) -> Generator[FeedRow | RowFailure]:
    """Yield the rows of a feed (TSV, CSV, JSON lines or Parquet, by the ending), in order.

    Columns have Google Merchant's names, whose spaces and case do not matter (``Image Link``,
    ``g:image_link``). Text is UTF-8.

    Raises ``NotFoundError`` when there is no such file, ``RecordError`` for XML, another encoding,
    or a table without the columns ``id`` and ``image_link``, ``ModelError`` for Parquet without
    pyarrow.
    """
    ending = file.suffix.lower()
    if ending not in _ENDINGS:
        xml = ending in (".xml", ".rss", ".atom")
        raise RecordError(
            f"{file} is {'XML, which is not read' if xml else 'of no known kind'}.",
            hint="Export the feed as TSV, CSV or JSON lines (.tsv, .csv, .jsonl, .parquet).",
        )
    if ending == ".parquet":
        rows = _typed(f"{file}, row ", enumerate(parquet_rows(file, "feed"), 1))
    else:
        rows = _text_rows(file, ending)
    lines: dict[str, int] = {}
    for row in rows:
        if isinstance(row, FeedRow):
            if row.id in lines:
                reason = f"the id was there already, in line {lines[row.id]}, which counts"
                row = RowFailure(row.line, row.id, reason)
            else:
                lines[row.id] = row.line
        yield row


def _text_rows(file: Path, ending: str) -> Iterator[FeedRow | RowFailure]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise NotFoundError(
            f"The feed {file} cannot be read: {error.strerror}.",
            hint=missing_file_hint(file, "Check the path."),
        ) from error
    with stream:
        head = stream.read(256)
        _refuse_other_content(file, head)
        stream.seek(len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0)
        if ending in (".jsonl", ".ndjson"):
            yield from _json_rows(file, stream)
        else:
            yield from _table_rows(file, stream, "," if ending == ".csv" else "\t")


def _refuse_other_content(file: Path, head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RecordError(f"{file} is UTF-16.", hint="Save it as UTF-8.")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:5].lower()
    if start in (b"<?xml", b"<rss ", b"<feed"):
        raise RecordError(
            f"{file} is XML, which is not read.", hint="Export the feed as TSV, CSV or JSON lines."
        )
    if b"\0" in head:
        raise RecordError(f"{file} is no text.", hint="Save it as UTF-8.")


class _Lines:
    """Lines of a text file; those that are too long or not UTF-8 become failures and blank."""

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0
        self.text = ""
        self.failures: list[tuple[int, str, str]] = []
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(MAX_LINE + 1):
            self.number += 1
            reason = ""
            if len(line) > MAX_LINE:
                reason = f"the line has more than {MAX_LINE >> 20} MiB"
                rest = line
                while rest and not rest.endswith(b"\n"):
                    rest = self._stream.readline(MAX_LINE)
            try:
                self.text = line.decode()
            except UnicodeDecodeError as error:
                self.text = line.decode("utf-8", "replace")
                reason = reason or (
                    f"byte {error.start + 1} of the line is not UTF-8: save the feed as UTF-8"
                )
            if reason:
                self.failures.append((self.number, self.text[: 4 * MAX_ID], reason))
                self.text = "\n"
            yield self.text


def _table_rows(file: Path, stream: BinaryIO, delimiter: str) -> Iterator[FeedRow | RowFailure]:
    lines = _Lines(stream)
    text = iter(lines)
    header = next(text, "")
    if lines.failures:
        raise RecordError(f"{file}:1 cannot be read: {lines.failures[0][2]}.", hint=_HINT)
    if delimiter == "," and "," not in header and ";" in header:
        delimiter = ";"  # what spreadsheets write where the comma is the decimal sign
    names = _header(file, next(csv.reader([header], delimiter=delimiter), []))
    column = names.index("id")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        start = lines.number + 1
        try:
            cells = next(reader, None)
            reason = ""
        except csv.Error as error:
            cells, reason = [lines.text], str(error)
        for number, line, problem in lines.failures:
            yield RowFailure(number, _id_in(line, delimiter, column), problem)
        lines.failures.clear()
        if cells is None:
            return
        if reason:
            yield RowFailure(
                start, _id_in(cells[0], delimiter, column), f"not understood: {reason}"
            )
        elif any(cell.strip() for cell in cells):
            yield _table_row(start, lines.number, names, column, cells, delimiter)


def _table_row(
    start: int, end: int, names: list[str], column: int, cells: list[str], delimiter: str
) -> FeedRow | RowFailure:
    id = cells[column].strip() if column < len(cells) else ""
    if len(cells) != len(names):
        reason = f"{len(cells)} cells, where the first line names {len(names)} columns"
        if end > start:
            reason += f"; the row ends in line {end}: is a quotation mark not closed?"
        return RowFailure(start, id[:MAX_ID] or None, reason)
    if any(_holds_rows(cell, number, names, delimiter) for number, cell in enumerate(cells)):
        reason = f"a cell holds the rows up to line {end}: is a quotation mark not closed?"
        return RowFailure(start, id[:MAX_ID] or None, reason)
    values = {
        name: cell.strip() or None
        for number, (name, cell) in enumerate(zip(names, cells, strict=True))
        if number != column
    }
    return _checked(FeedRow(start, id, values, is_typed=False))


def _holds_rows(cell: str, number: int, names: list[str], delimiter: str) -> bool:
    """Return whether a cell of column ``number`` is the end of a row, rows, and the start of one.

    That is what two quotation marks make that belong to different rows: the right number of cells,
    with the values of two products. A text of several lines has other numbers of delimiters, and no
    link to an image among them.
    """
    lines = cell.split("\n")
    first, last = lines[0].split(delimiter), lines[-1].split(delimiter)
    if len(lines) < 2 or len(first) != len(names) - number or len(last) != number + 1:
        return False
    column = names.index("image_link")
    link = first[column - number] if column > number else last[column]
    return "." in link and " " not in link.strip()


def _id_in(line: str, delimiter: str, column: int) -> str | None:
    """Return what seems to be the id of a row that cannot be read."""
    cells = line.split(delimiter, column + 1)
    id = cells[column].strip().strip('"') if len(cells) > column else ""
    return id if 0 < len(id) <= MAX_ID and id.isprintable() else None


def _header(file: Path, cells: list[str]) -> list[str]:
    names = [_column_name(cell) for cell in cells]
    plain = [name.partition(":")[0] for name in names]
    for required in ("id", "image_link"):
        if required not in names:
            raise RecordError(
                f"{file}:1 names no column {required!r}.",
                hint=f"{did_you_mean(required, names)}{_HINT}",
            )
    twice = next((name for name in plain if plain.count(name) > 1), None)
    if twice is not None:
        raise RecordError(f"{file}:1 names the column {twice!r} twice.", hint="Leave out one.")
    return names


def _column_name(cell: str) -> str:
    """Return a column's name as Google Merchant spells it."""
    return "_".join(cell.strip().lower().removeprefix("g:").split())


def _json_rows(file: Path, stream: BinaryIO) -> Iterator[FeedRow | RowFailure]:
    lines = _Lines(stream)

    def objects() -> Iterator[tuple[int, Any]]:
        for line in lines:
            for number, _, reason in lines.failures:
                yield number, RowFailure(number, None, reason)
            lines.failures.clear()
            if line.strip():
                try:
                    data = json.loads(line)
                except (ValueError, RecursionError) as error:
                    reason = getattr(error, "msg", "nested too deeply")
                    data = RowFailure(lines.number, None, f"no JSON: {reason}")
                yield lines.number, data

    yield from _typed(f"{file}:", objects())


def _typed(position: str, rows: Iterable[tuple[int, Any]]) -> Iterator[FeedRow | RowFailure]:
    """Yield objects as rows; ``position`` stands before a line's number in errors."""
    is_first = True
    for line, data in rows:
        if isinstance(data, RowFailure):
            yield data
            continue
        if not isinstance(data, dict):
            yield RowFailure(line, None, "it is no JSON object")
            continue
        values = {_column_name(str(name)): value for name, value in data.items()}
        if is_first and not {"id", "image_link"} & values.keys():
            raise RecordError(
                f"{position}{line} has neither 'id' nor 'image_link', but "
                f"{', '.join(values)[:200] or 'nothing'}.",
                hint="Every row needs both; the names are those of Google Merchant.",
            )
        is_first = False
        id = values.pop("id", None)
        if isinstance(id, int) and not isinstance(id, bool):
            id = str(id)
        if not isinstance(id, str):
            yield RowFailure(line, None, "there is no text under 'id'")
            continue
        cleaned = {name: None if value in ("", []) else value for name, value in values.items()}
        yield _checked(FeedRow(line, id.strip(), cleaned, is_typed=True))


def _checked(row: FeedRow) -> FeedRow | RowFailure:
    if not row.id:
        return RowFailure(row.line, None, "the id is empty")
    if len(row.id) > MAX_ID or not row.id.isprintable():
        shown = row.id[:_MAX_SHOWN].encode("ascii", "backslashreplace").decode()
        reason = f"an id has at most {MAX_ID} characters, all printable"
        return RowFailure(row.line, shown, reason)
    return row
