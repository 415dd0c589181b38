"""The compositional benchmark of stamps: CIRCO's form, every answer known, made on the spot."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.benchmarks import _circo
from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks._files import Reader
from stitch_cir.benchmarks.stamps import IMAGES, INFO

__all__ = ["PLACES", "SPLITS", "load"]

SPLITS = ("val", "test")
HINT = "Make it: stitch bench make DIR --stamps STAMPS --size small."
PLACES = {
    "annotations/val.json": "queries, val",
    "annotations/test.json": "queries, test",
    INFO: "the gallery's images",
    IMAGES: "pictures",
    "scenes.jsonl": "attributes of every image",
    "checksums.txt": "written when all is there",
}


def load(root: Path, split: str) -> Benchmark:
    """Read a split; both have their right answers, and they share the gallery.

    The reference is removed from rankings: it lacks the asked change, so it is never an answer.

    Raises ``NotFoundError`` for missing annotations, ``RecordError`` for odd ones.
    """
    return _circo.read_form(
        Reader(root, HINT),
        split,
        name="stamps",
        protocol="stamps: all images, reference removed",
        images=IMAGES,
        info=INFO,
        labelled=True,
        keep_reference=False,
    )
