"""FashionIQ (Wu et al., CVPR 2021): three categories, two captions a query."""

from __future__ import annotations

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._published import published_figures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import recalls

__all__ = ["FASHIONIQ"]

CATEGORIES = ("dress", "shirt", "toptee")


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read the validation split of all three categories; the two captions are joined by "and"."""
    folder = reader.root / "images"
    present = (
        {path.stem: path.name for path in sorted(folder.glob("*.*"))} if folder.is_dir() else {}
    )
    tasks = []
    for category in CATEGORIES:
        queries = _queries(reader, category)
        named = {id for query in queries for id in (query.reference, *query.answers)}
        if split == "val":
            gallery = [str(id) for id in reader.json(f"image_splits/split.{category}.val.json")]
        else:
            gallery = sorted(named)
        outside = named - set(gallery)
        if outside:
            reader.notes.append(
                f"{category}: {len(outside)} references or targets are not in the split."
            )
        files = {id: present.get(id, f"{id}.jpg") for id in gallery}
        tasks.append(Task(category, tuple(queries), tuple(gallery), folder, files))
    return tuple(tasks)


def _queries(reader: Reader, category: str) -> list[BenchmarkQuery]:
    name = f"captions/cap.{category}.val.json"
    records = reader.records(reader.json(name), name, ["candidate", "target", "captions"])
    queries = []
    for number, entry in enumerate(records):
        captions = [" ".join(str(text).split()).rstrip(".") for text in entry["captions"]]
        queries.append(
            BenchmarkQuery(
                id=f"{category}/{number}",
                reference=str(entry["candidate"]),
                text=" and ".join(text for text in captions if text),
                target=str(entry["target"]),
                answers=(str(entry["target"]),),
            )
        )
    return queries


FASHIONIQ = DataSet(
    name="fashioniq",
    title="FashionIQ",
    folder="FashionIQ",
    splits={
        "val": "FashionIQ, original: every image of the split, reference kept",
        # an easier gallery, which some papers use without saying so
        "val-pairs": "FashionIQ, VAL protocol: references and targets only (scores higher)",
    },
    layout={
        **{f"queries, {category}": f"captions/cap.{category}.val.json" for category in CATEGORIES},
        **{
            f"gallery, {category}": f"image_splits/split.{category}.val.json"
            for category in CATEGORIES
        },
        "images (.jpg or .png)": "images",
    },
    source="FashionIQ's annotations: https://github.com/XiaoxiaoGuo/fashion-iq.",
    load=_load,
    metrics=recalls(10, 50),
    clean_subsets="fashioniq",
    published=published_figures("fashioniq"),
)
