"""CIRCO (Baldrati et al., ICCV 2023): many right answers, all of COCO's unlabelled images.

``read_form`` reads its form of annotations for other data sets that use it as well.
"""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._files import Reader

__all__ = ["PLACES", "SPLITS", "load", "read_form"]

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
    return read_form(
        Reader(root, HINT),
        split,
        name="circo",
        protocol="CIRCO: all unlabeled images, reference kept",
        images=IMAGES,
        info=INFO,
        labelled=split == "val",
        keep_reference=True,
    )


def read_form(
    reader: Reader,
    split: str,
    *,
    name: str,
    protocol: str,
    images: str,
    info: str,
    labelled: bool,
    keep_reference: bool,
) -> Benchmark:
    """Read ``annotations/<split>.json`` and the images' list ``info``, both in CIRCO's form."""
    place = f"annotations/{split}.json"
    keys = ["id", "reference_img_id", "relative_caption", "shared_concept"]
    if labelled:
        keys += ["target_img_id", "gt_img_ids"]
    queries = []
    for entry in reader.records(reader.json(place), place, keys):
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
    if reader.find(info):
        listed = reader.json(info).get("images", [])
        files = {str(image["id"]): str(image["file_name"]) for image in listed}
    else:
        notes = (
            f"{reader.root / info} is missing: the gallery is unknown, ids cannot be checked.",
        )
    task = Task(split, tuple(queries), tuple(files), reader.root / images, files)
    return Benchmark(
        name,
        split,
        reader.root,
        protocol,
        (task,),
        reader.sources,
        keep_reference=keep_reference,
        notes=notes,
    )
