"""FashionIQ (Wu et al., CVPR 2021): three categories, two captions a query."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._files import Reader

__all__ = ["CATEGORIES", "PLACES", "SPLITS", "load"]

SPLITS = ("val", "val-pairs")
"""``val-pairs`` is the "VAL" protocol: the gallery is references and targets only, and easier."""
CATEGORIES = ("dress", "shirt", "toptee")
HINT = "FashionIQ's annotations: https://github.com/XiaoxiaoGuo/fashion-iq."
PLACES = {
    **{f"captions/cap.{one}.val.json": f"queries, {one}" for one in CATEGORIES},
    **{f"image_splits/split.{one}.val.json": f"gallery, {one}" for one in CATEGORIES},
    "images": "pictures (.jpg or .png)",
}


def load(root: Path, split: str) -> Benchmark:
    """Read the validation split of all three categories; the two captions are joined by "and".

    Raises ``NotFoundError`` for missing files, ``RecordError`` for odd ones.
    """
    reader = Reader(root, HINT)
    folder = root / "images"
    present = (
        {path.stem: path.name for path in sorted(folder.glob("*.*"))} if folder.is_dir() else {}
    )
    tasks, notes = [], []
    for category in CATEGORIES:
        name = f"captions/cap.{category}.val.json"
        queries = []
        for number, entry in enumerate(
            reader.records(reader.json(name), name, ["candidate", "target", "captions"])
        ):
            captions = [" ".join(str(one).split()).rstrip(".") for one in entry["captions"]]
            queries.append(
                Query(
                    id=f"{category}/{number}",
                    reference=str(entry["candidate"]),
                    text=" and ".join(one for one in captions if one),
                    target=str(entry["target"]),
                    answers=(str(entry["target"]),),
                )
            )
        if split == "val":
            gallery = [str(id) for id in reader.json(f"image_splits/split.{category}.val.json")]
        else:
            gallery = sorted({id for q in queries for id in (q.reference, *q.answers)})
        outside = {id for q in queries for id in (q.reference, *q.answers)} - set(gallery)
        if outside:
            notes.append(f"{category}: {len(outside)} references or targets are not in the split.")
        files = {id: present.get(id, f"{id}.jpg") for id in gallery}
        tasks.append(Task(category, tuple(queries), tuple(gallery), folder, files))
    protocol = (
        "FashionIQ, original: every image of the split, reference kept"
        if split == "val"
        else "FashionIQ, VAL protocol: references and targets only (scores higher)"
    )
    return Benchmark(
        "fashioniq",
        split,
        root,
        protocol,
        tuple(tasks),
        reader.sources,
        keep_reference=True,
        notes=tuple(notes),
    )
