"""PinPoint (Mahadev et al., CVPR 2026): several right answers, explicit negatives, paraphrases.

``pinpoint_metadata.parquet`` (or ``pinpoint_licensed.parquet``, or either as JSON lines) holds the
queries, some of two images; ``index_signatures.txt`` the gallery. Images are named by their
signatures; they are expected as ``images/SIGNATURE.jpg``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from stitch_cir._hints import install_command
from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import average_precisions, negative_rates, precisions
from stitch_cir.errors import RecordError, SettingError

__all__ = ["PINPOINT"]

STEMS = {"all": "pinpoint_metadata", "licensed": "pinpoint_licensed"}
INDEX = "index_signatures.txt"
_COLUMNS = ("query_id", "query_image_signature", "instruction", "positive_candidates")


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read a split. Queries about the same images are paraphrases of one another."""
    gallery = tuple(dict.fromkeys(line.strip() for line in reader.lines(INDEX)))
    known_ids = frozenset(gallery)
    queries, query_images = [], dict[str, None]()
    for where, row in _rows(reader, STEMS[split]):
        missing = [name for name in _COLUMNS if row.get(name) is None]
        if missing:
            raise RecordError(f"{where}: {', '.join(missing)} missing.", hint=reader.hint)
        second = row.get("query_image_signature2")
        images = tuple(str(each) for each in (row["query_image_signature"], second) if each)
        query_images |= dict.fromkeys(id for id in images if id not in known_ids)
        answers = tuple(map(str, row["positive_candidates"]))
        if not answers:
            reader.notes.append(f"{where} has no right answer and is left out.")
            continue
        category = row.get("query_category")
        queries.append(
            BenchmarkQuery(
                id=str(row["query_id"]),
                reference=images[0],
                text=str(row["instruction"]),
                target=answers[0],
                answers=answers,
                kinds=(
                    *((str(category),) if category else ()),
                    "two images" if len(images) > 1 else "one image",
                ),
                more_references=images[1:],
                negatives=tuple(map(str, row.get("negative_candidates") or ())),
                variation_of=" ".join(images),
            )
        )
    files = {id: f"{id}.jpg" for id in (*gallery, *query_images)}
    folder = reader.root / "images"
    return (Task(split, tuple(queries), gallery, folder, files, query_images=tuple(query_images)),)


def _rows(reader: Reader, stem: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where each query stands, and its columns.

    Raises ``RecordError``, and ``SettingError`` where Parquet cannot be read.
    """
    lines = f"{stem}.jsonl"
    if reader.find(lines):
        for number, line in enumerate(reader.lines(lines), 1):
            where = f"{reader.root / lines}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise RecordError(f"{where} is not JSON: {error}.", hint=reader.hint) from error
            if not isinstance(row, dict):
                raise RecordError(f"{where} is no query.", hint=reader.hint)
            yield where, row
        return
    file = f"{stem}.parquet"
    content = reader.content(file)
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise SettingError(
            f"{reader.root / file} needs pyarrow, which is not installed.",
            hint=f"{install_command('parquet')}, or write its rows as JSON lines to {lines}.",
        ) from error
    try:
        rows = read_table(io.BytesIO(content)).to_pylist()
    except ArrowInvalid as error:
        raise RecordError(f"{reader.root / file} is no Parquet file.", hint=reader.hint) from error
    for number, row in enumerate(rows):
        yield f"{reader.root / file}, row {number}", row


PINPOINT = DataSet(
    name="pinpoint",
    title="PinPoint",
    folder="pinpoint-dataset",
    splits=dict.fromkeys(STEMS, "PinPoint: the whole index, of which references may be a part"),
    layout={
        **{
            f"queries, {split}": (f"{stem}.parquet", f"{stem}.jsonl")
            for split, stem in STEMS.items()
        },
        "gallery": INDEX,
        "images": "images",
    },
    source="PinPoint: https://github.com/pinterest/pinpoint-dataset; its images as "
    "images/SIGNATURE.jpg.",
    load=_load,
    metrics=(*average_precisions(10, 1, 5, 50), *precisions(1, 10), *negative_rates(10, 50)),
    kind_metric="mAP@10",
)
