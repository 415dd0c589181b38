"""A data set of your own: a folder of images, and a table of what is asked of them.

``TABLE/images`` holds the images, ``TABLE/queries.csv`` the columns id, reference, text and target:
file names of ``images``, and the words that lead from one to the other.
"""

from __future__ import annotations

import csv

from stitch_cir import RecordError
from stitch_cir.datasets import BenchmarkQuery, DataSet, Reader, Task, recalls

COLUMNS = ["id", "reference", "text", "target"]
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")


def load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read the table; every problem names the line."""
    images = reader.root / "images"
    ids = sorted(path.name for path in images.iterdir() if path.suffix.lower() in ENDINGS)
    queries = []
    with (reader.root / "queries.csv").open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if any(not row.get(column) for column in COLUMNS):
                raise RecordError(f"queries.csv, line {number}: a column is empty.")
            for column in ("reference", "target"):
                if row[column] not in ids:
                    raise RecordError(f"queries.csv, line {number}: no image {row[column]!r}.")
            target = row["target"]
            queries.append(
                BenchmarkQuery(row["id"], row["reference"], row["text"], target, (target,))
            )
    return (Task("table", tuple(queries), tuple(ids), images, {id: id for id in ids}),)


TABLE = DataSet(
    name="table",
    title="A table of queries",
    folder="TABLE",
    splits={"val": "a table of queries: all images, reference removed"},
    layout={"queries": "queries.csv", "images": "images"},
    source="Write it yourself: its module says how.",
    load=load,
    metrics=recalls(1, 5, 10),
    keep_reference=False,
)
