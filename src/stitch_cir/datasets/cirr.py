"""CIRR (Liu et al., ICCV 2021): real-life images, and a subset of five similar ones a query."""

from __future__ import annotations

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet, SubmissionFile, image_set_of
from stitch_cir.datasets._published import published_figures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import recalls, subset_recalls
from stitch_cir.errors import RecordError

__all__ = ["CIRR", "read_cirr"]


def read_cirr(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read a split.

    Raises ``NotFoundError`` for missing files, ``RecordError`` for invalid ones.
    """
    name = f"cirr/captions/cap.rc2.{split}.json"
    keys = ["pairid", "reference", "caption", "img_set"]
    if split == "val":
        keys += ["target_hard"]
    listed = f"cirr/image_splits/split.rc2.{split}.json"
    paths = reader.json(listed)
    if not isinstance(paths, dict):
        raise RecordError(f"{reader.root / listed} holds no names with paths.", hint=reader.hint)
    queries = []
    for entry in reader.records(reader.json(name), name, keys):
        reference = str(entry["reference"])
        target = entry.get("target_hard")
        members = tuple(str(id) for id in entry["img_set"]["members"] if id != reference)
        for id in (reference, *members, *([target] if target else ())):
            if id not in paths:
                raise RecordError(
                    f"{reader.root / name}, pairid {entry['pairid']}: {id!r} is not in the gallery "
                    f"of {listed}.",
                    hint="The two files are of different versions; rc2 is expected.",
                )
        queries.append(
            BenchmarkQuery(
                id=str(entry["pairid"]),
                reference=reference,
                text=str(entry["caption"]),
                target=None if target is None else str(target),
                answers=() if target is None else (str(target),),
                group=members,
            )
        )
    files = {str(id): str(path).removeprefix("./") for id, path in paths.items()}
    return (Task(split, tuple(queries), tuple(files), reader.root, files),)


CIRR = DataSet(
    name="cirr",
    title="CIRR",
    folder="CIRR",
    splits=dict.fromkeys(("val", "test1"), "CIRR rc2: the whole split, reference removed"),
    layout={
        "queries, val": "cirr/captions/cap.rc2.val.json",
        "queries, test1": "cirr/captions/cap.rc2.test1.json",
        "gallery, val": "cirr/image_splits/split.rc2.val.json",
        "gallery, test1": "cirr/image_splits/split.rc2.test1.json",
        "images, val": "dev",
        "images, test1": "test1",
    },
    source="CIRR's annotations: https://github.com/Cuberick-Orion/CIRR (branch cirr_dataset).",
    load=read_cirr,
    metrics=(*recalls(1, 5, 10, 50), *subset_recalls(1, 2, 3)),
    # the average that CIRR's papers print
    averages={"(R@5+Rs@1)/2": ("R@5", "Rs@1")},
    keep_reference=False,
    group_role="subset",
    # up to nine queries about the same six images
    cluster_key=image_set_of,
    cluster_kind="image set",
    prediction_header={"version": "rc2"},
    submission=(
        SubmissionFile("cirr-{split}-recall.json", unit="recall"),
        SubmissionFile("cirr-{split}-recall_subset.json", "recall_subset", 3, "recall_subset"),
    ),
    clean_subsets="cirr",
    published=published_figures("cirr"),
)
