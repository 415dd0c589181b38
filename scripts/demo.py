"""``make demo``: from images to answers. Fetch, index, search, and leave a contact sheet."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import stitch_cir as st
from fetch_stamps import fetch

OUT = Path("demo")
HITS = 6

STAMP_QUERIES: tuple[tuple[str | None, str], ...] = (
    ("vehicles/auto/sedan.png", "a truck instead"),
    ("animals/birds/penguin.png", "an elephant instead"),
    ("food/fruit/lemon.png", "but orange"),
    ("animals/birds/owl.png", "a wild cat instead"),
    ("household/dishes/glass.png", "a teapot instead"),
    (None, "a bird with a long neck"),
)
FOLDER_TEXTS = ("in red instead", "in black", "make it blue", "two of them")
"""Requests that suit people and landscapes as well as clothes and things."""


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", default="", help="a folder of your own instead of the stamps")
    from_folder = parser.parse_args().photos
    OUT.mkdir(exist_ok=True)
    folder = Path(from_folder).expanduser() if from_folder else fetch(OUT)
    try:
        return run(folder, OUT / ("gallery-own" if from_folder else "gallery"), bool(from_folder))
    except st.StitchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(folder: Path, directory: Path, from_folder: bool) -> int:
    """Index ``folder``, ask its queries, write the sheets."""
    encoder = st.load_encoder("mini")
    print(f"indexing {folder} …", flush=True)
    started = time.perf_counter()
    try:
        report = st.index_folder(folder, directory, encoder=encoder, progress=_tick)
    except st.GalleryMismatchError:  # left by an earlier version, or by another folder
        print("the earlier gallery does not fit any more; starting afresh")
        report = st.index_folder(folder, directory, encoder=encoder, progress=_tick, rebuild=True)
    print(f"\r{report.summary()}  ({time.perf_counter() - started:.1f} s)")
    gallery = st.Gallery.open(directory, encoder=encoder)
    queries = _folder_queries(gallery) if from_folder else STAMP_QUERIES
    searches, references = [], []
    searcher = st.Searcher(gallery, settings=st.SearchSettings(k=min(HITS, len(gallery))))
    outcomes = searcher.search_many([st.Query(reference, text) for reference, text in queries])
    for (reference, text), outcome in zip(queries, outcomes, strict=True):
        if outcome.results is None:
            raise outcome.error or RuntimeError(text)
        results = outcome.results
        searches.append(results)
        path = None if reference is None else gallery.path(reference)
        references.append([] if path is None else [path])
        print(f"\n{reference or '(no reference)'}  +  “{text}”")
        for caption in results.query.labels:
            print(f"      {caption}")
        for hit in results:
            print(f"  {hit.rank}. {hit.score:.3f}  {hit.id}")
    sheet = st.Sheet(
        f"STiTch demo: {len(gallery)} pictures",
        searches,
        references,
        note="Encoder mini: a stand-in that works everywhere, below CLIP.",
    )
    (OUT / "contact-sheet.html").write_text(st.render_html(sheet), encoding="utf-8")
    st.render_png(sheet).save(OUT / "contact-sheet.png")
    print(f"\nLook at {OUT / 'contact-sheet.html'} and {OUT / 'contact-sheet.png'}")
    print(f'Ask on: .venv/bin/stitch search {directory} "TEXT" -r PICTURE')
    return 0


def _folder_queries(gallery: st.Gallery) -> tuple[tuple[str | None, str], ...]:
    """Take images spread over the user's folder, one for each text."""
    ids = gallery.ids
    step = max(1, len(ids) // len(FOLDER_TEXTS))
    return tuple(zip(ids[::step], FOLDER_TEXTS, strict=False))


def _tick(event: st.ProgressEvent) -> None:
    if event.skipped:
        print(f"\rskipped {event.path}: {event.skipped}", flush=True)
    elif event.done % 50 == 0 or event.done == event.total:
        print(f"\r{event.stage} {event.done}/{event.total}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
