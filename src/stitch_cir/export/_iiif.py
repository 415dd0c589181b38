"""A manifest of the IIIF Presentation API 3.0: a canvas for each hit that is an image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from stitch_cir._hints import escape_surrogates
from stitch_cir.errors import SettingError
from stitch_cir.export._records import HitRecord, HitRecords

__all__ = ["manifest_data"]

_SIDE = 1600
"""Longest side in pixels of the images that the manifest shows."""
_THUMBNAIL = 256


def manifest_data(records: HitRecords, server: str) -> dict[str, Any]:
    """Return hits as a manifest whose images a server of the gallery answers.

    ``server`` is its address, such as ``http://127.0.0.1:8000``; the manifest and its canvases are
    named below it. Matched regions are annotations of the canvas, with the caption as their text.
    Raises ``SettingError`` for an address that is not HTTP, or without any image.
    """
    base = server.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", base):
        raise SettingError(
            f"A IIIF manifest names images by addresses, and {server!r} is none.",
            hint="Give the address at which stitch serve serves the gallery, such as "
            "http://127.0.0.1:8000.",
        )
    hits = [(hit, *hit.size) for hit in records.hits if hit.size is not None]
    if not hits:
        raise SettingError(
            "None of the hits has an image, and a manifest needs at least one.",
            hint="Export CSV or JSON lines.",
        )
    name = f"{base}/iiif/manifest.json"
    return {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": name,
        "type": "Manifest",
        "label": {"none": [records.query or "search"]},
        "items": [
            _canvas(hit, width, height, base, f"{base}/iiif/canvas/{hit.rank}")
            for hit, width, height in hits
        ],
    }


def _canvas(hit: HitRecord, width: int, height: int, base: str, name: str) -> dict[str, Any]:
    canvas: dict[str, Any] = {
        "id": name,
        "type": "Canvas",
        "label": {"none": [escape_surrogates(hit.id)]},
        "height": height,
        "width": width,
        "metadata": [
            _pair("rank", [str(hit.rank)]),
            _pair("score", [f"{hit.score:.6f}"]),
            *(_pair(key, _values(value)) for key, value in hit.attributes.items()),
        ],
        "thumbnail": [_image(hit, width, height, f"{base}/api/thumbnails", _THUMBNAIL)],
        "items": [
            {
                "id": f"{name}/page",
                "type": "AnnotationPage",
                "items": [
                    {
                        "id": f"{name}/image",
                        "type": "Annotation",
                        "motivation": "painting",
                        "body": _image(hit, width, height, f"{base}/api/files", _SIDE),
                        "target": name,
                    }
                ],
            }
        ],
    }
    if hit.captions:
        canvas["summary"] = {"none": [escape_surrogates(caption) for caption in hit.captions]}
    if hit.regions:
        canvas["annotations"] = [_regions(hit, name)]
    return canvas


def _image(hit: HitRecord, width: int, height: int, base: str, side: int) -> dict[str, Any]:
    """Return an image as the server answers it: JPEG, its longest side at most ``side``."""
    scale = min(1.0, side / max(width, height))
    name = quote(hit.id.encode("utf-8", "surrogateescape"))
    return {
        "id": f"{base}/{name}?side={side}",
        "type": "Image",
        "format": "image/jpeg",
        "height": max(1, round(height * scale)),
        "width": max(1, round(width * scale)),
    }


def _regions(hit: HitRecord, name: str) -> dict[str, Any]:
    return {
        "id": f"{name}/regions",
        "type": "AnnotationPage",
        "items": [
            {
                "id": f"{name}/region/{number}",
                "type": "Annotation",
                "motivation": "tagging",
                "body": {
                    "type": "TextualBody",
                    "value": escape_surrogates(region.caption),
                    "format": "text/plain",
                },
                "target": f"{name}#xywh={region.x},{region.y},{region.width},{region.height}",
            }
            for number, region in enumerate(hit.regions, 1)
        ],
    }


def _pair(label: str, values: Sequence[str]) -> dict[str, Any]:
    return {
        "label": {"none": [escape_surrogates(label)]},
        "value": {"none": [escape_surrogates(each) for each in values]},
    }


def _values(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, (list, tuple)):
        return [str(each) for each in value] or [""]
    return [f"{value:.12g}" if isinstance(value, float) else str(value)]
