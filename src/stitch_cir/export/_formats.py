"""The formats of exported hits: CSV, JSON lines, COCO JSON, a IIIF manifest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import SettingError
from stitch_cir.export._coco import coco_data
from stitch_cir.export._iiif import manifest_data
from stitch_cir.export._records import HitRecord, HitRecords

__all__ = ["FORMATS", "format_hits"]

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


def format_hits(records: HitRecords, format: str, *, server: str = "") -> str:
    """Return hits as text in one of :data:`FORMATS`.

    ``csv``: a row a hit, with its strongest region and a column for each attribute; texts that a
    spreadsheet would compute begin with an apostrophe. ``jsonl``: a JSON object a hit, with all
    regions. ``coco``: images, and a box for each region, whose category is the caption that it
    matched. ``iiif``: a Presentation 3 manifest, a canvas for each image, whose files lie at the
    address ``server`` of ``stitch serve``. COCO and IIIF leave out hits without an image.
    Raises ``SettingError`` for another format.
    """
    if format == "csv":
        return _csv(records)
    if format == "jsonl":
        lines = (json.dumps(hit.to_dict(), ensure_ascii=False) for hit in records.hits)
        return "".join(f"{_encodable(line)}\n" for line in lines)
    if format == "coco":
        return _json(coco_data(records))
    if format == "iiif":
        return _json(manifest_data(records, server))
    raise SettingError(
        f"There is no format {format!r}.",
        hint=f"{did_you_mean(format, FORMATS)}Formats: {', '.join(FORMATS)}.",
    )


def _json(data: Mapping[str, Any]) -> str:
    return _encodable(json.dumps(data, ensure_ascii=False, indent=2)) + "\n"


def _encodable(text: str) -> str:
    r"""Write a byte of a file's name that is no text as ``\udcff``, which JSON has too."""
    return text.encode("utf-8", "backslashreplace").decode()


def _csv(records: HitRecords) -> str:
    names = dict.fromkeys(name for hit in records.hits for name in hit.attributes)
    names = dict.fromkeys(name for name in names if not _is_column(records, name))
    # an attribute may be called "score"
    columns = {name: f"attribute:{name}" if name in _COLUMNS else name for name in names}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(_cell(columns[name]) for name in names)])
    for hit in records.hits:
        writer.writerow(
            [*map(_cell, _values(hit)), *(_cell(hit.attributes.get(name)) for name in names)]
        )
    return _encodable(out.getvalue())


def _is_column(records: HitRecords, name: str) -> bool:
    """Return whether an attribute only repeats a column, as width and height do."""
    values = [(hit.attributes[name], hit) for hit in records.hits if name in hit.attributes]
    return name in _COLUMNS and all(hit.to_dict().get(name) == value for value, hit in values)


def _values(hit: HitRecord) -> list[Any]:
    data = hit.to_dict()
    region = data["regions"][0] if data["regions"] else {}
    box = [region.get(name) for name in ("x", "y", "width", "height", "caption")]
    return [*(data[name] for name in ("rank", "id", "score", "path", "width", "height")), *box]


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
