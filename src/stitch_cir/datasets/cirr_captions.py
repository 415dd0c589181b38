"""CIRR without pixels: its queries, on a gallery in which every image is a set of captions.

The captions file is a list of ``{"candidate": name, "captions": […]}``, as WeiMoCIR publishes it
for CIRR. How captions are cleaned: ``_caption_cleaning``.
"""

from __future__ import annotations

from dataclasses import replace

from stitch_cir.datasets._caption_cleaning import RULE, caption_views, clean_captions
from stitch_cir.datasets._data import Task
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.cirr import CIRR, read_cirr
from stitch_cir.errors import RecordError

__all__ = ["CIRR_CAPTIONS", "caption_views", "clean_captions"]

FILE = "cirr_gallery_captions.json"
CANDIDATES = (f"captions/{FILE}", f"../captions/{FILE}", f"../../captions/{FILE}", FILE)
"""Where the captions are searched, from the folder CIRR: in it, beside it, beside the root."""

MEASURED = {
    "R@1": 19.88,
    "R@5": 45.04,
    "R@10": 57.43,
    "R@50": 81.08,
    "Rs@1": 55.13,
    "Rs@2": 74.91,
    "Rs@3": 86.15,
    "(R@5+Rs@1)/2": 50.08,
}
"""Of val by ``stitch bench run cirr-captions --preset captions``, with ``verbatim-4``."""


def _load(reader: Reader, split: str) -> tuple[Task, ...]:
    """Read a split and its captions.

    Images without captions stay in the gallery, where they rank last, and are counted in a note;
    queries about them stay too.
    """
    (task,) = read_cirr(reader, split)
    name = reader.find(*CANDIDATES) or CANDIDATES[0]
    raw: dict[str, list[str]] = {}
    for entry in reader.records(reader.json(*CANDIDATES), name, ["candidate", "captions"]):
        texts = entry["captions"]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise RecordError(
                f"{reader.root / name}, {entry['candidate']!r}: captions must be a list of texts.",
                hint=reader.hint,
            )
        raw.setdefault(str(entry["candidate"]), []).extend(texts)
    cleaned = {id: clean_captions(raw.get(id, ())) for id in task.gallery}
    captions = {id: caption_views(texts) for id, texts in cleaned.items() if texts}
    absent = [id for id in task.gallery if id not in raw]
    emptied = [id for id in task.gallery if id in raw and id not in captions]
    for ids, why in ((absent, "have no captions"), (emptied, "have none left after cleaning")):
        if ids:
            reader.notes.append(
                f"{len(ids):,} of {len(task.gallery):,} images {why} and rank last: "
                f"{', '.join(ids[:10])}."
            )
    return (replace(task, captions=captions),)


CIRR_CAPTIONS = replace(
    CIRR,
    name="cirr-captions",
    title="CIRR by captions,",
    splits={
        split: f"{protocol}; images as sets of captions, rule {RULE}"
        for split, protocol in CIRR.splits.items()
    },
    layout={
        **{what: path for what, path in CIRR.layout.items() if not what.startswith("images")},
        "captions of the gallery": CANDIDATES,
    },
    source=f"{CIRR.source} Captions: {FILE}, as WeiMoCIR publishes it, at one of "
    f"{', '.join(CANDIDATES)} (from the folder CIRR).",
    load=_load,
    submission=(),
    published={},
    measured={"val": MEASURED},
)
