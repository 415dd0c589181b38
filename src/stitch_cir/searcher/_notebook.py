"""How hits and results show themselves in a notebook: images, regions, captions and the plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from stitch_cir._notebook import COLOURS, caption_tag, escaped, figure, heat_table, image_tag, row
from stitch_cir.errors import ImageError
from stitch_cir.images import open_image

if TYPE_CHECKING:
    from stitch_cir.searcher._hit import Hit
    from stitch_cir.searcher._results import Results

__all__ = ["hit_html", "results_html"]

LARGE = 360
SMALL = 150
MOST_HITS = 24
"""More hits than this are counted, not shown: a notebook keeps every image that it shows."""
MOST_VIEWS = 12
REGIONS = 3


def hit_html(hit: Hit) -> str:
    """Return a hit with its strongest regions outlined, why it was found, and its plan."""
    order = np.argsort(-hit.plan.joint.sum(axis=0), kind="stable")[:MOST_VIEWS].tolist()
    labels = [
        f"{caption_tag(number)} {escaped(label)}" for number, label in enumerate(hit.query.labels)
    ]
    columns = [escaped(hit.views[view].label) for view in order]
    table = heat_table(hit.plan.joint[:, order].tolist(), labels, columns)
    rest = len(hit.views) - len(order)
    note = f"<br>and {rest} more views" if rest else ""
    words = f"<p>{escaped(hit.summary())}</p>{table}"
    below = f'<p style="font-size:12px">Per cent of the transported mass{note}</p>'
    outlined = f'<div style="position:relative">{_image(hit, LARGE)}{"".join(_outlines(hit))}</div>'
    return row([figure(outlined, [_name(hit)], width=LARGE), f"<div>{words}{below}</div>"])


def results_html(results: Results) -> str:
    """Return the query's captions, and the hits as a row of thumbnails."""
    shown = results.hits[:MOST_HITS]
    query = " + ".join(filter(None, (*results.query.reference_names, results.query.text)))
    labels = results.query.labels if results.query.composition else ()
    captions = " ".join(
        f"{caption_tag(number)} {escaped(label)}" for number, label in enumerate(labels)
    )
    counted = f"{len(results)} of {results.ranked} images"
    if len(results) > len(shown):
        counted += f", the first {len(shown)} shown"
    notes = "".join(f"<br>{escaped(note)}" for note in results.notes)
    head = f"<p><b>{escaped(query)}</b> · {counted}<br>{captions}{notes}</p>"
    return head + row(
        figure(_image(hit, SMALL), [_name(hit), escaped(hit.best_view.label)], width=SMALL)
        for hit in shown
    )


def _name(hit: Hit) -> str:
    return f"<b>{hit.rank}</b> · {hit.score:.3f} · {escaped(hit.id)}"


def _image(hit: Hit, side: int) -> str:
    """Return the hit's image, ``side`` pixels at most; its captions where there is none."""
    try:
        if hit.path is not None:
            image = open_image(hit.path, max_pixels=hit.max_pixels, decode_side=side)
            image.thumbnail((side, side))
            return image_tag(image, hit.id)
    except ImageError:  # gone or damaged since it was indexed
        return "<i>the image cannot be opened</i><br>"
    return "<br>".join(f"“{escaped(caption)}”" for caption in hit.captions) + "<br>"


def _outlines(hit: Hit) -> Iterable[str]:
    """Yield the strongest views of the image as boxes over it, each in its caption's colour."""
    if hit.size is None or len(hit.image_paths) > 1:
        return
    scale = LARGE / max(hit.size)
    for position, region in enumerate(hit.regions(REGIONS)):
        colour = COLOURS[hit.query.labels.index(region.caption) % len(COLOURS)]
        inset = 3 * position  # so that boxes of the same edge stay apart
        left, top = region.x * scale + inset, region.y * scale + inset
        width = max(1.0, region.width * scale - 2 * inset - 4)
        height = max(1.0, region.height * scale - 2 * inset - 4)
        yield (
            f'<div style="position:absolute;left:{left:.0f}px;top:{top:.0f}px;'
            f"width:{width:.0f}px;height:{height:.0f}px;"
            f'border:2px solid rgb({",".join(map(str, colour))})"></div>'
        )
