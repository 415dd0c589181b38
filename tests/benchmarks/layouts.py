"""Small data sets in the published layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def put(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def circo(root: Path, *, gallery: int = 60) -> Path:
    base = root / "CIRCO"
    queries = [
        {
            "id": 0,
            "reference_img_id": 1,
            "relative_caption": "is red",
            "shared_concept": "a car",
            "target_img_id": 2,
            "gt_img_ids": [2, 3, 4],
            "semantic_aspects": ["addition", "negation"],
        },
        {
            "id": 1,
            "reference_img_id": 5,
            "relative_caption": "has two",
            "shared_concept": "a dog",
            "target_img_id": 6,
            "gt_img_ids": [6],
            "semantic_aspects": ["cardinality"],
        },
    ]
    put(base / "annotations/val.json", queries)
    put(
        base / "annotations/test.json",
        [
            {
                key: query[key]
                for key in ("id", "reference_img_id", "relative_caption", "shared_concept")
            }
            for query in queries
        ],
    )
    images = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in range(gallery)]
    put(base / "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json", {"images": images})
    return base


def cirr(root: Path, *, gallery: int = 60) -> Path:
    base = root / "CIRR"
    names = [f"dev-{number}-0-img0" for number in range(gallery)]
    members = names[:6]
    entry = {
        "pairid": 12,
        "reference": names[0],
        "target_hard": names[1],
        "target_soft": {names[1]: 1.0},
        "caption": "make it red",
        "img_set": {"id": 1, "members": members},
    }
    put(base / "cirr/captions/cap.rc2.val.json", [entry])
    put(
        base / "cirr/captions/cap.rc2.test1.json",
        [{key: entry[key] for key in ("pairid", "reference", "caption", "img_set")}],
    )
    for split in ("val", "test1"):
        put(
            base / f"cirr/image_splits/split.rc2.{split}.json",
            {name: f"./dev/{name}.png" for name in names},
        )
    return base


def fashioniq(root: Path) -> Path:
    base = root / "FashionIQ"
    for category in ("dress", "shirt", "toptee"):
        put(
            base / f"captions/cap.{category}.val.json",
            [{"candidate": "A", "target": "B", "captions": ["is red.", "has long  sleeves"]}],
        )
        put(
            base / f"image_splits/split.{category}.val.json",
            ["A", "B", *(f"X{number}" for number in range(60))],
        )
    (base / "images").mkdir()
    (base / "images" / "A.png").write_bytes(b"")
    return base


def genecis(root: Path) -> Path:
    base = root / "GENECIS"
    put(
        base / "genecis/focus_object.json",
        [
            {
                "condition": "cup",
                "reference": {"val_image_id": 9},
                "target": {"val_image_id": 1},
                "gallery": [{"val_image_id": 2}, {"val_image_id": 3}],
            }
        ],
    )
    box = [1, 2, 30, 40]
    put(
        base / "genecis/change_attribute.json",
        [
            {
                "condition": "red",
                "reference": {"image_id": 9, "instance_bbox": box},
                "target": {"image_id": 1, "instance_bbox": box},
                "gallery": [{"image_id": 1, "instance_bbox": [5, 6, 7, 8]}],
            }
        ],
    )
    return base
