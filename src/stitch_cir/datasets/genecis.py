"""GeneCIS (Vaze et al., CVPR 2023): a word as the condition, a small gallery for every query."""

from __future__ import annotations

from typing import Any

from stitch_cir.datasets._data import BenchmarkQuery, Box, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._published import published_figures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import recalls
from stitch_cir.errors import NotFoundError

__all__ = ["GENECIS"]

TASKS = ("focus_attribute", "change_attribute", "focus_object", "change_object")
COCO, GENOME = "coco2017/val2017", "Visual_Genome/VG_All"


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read the tasks whose files exist; the others are noted."""
    tasks = []
    for name in TASKS:
        file = f"genecis/{name}.json"
        if reader.find(file) is None:
            reader.notes.append(
                f"{reader.root / file} is missing: the task {name} is left out of the average."
            )
            continue
        tasks.append(_task(reader, file, name))
    if not tasks:
        raise NotFoundError(f"{reader.root / 'genecis'} holds no task.", hint=reader.hint)
    return tuple(tasks)


def _task(reader: Reader, file: str, name: str) -> Task:
    files: dict[str, str] = {}
    boxes: dict[str, Box] = {}

    def register(entry: dict[str, Any]) -> str:
        """Return an image's id; an attribute's image is a region, so its box is part of the id."""
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
    for number, entry in enumerate(reader.records(reader.json(file), file, keys)):
        target = register(entry["target"])
        others = tuple(register(image) for image in entry["gallery"])
        queries.append(
            BenchmarkQuery(
                id=f"{name}/{number}",
                reference=register(entry["reference"]),
                text=str(entry["condition"]),
                target=target,
                answers=(target,),
                group=(target, *others),
            )
        )
    folder = reader.root / (COCO if name.endswith("object") else GENOME)
    return Task(name, tuple(queries), tuple(files), folder, files, boxes)


GENECIS = DataSet(
    name="genecis",
    title="GeneCIS",
    folder="GENECIS",
    splits={"all": "GeneCIS: every query its own gallery; ties fall against the target"},
    layout={
        **{f"queries, {name}": f"genecis/{name}.json" for name in TASKS},
        "images of the object tasks": COCO,
        "images of the attribute tasks": GENOME,
    },
    source="GeneCIS' annotations: https://github.com/facebookresearch/genecis.",
    load=_load,
    metrics=recalls(1, 2, 3),
    keep_reference=False,
    group_role="gallery",
    published=published_figures("genecis"),
)
