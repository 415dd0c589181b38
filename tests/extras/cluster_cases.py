"""Searches that are compared between a dataset in shards and one machine, and a gallery for them."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import StitchError
from stitch_cir.gallery import FacetRequest, Gallery, index_folder
from stitch_cir.searcher import METHODS, PRESETS, Query, Results, Searcher, SearchSettings
from tests.conftest import noise

ENCODER = HashEncoder()
CASES = int(os.environ.get("STITCH_RANDOM_CASES", "40"))
"""Random searches that are compared; through actors of Ray half as many, unless it is set."""
QUERY = Query("i001.png", "in red")
SETTINGS: list[dict[str, Any]] = [
    *({"preset": name} for name in PRESETS),
    *({"scorer": name} for name in ("point", "sinkhorn", "exact", "chamfer", "roles")),
    {"transition": "pdv"},
    *(dict(method.values) for method in METHODS.values()),
    {"transition": "projected-parts", "neighbours": 0},
    {"transition": "projected-parts", "scorer": "harris", "strictness": 0.2, "group_by": "brand"},
    {"k": 100},
    {"include": ["sub/*"]},
    {"include": ["i00*", "zzz", "sub"], "exclude": ["*4.png"]},
    {"include": ["zzz"]},
    {"where": "price > 20"},
    {"where": 'brand = "Ü" or tags contains "y"'},
    {"where": "nope = 3"},
    {"group_by": "brand", "group_size": 3},
    {"group_by": "price", "k": 3},
    {"group_by": "tags"},
    {"near_duplicates": "collapse"},
    {"near_duplicates": "collapse", "group_by": "brand", "group_size": 4, "k": 5},
    {"shortlist": 12},
    {"shortlist": 12, "measure_recall": True, "k": 5},
    {"variety": 0.5, "k": 20},
    {"strictness": 0.05},
    {"strictness": 0.2, "below_cutoff": True},
    {"strictness": 0.3, "where": "price > 5", "hubness_weight": 0.4},
    {"min_score": 0.1},
    {"fusion": "z-score"},
    {"hubness_weight": 0.4, "hubness_neighbours": 5},
    {"include_reference": True},
]
QUERIES: list[Query] = [
    Query(None, "a red thing"),
    Query("i004.png"),
    Query("I001.PNG", "in red"),
    Query("nope.png", "in red"),
    Query(["i001.png", "i002.png"], "in red"),
    Query("i001.png", "in red", negatives=("i005.png", "twin.png")),
    Query("i001.png", "in red", negatives=("zip",)),
    Query("i001.png", "in red", avoid=("a dog",)),
    Query("i001.png", "in red", offset=10),
    Query(
        "i001.png",
        "in red",
        facets=(
            "brand",
            "price:0,20,40",
            "on:year",
            "tags",
            "sold",
            FacetRequest("price", limit=2),
        ),
    ),
    Query("i001.png", "in red", facets=("brand:1,2",)),
]


def make_source(folder: Path) -> Path:
    """Index images with copies, near copies, captions and attributes, some of them missing."""
    (folder / "sub").mkdir(parents=True)
    for number in range(60):
        subfolder = folder / ("sub" if number % 3 == 0 else ".")
        noise(number, 40, 48).save(subfolder / f"i{number:03}.png")
    (folder / "twin.png").write_bytes((folder / "i001.png").read_bytes())
    Image.open(folder / "i002.png").resize((96, 80)).save(folder / "near.png")
    lines = [
        json.dumps({"id": f"i{number:03}.png", "captions": [f"a thing number {number}", "kept"]})
        for number in (1, 2, 4, 5, 7)
    ]
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n")
    index_folder(folder, encoder=ENCODER, captions=folder / "captions.jsonl")
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        gallery.set_attributes(
            {
                id: {
                    "price": float(number % 7) * 10,
                    "brand": ["A", "B", "Ü"][number % 3],
                    "tags": ["x", "y"][: 1 + number % 2],
                    "on": f"2024-0{1 + number % 9}-05",
                    "sold": bool(number % 2),
                }
                for number, id in enumerate(gallery.ids)
                if number % 5
            }
        )
    return folder


def facts(results: Results) -> dict[str, Any]:
    """Everything about results but times, and where the gallery lies."""
    data = results.to_dict(plans=True, regions=True)
    del data["seconds"]
    for name in ("directory", "generation"):
        del data["gallery"][name]
    data["next_cursor"] = data["next_cursor"] is not None
    data["scores"] = [hit.score for hit in results]
    data["paths"] = [(hit.path, hit.content, hit.image_paths) for hit in results]
    return data


def answer(gallery: Gallery, query: Query, settings: Mapping[str, Any]) -> Any:
    """What a search returns, or the error that it raises."""
    try:
        searcher = Searcher(gallery, settings=SearchSettings.from_preset(**settings))
        return facts(searcher.search(query))
    except StitchError as error:
        return type(error), str(error).replace(str(gallery.directory), "GALLERY")


def random_case(seed: int) -> tuple[Query, dict[str, Any]]:
    """A query and settings, drawn from everything that may be combined."""
    rng = random.Random(seed)
    settings: dict[str, Any] = {
        "scorer": rng.choice(["conditional", "point", "sinkhorn", "exact", "chamfer", "roles"]),
        "transition": rng.choice(["linear", "none", "away", "pdv", "projected-parts"]),
        "k": rng.choice([1, 3, 10, 60]),
    }
    chances: dict[str, Callable[[], Any]] = {
        "where": lambda: f"price >= {rng.choice([0, 20, 50])}",
        "include": lambda: [rng.choice(["sub/*", "i0*", "*3.png"])],
        "exclude": lambda: [rng.choice(["*1.png", "sub/*"])],
        "group_by": lambda: rng.choice(["brand", "price", "on", "sold"]),
        "group_size": lambda: rng.choice([1, 2, 4]),
        "near_duplicates": lambda: "collapse",
        "strictness": lambda: rng.choice([0.01, 0.1, 0.5]),
        "hubness_weight": lambda: 0.3,
        "fusion": lambda: "z-score",
        "include_reference": lambda: True,
        "min_score": lambda: rng.choice([-0.2, 0.0]),
    }
    settings |= {name: draw() for name, draw in chances.items() if rng.random() < 0.3}
    settings |= rng.choice([{}, {}, {"variety": 0.4}, {"shortlist": rng.choice([5, 20])}])
    query = Query(
        rng.choice([None, "i001.png", "sub/i003.png", ["i002.png", "i005.png"]]),
        rng.choice(["in red", "a blue thing", "green and black"]),
        negatives=rng.choice([(), ("i007.png",), ("twin.png", "sub/i009.png")]),
        facets=rng.choice([(), ("brand", "price:0,20,40"), ("on:month", "tags")]),
        offset=0 if settings.get("shortlist") else rng.choice([0, 0, 5]),
        avoid=rng.choice([(), ("a dog",)]),
    )
    return query, settings
