"""COCO JSON (cocodataset.org, "Data format", object detection): images, boxes, categories."""

from __future__ import annotations

from typing import Any

from stitch_cir.export._records import HitRecords

__all__ = ["coco_data"]


def coco_data(records: HitRecords) -> dict[str, Any]:
    """Return hits as a COCO data set of boxes.

    The category of a box is the caption that its region matched. ``file_name`` is the gallery id,
    a path below the gallery's folder; boxes are in pixels of the upright image. ``score`` and the
    ``attributes`` of an image, which the format does not know, are kept under these names.
    """
    categories: dict[str, int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for hit in records.hits:
        if hit.size is None:
            continue
        image_id = len(images) + 1
        width, height = hit.size
        images.append(
            {
                "id": image_id,
                "width": width,
                "height": height,
                "file_name": hit.id,
                "rank": hit.rank,
                "score": round(hit.score, 6),
                "attributes": dict(hit.attributes),
            }
        )
        for region in hit.regions:
            x, y, w, h = region.x, region.y, region.width, region.height
            category = categories.setdefault(region.caption, len(categories) + 1)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": [x, y, w, h],
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    "area": w * h,
                    "iscrowd": 0,
                    "score": round(region.mass, 6),
                }
            )
    return {
        "info": {"description": records.query, "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": number, "name": name, "supercategory": "caption"}
            for name, number in categories.items()
        ],
    }
