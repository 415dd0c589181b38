"""CIRR (Liu et al., ICCV 2021): real life images, and a subset of five look-alikes a query."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._files import Reader
from stitch_cir.errors import RecordError

__all__ = ["PLACES", "SPLITS", "load"]

SPLITS = ("val", "test1")
HINT = "CIRR's annotations: https://github.com/Cuberick-Orion/CIRR (branch cirr_dataset)."
PLACES = {
    "cirr/captions/cap.rc2.val.json": "queries, val",
    "cirr/captions/cap.rc2.test1.json": "queries, test1",
    "cirr/image_splits/split.rc2.val.json": "gallery, val",
    "cirr/image_splits/split.rc2.test1.json": "gallery, test1",
    "dev": "pictures, val",
    "test1": "pictures, test1",
}


def load(root: Path, split: str) -> Benchmark:
    """Read a split. Raises ``NotFoundError`` for missing files, ``RecordError`` for odd ones."""
    reader = Reader(root, HINT)
    name = f"cirr/captions/cap.rc2.{split}.json"
    keys = ["pairid", "reference", "caption", "img_set"]
    if split == "val":
        keys += ["target_hard"]
    listed = f"cirr/image_splits/split.rc2.{split}.json"
    places = reader.json(listed)
    if not isinstance(places, dict):
        raise RecordError(f"{root / listed} holds no names with paths.", hint=HINT)
    queries = []
    for entry in reader.records(reader.json(name), name, keys):
        reference = str(entry["reference"])
        target = entry.get("target_hard")
        members = tuple(str(one) for one in entry["img_set"]["members"] if one != reference)
        for id in (reference, *members, *([target] if target else ())):
            if id not in places:
                raise RecordError(
                    f"{root / name}, pairid {entry['pairid']}: {id!r} is not in the gallery of "
                    f"{listed}.",
                    hint="The two files are of different versions; rc2 is expected.",
                )
        queries.append(
            Query(
                id=str(entry["pairid"]),
                reference=reference,
                text=str(entry["caption"]),
                target=None if target is None else str(target),
                answers=() if target is None else (str(target),),
                group=members,
            )
        )
    files = {str(id): str(place).removeprefix("./") for id, place in places.items()}
    task = Task(split, tuple(queries), tuple(files), root, files)
    return Benchmark(
        "cirr",
        split,
        root,
        "CIRR rc2: the whole split, reference removed",
        (task,),
        reader.sources,
        keep_reference=False,
    )
