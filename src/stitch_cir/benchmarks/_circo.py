"""CIRCO (Baldrati et al., ICCV 2023): many right answers, all of COCO's unlabelled images."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._files import Reader

__all__ = ["PLACES", "SPLITS", "load"]

SPLITS = ("val", "test")
HINT = "CIRCO's annotations: https://github.com/miccunifi/CIRCO; images: COCO 2017 unlabeled."
IMAGES = "COCO2017_unlabeled/unlabeled2017"
INFO = "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"
PLACES = {
    "annotations/val.json": "queries, val",
    "annotations/test.json": "queries, test",
    INFO: "the gallery's images",
    IMAGES: "pictures",
}


def load(root: Path, split: str) -> Benchmark:
    """Read a split. Without the images' list, the gallery is unknown and predictions' ids are not.

    Raises ``NotFoundError`` for missing annotations, ``RecordError`` for odd ones.
    """
    reader = Reader(root, HINT)
    name = f"annotations/{split}.json"
    keys = ["id", "reference_img_id", "relative_caption", "shared_concept"]
    if split == "val":
        keys += ["target_img_id", "gt_img_ids"]
    queries = []
    for entry in reader.records(reader.json(name), name, keys):
        target = entry.get("target_img_id")
        answers = [str(id) for id in entry.get("gt_img_ids", ())]
        if target is not None and str(target) not in answers:
            answers.insert(0, str(target))
        queries.append(
            Query(
                id=str(entry["id"]),
                reference=str(entry["reference_img_id"]),
                text=str(entry["relative_caption"]),
                target=None if target is None else str(target),
                answers=tuple(answers),
                kinds=tuple(entry.get("semantic_aspects", ())),
                shared=str(entry["shared_concept"]),
            )
        )
    files: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    if reader.find(INFO):
        images = reader.json(INFO).get("images", [])
        files = {str(image["id"]): str(image["file_name"]) for image in images}
    else:
        notes = (f"{root / INFO} is missing: the gallery is unknown, ids cannot be checked.",)
    task = Task(split, tuple(queries), tuple(files), root / IMAGES, files)
    return Benchmark(
        "circo",
        split,
        root,
        "CIRCO: all unlabeled images, reference kept",
        (task,),
        reader.sources,
        keep_reference=True,
        notes=notes,
    )
