"""The formats of exported hits: CSV, JSON lines, COCO JSON, a IIIF manifest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from stitch_cir._hints import did_you_mean, escape_surrogates
from stitch_cir.errors import SettingError
from stitch_cir.export._coco import coco_data
from stitch_cir.export._iiif import manifest_data
from stitch_cir.export._records import HitRecords

__all__ = ["FORMATS", "check_format", "format_hits"]

FORMATS = ("csv", "jsonl", "coco", "iiif")
_COLUMNS = (
    "rank",
    "id",
    "score",
    "path",
    "width",
    "height",
    "region_x",
    "region_y",
    "region_width",
    "region_height",
    "region_caption",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def check_format(format: str) -> None:
    """Raise ``SettingError`` for a format that is none of :data:`FORMATS`."""
    if format not in FORMATS:
        raise SettingError(
            f"There is no format {format!r}.",
            hint=f"{did_you_mean(format, FORMATS)}Formats: {', '.join(FORMATS)}.",
        )


def format_hits(records: HitRecords, format: str, *, server: str = "") -> str:
    """Return hits as text in one of :data:`FORMATS`.

    ``csv``: a row a hit, with its strongest region and a column for each attribute; texts that a
    spreadsheet would compute begin with an apostrophe. ``jsonl``: a JSON object a hit, with all
    regions. ``coco``: images, and a box for each region, whose category is the caption that it
    matched. ``iiif``: a Presentation 3 manifest, a canvas for each image, whose files lie at the
    address ``server`` of ``stitch serve``. COCO and IIIF leave out hits without an image.
    Raises ``SettingError`` for another format.
    """
    check_format(format)
    if format == "csv":
        return _csv(records)
    if format == "jsonl":
        lines = (json.dumps(hit.to_dict(), ensure_ascii=False) for hit in records.hits)
        return "".join(f"{escape_surrogates(line)}\n" for line in lines)
    if format == "coco":
        return _json(coco_data(records))
    return _json(manifest_data(records, server))


def _json(data: Mapping[str, Any]) -> str:
    return escape_surrogates(json.dumps(data, ensure_ascii=False, indent=2)) + "\n"


def _csv(records: HitRecords) -> str:
    rows = [hit.to_dict() for hit in records.hits]
    names = dict.fromkeys(name for row in rows for name in row["attributes"])
    # an attribute may be called "score"
    columns = {
        name: f"attribute:{name}" if name in _COLUMNS else name
        for name in names
        if not _is_column(rows, name)
    }
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_COLUMNS, *map(_cell, columns.values())])
    for row in rows:
        attributes = [row["attributes"].get(name) for name in columns]
        writer.writerow(map(_cell, (*_values(row), *attributes)))
    return escape_surrogates(out.getvalue())


def _is_column(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Return whether an attribute only repeats a column, as width and height do."""
    return name in _COLUMNS and all(
        row.get(name) == row["attributes"][name] for row in rows if name in row["attributes"]
    )


def _values(row: Mapping[str, Any]) -> list[Any]:
    """Return the values of the columns: of the hit, and of its strongest region."""
    region = row["regions"][0] if row["regions"] else {}
    values = {**row, **{f"region_{name}": value for name, value in region.items()}}
    return [values.get(name) for name in _COLUMNS]


def _cell(value: Any) -> Any:
    """Return what a cell holds: numbers as they are, and no text that would be computed."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return value
    text = "|".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
