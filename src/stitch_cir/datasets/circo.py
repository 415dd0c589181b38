"""CIRCO (Baldrati et al., ICCV 2023): many right answers, all of COCO's unlabelled images.

``read_circo_form`` reads its form of annotations for other data sets that use it as well.
"""

from __future__ import annotations

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet, SubmissionFile
from stitch_cir.datasets._published import published_figures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import average_precisions, recalls

__all__ = ["CIRCO", "CIRCO_METRICS", "read_circo_form"]

IMAGES = "COCO2017_unlabeled/unlabeled2017"
IMAGE_LIST = "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"
CIRCO_METRICS = (*average_precisions(5, 10, 25, 50), *recalls(5, 10, 25, 50))


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    return read_circo_form(
        reader, split, images=IMAGES, image_list=IMAGE_LIST, labelled=split == "val"
    )


def read_circo_form(
    reader: Reader, split: str, *, images: str, image_list: str, labelled: bool
) -> tuple[Task, ...]:
    """Read ``annotations/<split>.json`` and the list of images, both in CIRCO's form.

    Without the list of images the gallery is unknown, which is noted: ids are then not checked.

    Raises ``NotFoundError`` for missing annotations, ``RecordError`` for invalid ones.
    """
    annotations = f"annotations/{split}.json"
    keys = ["id", "reference_img_id", "relative_caption", "shared_concept"]
    if labelled:
        keys += ["target_img_id", "gt_img_ids"]
    queries = []
    for entry in reader.records(reader.json(annotations), annotations, keys):
        target = entry.get("target_img_id")
        answers = [str(id) for id in entry.get("gt_img_ids", ())]
        if target is not None and str(target) not in answers:
            answers.insert(0, str(target))
        queries.append(
            BenchmarkQuery(
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
    if reader.find(image_list):
        listed = reader.json(image_list).get("images", [])
        files = {str(image["id"]): str(image["file_name"]) for image in listed}
    else:
        reader.notes.append(
            f"{reader.root / image_list} is missing: the gallery is unknown, ids cannot be checked."
        )
    return (Task(split, tuple(queries), tuple(files), reader.root / images, files),)


CIRCO = DataSet(
    name="circo",
    title="CIRCO",
    folder="CIRCO",
    splits=dict.fromkeys(("val", "test"), "CIRCO: all unlabeled images, reference kept"),
    layout={
        "queries, val": "annotations/val.json",
        "queries, test": "annotations/test.json",
        "list of the images": IMAGE_LIST,
        "images": IMAGES,
    },
    source="CIRCO's annotations: https://github.com/miccunifi/CIRCO; images: COCO 2017 unlabeled.",
    load=_load,
    metrics=CIRCO_METRICS,
    kind_metric="mAP@10",
    published_id=int,
    submission=(SubmissionFile("circo-{split}.json"),),
    clean_subsets="circo",
    published=published_figures("circo"),
)
