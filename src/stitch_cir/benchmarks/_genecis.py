"""GeneCIS (Vaze et al., CVPR 2023): a word as the condition, every query its own small gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._data import Benchmark, Box, Query, Task
from stitch_cir.benchmarks._files import Reader
from stitch_cir.errors import NotFoundError

__all__ = ["PLACES", "SPLITS", "TASKS", "load"]

SPLITS = ("all",)
TASKS = ("focus_attribute", "change_attribute", "focus_object", "change_object")
HINT = "GeneCIS' annotations: https://github.com/facebookresearch/genecis."
COCO, GENOME = "coco2017/val2017", "Visual_Genome/VG_All"
PLACES = {
    **{f"genecis/{one}.json": f"queries, {one}" for one in TASKS},
    COCO: "pictures of the object tasks",
    GENOME: "pictures of the attribute tasks",
}


def load(root: Path, split: str) -> Benchmark:
    """Read the tasks whose files are there; those that are not are noted.

    Raises ``NotFoundError`` when no task is there, ``RecordError`` for odd files.
    """
    reader = Reader(root, HINT)
    tasks, notes = [], []
    for name in TASKS:
        place = f"genecis/{name}.json"
        if reader.find(place) is None:
            notes.append(f"{root / place} is missing: the task {name} is left out of the average.")
            continue
        tasks.append(_task(reader, place, name))
    if not tasks:
        raise NotFoundError(f"{root / 'genecis'} holds no task.", hint=HINT)
    protocol = "GeneCIS: every query its own gallery; ties fall against the target"
    return Benchmark(
        "genecis",
        split,
        root,
        protocol,
        tuple(tasks),
        reader.sources,
        keep_reference=False,
        notes=tuple(notes),
    )


def _task(reader: Reader, place: str, name: str) -> Task:
    files: dict[str, str] = {}
    boxes: dict[str, Box] = {}

    def take(entry: dict[str, Any]) -> str:
        """Name an image; an attribute's image is a region, so its box is part of the name."""
        if "val_image_id" in entry:
            id = str(entry["val_image_id"])
            files[id] = f"{int(id):012d}.jpg"
            return id
        x, y, w, h = (float(value) for value in entry["instance_bbox"])
        id = f"{entry['image_id']}@{x:g},{y:g},{w:g},{h:g}"
        files[id], boxes[id] = f"{entry['image_id']}.jpg", (x, y, w, h)
        return id

    queries = []
    keys = ["reference", "target", "gallery", "condition"]
    for number, entry in enumerate(reader.records(reader.json(place), place, keys)):
        target = take(entry["target"])
        others = tuple(take(one) for one in entry["gallery"])
        queries.append(
            Query(
                id=f"{name}/{number}",
                reference=take(entry["reference"]),
                text=str(entry["condition"]),
                target=target,
                answers=(target,),
                group=(target, *others),
            )
        )
    folder = reader.root / (COCO if name.endswith("object") else GENOME)
    return Task(name, tuple(queries), tuple(files), folder, files, boxes)
