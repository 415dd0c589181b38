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

_NAMES = ("R@1", "R@5", "R@10", "R@50", "Rs@1", "Rs@2", "Rs@3", "(R@5+Rs@1)/2")
_FIGURES = {
    "": (19.85, 45.04, 57.43, 81.08, 55.11, 74.91, 86.15, 50.07),
    "stitch": (19.06, 44.61, 57.43, 81.08, 53.60, 73.91, 85.70, 49.10),
    "cirevl": (13.78, 32.93, 44.30, 68.40, 51.30, 71.51, 83.40, 42.12),
    "ldre": (14.40, 38.24, 51.16, 77.18, 44.87, 67.23, 82.09, 41.56),
    "seize": (15.55, 36.38, 47.79, 69.41, 51.26, 71.27, 83.64, 43.82),
    "osrcir": (13.78, 32.93, 44.30, 68.40, 51.30, 71.51, 83.40, 42.12),
    "pdv": (16.74, 39.92, 52.33, 76.87, 50.18, 70.58, 84.55, 45.05),
    "weimocir": (16.50, 39.56, 51.61, 75.84, 53.00, 72.97, 85.31, 46.28),
    "basic": (11.65, 31.36, 43.89, 72.21, 44.68, 67.47, 81.68, 38.02),
    "mulvec": (16.00, 37.57, 49.51, 73.19, 54.96, 74.79, 86.75, 46.27),
    "sdr-cir": (14.45, 34.30, 45.30, 69.10, 52.64, 72.47, 84.17, 43.47),
    "sum": (9.83, 31.24, 44.13, 73.55, 36.52, 60.97, 77.95, 33.88),
}
MEASURED = {method: dict(zip(_NAMES, figures, strict=True)) for method, figures in _FIGURES.items()}
"""Of val with ``verbatim-6``, by ``stitch bench run cirr-captions``: with ``--preset captions``,
and with ``--method NAME --composer verbatim``."""


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
