"""i-CIR (Psomas et al., NeurIPS 2025): particular objects, each with a gallery of hard negatives.

``query_files.csv`` and ``database_files.csv`` hold lines ``path,text,instance``. A query ranks the
images of its instance; right are those whose text is the query's. Every other image there was
chosen to be nearly right: the same object in another state, or another object in that state.
"""

from __future__ import annotations

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._published import published_figures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import Metric, recalls, trapezoid_average_precision
from stitch_cir.errors import RecordError

__all__ = ["ICIR"]

QUERIES, DATABASE = "query_files.csv", "database_files.csv"


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read both files, from the folder or, as the Hub has them, from ``annotations`` in it."""
    below = "annotations/" if reader.find(f"annotations/{QUERIES}") else ""
    files: dict[str, str] = {}
    galleries: dict[str, list[str]] = {}
    right: dict[tuple[str, str], list[str]] = {}
    for path, text, instance in _rows(reader, below + DATABASE):
        files[path] = path
        galleries.setdefault(instance, []).append(path)
        right.setdefault((instance, text), []).append(path)
    queries, query_images = [], dict[str, None]()
    for number, (path, text, instance) in enumerate(_rows(reader, below + QUERIES)):
        answers = right.get((instance, text))
        if not answers:
            raise RecordError(
                f"{reader.root / (below + QUERIES)}, line {number + 1}: the instance {instance!r} "
                f"has no image with the text {text!r}.",
                hint="The two files are of different versions.",
            )
        files[path] = path
        query_images[path] = None
        queries.append(
            BenchmarkQuery(
                id=str(number),
                reference=path,
                text=text,
                target=answers[0],
                answers=tuple(answers),
                group=tuple(galleries[instance]),
                shared=instance,
            )
        )
    gallery = tuple(id for of_instance in galleries.values() for id in of_instance)
    in_gallery = frozenset(gallery)
    outside = tuple(id for id in query_images if id not in in_gallery)
    return (Task(split, tuple(queries), gallery, reader.root, files, query_images=outside),)


def _rows(reader: Reader, name: str) -> list[tuple[str, str, str]]:
    """Return path, text and instance of every line; none of them holds a comma."""
    rows = []
    for number, line in enumerate(reader.lines(name), 1):
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 3 or not all(parts):
            raise RecordError(
                f"{reader.root / name}, line {number}: {line[:80]!r} is not path,text,instance.",
                hint=reader.hint,
            )
        rows.append((parts[0].removeprefix("./"), parts[1], parts[2]))
    return rows


MEAN_AVERAGE_PRECISION = Metric(
    "mAP", 1, lambda query, ranked: trapezoid_average_precision(ranked, query.answers)
)

ICIR = DataSet(
    name="icir",
    title="i-CIR",
    folder="icir",
    splits={"all": "i-CIR: every query ranks the images of its instance"},
    layout={
        "queries": (QUERIES, f"annotations/{QUERIES}"),
        "images and their texts": (DATABASE, f"annotations/{DATABASE}"),
        "images of the queries": "query",
        "images of the galleries": "database",
    },
    source="i-CIR: https://vrg.fel.cvut.cz/icir/ (icir_v1.0.0.tar.gz; of the Hub's copy, the "
    "shards unpacked into query and database).",
    load=_load,
    metrics=(MEAN_AVERAGE_PRECISION, *recalls(1, 5, 10)),
    keep_reference=False,
    group_role="gallery",
    cluster_key=lambda query: query.shared,
    cluster_kind="instance",
    published=published_figures("icir"),
)
