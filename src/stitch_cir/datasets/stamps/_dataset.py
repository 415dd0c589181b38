"""The compositional benchmark of stamps: CIRCO's form, every answer known, drawn on demand."""

from __future__ import annotations

from stitch_cir.datasets._data import Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.circo import CIRCO_METRICS, read_circo_form

__all__ = ["IMAGES", "IMAGE_LIST", "STAMPS"]

IMAGES = "images"
IMAGE_LIST = "annotations/image_info_stamps.json"


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read a split; both have their right answers, and they share the gallery."""
    return read_circo_form(reader, split, images=IMAGES, image_list=IMAGE_LIST, labelled=True)


STAMPS = DataSet(
    name="stamps",
    title="Stamps",
    folder="STAMPS",
    splits=dict.fromkeys(("val", "test"), "stamps: all images, reference removed"),
    layout={
        "queries, val": "annotations/val.json",
        "queries, test": "annotations/test.json",
        "list of the images": IMAGE_LIST,
        "images": IMAGES,
        "attributes of every image": "scenes.jsonl",
        "checksums, written last": "checksums.txt",
    },
    source="Make it: stitch bench make DIR --stamps STAMPS --size small.",
    load=_load,
    metrics=CIRCO_METRICS,
    kind_metric="mAP@10",
    # a reference lacks the requested change, so it is never an answer
    keep_reference=False,
)
