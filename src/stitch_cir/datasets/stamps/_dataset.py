"""The compositional benchmark of stamps: CIRCO's form, every answer known, drawn on demand.

Since the scene of every image is known, so is what is nearly right: a query's hard negatives are
the images whose scene differs from the right answers' in one attribute, the reference's own scene
among them. And since every wording of a modification is known, the splits ``…-paraphrases`` ask
each query in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.circo import CIRCO_METRICS, read_circo_form
from stitch_cir.datasets.metrics import negative_rates
from stitch_cir.datasets.stamps._catalogue import ObjectNames, load_names
from stitch_cir.datasets.stamps._scene import StampScene
from stitch_cir.datasets.stamps._wording import all_wordings
from stitch_cir.errors import RecordError

__all__ = ["IMAGES", "IMAGE_LIST", "STAMPS"]

IMAGES = "images"
IMAGE_LIST = "annotations/image_info_stamps.json"
SCENES = "scenes.jsonl"
PARAPHRASES = "-paraphrases"
_ATTRIBUTES = tuple(field.name for field in fields(StampScene))


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read a split; all have their right answers, and they share the gallery."""
    (task,) = read_circo_form(
        reader,
        split.removesuffix(PARAPHRASES),
        images=IMAGES,
        image_list=IMAGE_LIST,
        labelled=True,
    )
    scenes = _scenes(reader)
    near = _Neighbours(scenes)
    queries = [replace(query, negatives=near.of(query)) for query in task.queries]
    if split.endswith(PARAPHRASES):
        names = load_names()
        queries = [each for query in queries for each in _paraphrases(query, scenes, names)]
    return (replace(task, name=split, queries=tuple(queries)),)


def _scenes(reader: Reader) -> dict[str, StampScene]:
    """Return the scene of every image by id. Raises ``RecordError`` for an invalid record."""
    scenes = {}
    for number, line in enumerate(reader.lines(SCENES), 1):
        try:
            record = json.loads(line)
            scenes[str(record["id"])] = StampScene(**{name: record[name] for name in _ATTRIBUTES})
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{reader.root / SCENES}, line {number}, is no record of an image: {error}.",
                hint=reader.hint,
            ) from error
    return scenes


class _Neighbours:
    """Finds the images whose scene differs from another in one attribute."""

    def __init__(self, scenes: Mapping[str, StampScene]) -> None:
        self._scenes = scenes
        self._by_rest: dict[tuple[str, StampScene], list[str]] = {}
        for id, scene in scenes.items():
            for name in _ATTRIBUTES:
                rest = replace(scene, **{name: None})  # type: ignore[arg-type]
                self._by_rest.setdefault((name, rest), []).append(id)

    def of(self, query: BenchmarkQuery) -> tuple[str, ...]:
        """Return the hard negatives of a query, without its reference."""
        right = self._scenes.get(query.target or "")
        if right is None:
            return ()
        near = {
            id: None
            for name in _ATTRIBUTES
            for id in self._by_rest.get((name, replace(right, **{name: None})), ())  # type: ignore[arg-type]
        }
        return tuple(id for id in near if id not in query.answers and id != query.reference)


def _paraphrases(
    query: BenchmarkQuery, scenes: Mapping[str, StampScene], names: ObjectNames
) -> Iterator[BenchmarkQuery]:
    """Yield the query in every wording of its modification, its own one among them."""
    (kind,) = query.kinds
    scene, right = scenes[query.reference], scenes[query.target or ""]
    wordings = all_wordings(scene, kind, getattr(right, kind), names)
    for number, text in enumerate(wordings):
        yield replace(query, id=f"{query.id}/{number}", text=text, variation_of=query.id)


STAMPS = DataSet(
    name="stamps",
    title="Stamps",
    folder="STAMPS",
    splits={
        **dict.fromkeys(("val", "test"), "stamps: all images, reference removed"),
        **{
            f"{split}{PARAPHRASES}": "stamps: every query in each of its wordings; all images, "
            "reference removed"
            for split in ("val", "test")
        },
    },
    layout={
        "queries, val": "annotations/val.json",
        "queries, test": "annotations/test.json",
        "list of the images": IMAGE_LIST,
        "images": IMAGES,
        "attributes of every image": SCENES,
        "checksums, written last": "checksums.txt",
    },
    source="Make it: stitch bench make DIR --stamps STAMPS --size small.",
    load=_load,
    metrics=(*CIRCO_METRICS, *negative_rates(10)),
    kind_metric="mAP@10",
    # a reference lacks the requested change, so it is never an answer
    keep_reference=False,
)
