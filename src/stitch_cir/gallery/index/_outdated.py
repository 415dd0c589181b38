"""Contents that an earlier version decoded otherwise: which of them have to be encoded again."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.gallery._report import IndexCounters
from stitch_cir.gallery.store._store import Store, to_path
from stitch_cir.images import has_colour_profile

__all__ = ["check_colours"]

_PAGE = 512


def check_colours(store: Store, root: Path, counters: IndexCounters) -> None:
    """Find, among contents of earlier versions, those whose colour profiles were ignored then.

    Only headers are read. The others are current; these stay outdated and are encoded again.
    """
    after, count = "", 0
    while page := store.outdated(after, _PAGE):
        answers = [(hash, has_colour_profile(root / to_path(path))) for hash, path in page]
        with store.transaction():
            store.set_current(hash for hash, answer in answers if answer is False)
        count += sum(answer is True for _, answer in answers)
        after = page[-1][0]
    if count:
        which = "1 image has" if count == 1 else f"{count} images have"
        counters.notes.append(
            f"{which} a colour profile, which earlier versions ignored: encoded again"
        )
