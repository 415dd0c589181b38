"""Small runs on disk, as ``stitch bench run`` writes them, without running anything."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from stitch_cir.benchmarks import Predictions, QueryHead, VariantResult, score
from stitch_cir.benchmarks._run_files import write_json, write_variant
from stitch_cir.datasets import Benchmark

SETTINGS = {
    "query": "composed",
    "transition": "linear",
    "alpha": 0.45,
    "scorer": "conditional",
    "tau": 0.001,
}
CONTROLS = {
    "image-only": "image only",
    "text-only": "text only",
    "point": "point-to-point",
    "mean": "mean pooling",
    "chamfer": "Chamfer",
    "sinkhorn": "Sinkhorn",
}
ABLATION = {
    "ablation-neither": "neither transition nor transport",
    "ablation-transition": "transition only",
    "ablation-transport": "transport only",
}
HOSTILE = "<script>alert(1)</script> & 100% of a_b \\ $x$ | `c`"


def paint(data: Benchmark, *, without: Sequence[str] = ()) -> None:
    """Draw a small file for every image of the gallery, except some."""
    for task in data.tasks:
        task.images.mkdir(parents=True, exist_ok=True)
        for number, id in enumerate(task.gallery):
            if id not in without:
                colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
                Image.new("RGB", (60, 40), colour).save(task.images / task.files[id])


def variants(*, sweeps: bool = True) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Names, roles, labels and settings of all variants, main first."""
    all_variants = [("main", "main", "main", dict(SETTINGS))]
    all_variants += [(name, "control", label, dict(SETTINGS)) for name, label in CONTROLS.items()]
    all_variants += [(name, "ablation", label, dict(SETTINGS)) for name, label in ABLATION.items()]
    if sweeps:
        for alpha in (0.0, 0.5, 1.0):
            all_variants.append(
                (f"alpha-{alpha:.2f}", "sweep", f"α {alpha}", {**SETTINGS, "alpha": alpha})
            )
        for tau in (0.0001, 0.1):
            all_variants.append((f"tau-{tau:g}", "sweep", f"τ {tau}", {**SETTINGS, "tau": tau}))
    return all_variants


def make_run(
    folder: Path, data: Benchmark, *, seed: int = 0, sweeps: bool = True, **manifest: Any
) -> Path:
    """Write a run of random rankings; right answers tend to come early under main."""
    folder.mkdir(parents=True)
    listed = variants(sweeps=sweeps)
    for number, (name, role, label, settings) in enumerate(listed):
        draw = random.Random(f"{seed} {name}")
        ranked, subset, tops = {}, {}, []
        for task in data.tasks:
            for query in task.queries:
                pool = query.group if data.dataset.group_role == "gallery" else task.gallery
                annotation = {
                    id: draw.random() + (0.9 - 0.05 * number) * (id in query.answers)
                    for id in pool
                    if data.dataset.keep_reference or id != query.reference
                }
                ids = sorted(annotation, key=lambda id: -annotation[id])
                ranked[query.id] = tuple(ids[:50])
                subset[query.id] = tuple(
                    sorted(query.group, key=lambda id: -annotation.get(id, 0))[:3]
                )
                ranks = [ids.index(id) + 1 for id in query.answers if id in annotation]
                hits = tuple((id, annotation[id] - 1) for id in ids[:10])
                tops.append(QueryHead(query.id, hits, min(ranks, default=None)))
        cirr = data.dataset.group_role == "subset"
        result = VariantResult(name, role, label, settings)
        if data.labelled:
            predictions = Predictions(ranked, subset if cirr else {})
            result = result.with_scores(score(data, predictions))
        write_variant(folder, result, ranked, subset if cirr else None, tops)
    with (folder / "compositions.jsonl").open("w", encoding="utf-8") as out:
        for id, (_, query) in data.queries.items():
            composition = {
                "composer": "verbatim",
                "modification": query.text,
                "captions": [
                    {"text": f"a photo, {query.text}", "weight": 1.0, "origin": "verbatim:rule"},
                    {"text": HOSTILE, "weight": 0.5, "origin": "verbatim:joined"},
                ],
                "reference_captions": [],
                "settings": {},
                "notes": ["object unknown"],
            }
            out.write(json.dumps({"id": id, "composition": composition}) + "\n")
    write_json(
        folder / "manifest.json",
        {
            "format": 1,
            "stitch_version": "0.1.0",
            "created": "2026-01-02T03:04:05+00:00",
            "finished": "2026-01-02T03:14:05+00:00",
            "key": "ab" * 32,
            "benchmark": {
                "name": data.name,
                "split": data.split,
                "protocol": data.protocol,
                "root": str(data.root),
                "sources": dict(data.sources),
                "queries": len(data.queries),
                "sample": None,
            },
            "gallery": {
                task.name: {
                    "encoder": "test",
                    "weights_tag": "hash-1",
                    "dim": 64,
                    "fingerprint": "cd" * 32,
                    "recipe": {"kind": "crops", "count": 5, "seed": 0, "scale": [0.08, 1.0]},
                    "images": len(task.gallery),
                    "views": 5 * len(task.gallery),
                    "without_vectors": [],
                    "reasons": {},
                }
                for task in data.tasks
            },
            "composer": {"composer": "verbatim", "version": 1},
            "settings": {**SETTINGS, "num_captions": 5, "preset": "paper"},
            "variants": [{"name": name, "role": role} for name, role, *_ in listed],
            "usage": {},
            "versions": {"python": "3.11"},
            "machine": {"cores": 2},
            "seconds": {"score": 1.5},
            "counts": {"queries": len(data.queries)},
            "notes": [],
            **manifest,
        },
    )
    return folder


def script(path: Path) -> Any:
    """Read the data out of one of the page's scripts."""
    call = re.fullmatch(r'stitch\("[^"]+",(.*)\);\n', path.read_text("ascii"), re.S)
    assert call is not None
    return json.loads(call.group(1))


def browser(out: Path, key: str) -> tuple[Any, Any, list[Any]]:
    index = script(out / f"data/stitch-{key}-index.js")
    gallery = script(out / f"data/stitch-{key}-gallery.js")
    chunks = sorted((out / "data").glob(f"stitch-{key}-[0-9]*.js"))
    return index, gallery, [entry for chunk in chunks for entry in script(chunk)]


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "report.csv").read_text("utf-8"))))
