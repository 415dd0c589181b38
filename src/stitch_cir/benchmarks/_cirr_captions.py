"""CIRR without pixels: its queries, on a gallery in which every image is a set of captions.

The captions file is a list of ``{"candidate": name, "captions": […]}``, as WeiMoCIR publishes it
for CIRR. How captions are cleaned: ``_caption_sets``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stitch_cir.benchmarks import _cirr
from stitch_cir.benchmarks._caption_sets import RULE, caption_views, clean_captions
from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks._files import Reader
from stitch_cir.errors import RecordError

__all__ = ["HINT", "PLACES", "SPLITS", "load"]

SPLITS = _cirr.SPLITS
FILE = "cirr_gallery_captions.json"
CANDIDATES = (f"captions/{FILE}", f"../captions/{FILE}", f"../../captions/{FILE}", FILE)
"""Where the captions are looked for, from the folder CIRR: in it, beside it, beside the root."""
HINT = (
    f"{_cirr.HINT} Captions: {FILE}, as WeiMoCIR publishes it, at one of "
    f"{', '.join(CANDIDATES)} (from the folder CIRR)."
)
PLACES = {
    **{name: what for name, what in _cirr.PLACES.items() if name.startswith("cirr/")},
    "|".join(CANDIDATES): "captions of the gallery",
}


def load(root: Path, split: str) -> Benchmark:
    """Read a split and its captions.

    Images without captions stay in the gallery, where they rank last, and are counted in a note;
    queries about them stay too.

    Raises ``NotFoundError`` for missing files, ``RecordError`` for odd ones.
    """
    data = _cirr.load(root, split)
    reader = Reader(root, HINT)
    name = reader.find(*CANDIDATES) or CANDIDATES[0]
    raw: dict[str, list[str]] = {}
    for entry in reader.records(reader.json(*CANDIDATES), name, ["candidate", "captions"]):
        texts = entry["captions"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise RecordError(
                f"{root / name}, {entry['candidate']!r}: captions must be a list of texts.",
                hint=HINT,
            )
        raw.setdefault(str(entry["candidate"]), []).extend(texts)
    (task,) = data.tasks
    cleaned = {id: clean_captions(raw.get(id, ())) for id in task.gallery}
    captions = {id: caption_views(own) for id, own in cleaned.items() if own}
    absent = [id for id in task.gallery if id not in raw]
    emptied = [id for id in task.gallery if id in raw and id not in captions]
    notes = [
        f"{len(found):,} of {len(task.gallery):,} images {why} and rank last: "
        f"{', '.join(found[:10])}."
        for found, why in ((absent, "have no captions"), (emptied, "have none left after cleaning"))
        if found
    ]
    return replace(
        data,
        name="cirr-captions",
        protocol=f"{data.protocol}; images as sets of captions, rule {RULE}",
        tasks=(replace(task, captions=captions),),
        sources={**data.sources, **reader.sources},
        notes=(*data.notes, *notes),
    )
