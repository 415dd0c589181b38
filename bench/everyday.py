"""How well ``mini`` finds and names captioned photographs that its head was not fitted on.

The shipped head knows Flickr8k's photographs, so none of them can be asked of it. Four heads are
fitted instead, the same way and with the same weight, each on three quarters of the folder, and
asked for the fourth: captions against a gallery of a quarter of the photographs, and what is read in
them against the words that two captions share.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.rows import Row
from stitch_cir.concepts import Concept
from stitch_cir.encoders import load_encoder, load_mini
from stitch_cir.images import open_image

if TYPE_CHECKING:
    from mini_head_data import Domain

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

EMPTY = frozenset(
    "is are be it its that there while as from his her their two one three some other through over "
    "near out at for off each who has have this an".split()
)
"""Words of captions that say nothing of what an image shows."""
OBJECTS, SURROUNDINGS = 3, 2
"""How many concepts of each kind count, as many as composers use."""


def run(folder: Path) -> Iterator[Row]:
    """Rows for ``make bench`` on a folder of photographs with ``captions.jsonl``."""
    import mini_head_data

    paths, captions = mini_head_data.read_captions(folder / "captions.jsonl", folder)
    everyday = mini_head_data.images_domain(paths, captions, None)
    yield from find(everyday)
    yield from read(everyday, paths, captions)


def find(everyday: Domain) -> Iterator[Row]:
    """Rows on captions as queries."""
    import fit_mini_head

    way, _ = fit_mini_head.SHIPPED
    head = load_mini().head
    assert head is not None
    share = min(fit_mini_head.SHARES, key=lambda each: abs(each - head.share))
    ranks = fit_mini_head.validate(everyday, way)
    count = len(everyday.vectors)
    sizes = {"photographs": count, "gallery": count // fit_mini_head.FOLDS}
    for k, bar in ((1, 34), (10, 78)):
        before, after = (float((ranks[s][0] < k).mean() * 100) for s in (0.0, share))
        gains = (ranks[share][0] < k).astype(float) - (ranks[0.0][0] < k)
        owners = ranks[share][1]
        # captions of one photograph are no independent queries
        each = np.array([gains[owners == owner].mean() for owner in np.unique(owners)])
        low, high = interval(each)
        raw = {"without_head": before, "gain_low": low, "gain_high": high}
        label = f"everyday photographs, caption to image R@{k}"
        yield Row(label, after, bar, at_least=True, raw=raw, sizes=sizes)


def read(
    everyday: Domain, paths: Sequence[Path], captions: Sequence[Sequence[str]]
) -> Iterator[Row]:
    """Rows on the concepts that are read, against those of the first edition."""
    import fit_mini_head
    import mini_head_data

    assigned = fit_mini_head.folds(len(paths))
    way, share = fit_mini_head.SHIPPED
    named: dict[str, list[set[str]]] = {
        "mini-1": [set()] * len(paths),
        "mini": [set()] * len(paths),
    }
    with tempfile.TemporaryDirectory() as scratch:
        for fold in range(fit_mini_head.FOLDS):
            train = np.flatnonzero(assigned != fold)
            head = Path(scratch) / f"{fold}.npz"
            described = [captions[n] for n in train.tolist()]
            domain = mini_head_data.take(everyday, train)
            fit_mini_head.write_head(head, way, share, domain, described, lambda _: None)
            readers = {"mini-1": load_encoder("mini-1"), "mini": load_encoder(f"mini:{head}")}
            for n in np.flatnonzero(assigned == fold).tolist():
                image = open_image(paths[n], decode_side=256)
                for edition, encoder in readers.items():
                    (concepts,) = encoder.read_concepts([image])  # type: ignore[attr-defined]
                    named[edition][n] = stems_of(concepts)
    for label, measure in (
        ("content words named", named_share),
        ("named words right", right_share),
    ):
        figures = {
            edition: np.array([measure(s, c) for s, c in zip(stems, captions, strict=True)])
            for edition, stems in named.items()
        }
        odd = np.arange(len(paths)) % 2 == 0
        low, high = interval(figures["mini"] - figures["mini-1"])
        yield Row(
            f"everyday photographs, {label}, %",
            float(figures["mini"].mean() * 100),
            raw={
                "mini_1": float(figures["mini-1"].mean() * 100),
                "gain_low": low,
                "gain_high": high,
                "odd": float(figures["mini"][odd].mean() * 100),
                "even": float(figures["mini"][~odd].mean() * 100),
            },
            sizes={"photographs": len(paths)},
            at_least=True,
        )


def stems_of(concepts: Sequence[Concept]) -> set[str]:
    """Return the stems of the concepts that composers use."""
    import mini_head_data

    plain = {"plain background", "busy background"}
    objects = [each.text for each in concepts if each.kind == "object"][:OBJECTS]
    around = [
        each.text for each in concepts if each.kind == "background" and each.text not in plain
    ]
    return set().union(*map(mini_head_data.stems, [*objects, *around[:SURROUNDINGS]]))


def named_share(stems: set[str], captions: Sequence[str]) -> float:
    """Return the share of the words of two captions or more that are named."""
    import mini_head_data

    counts = Counter(word for text in captions for word in mini_head_data.stems(text))
    empty = set().union(*map(mini_head_data.stems, EMPTY))
    content = {word for word, count in counts.items() if count >= 2 and word not in empty}
    return len(content & stems) / max(1, len(content))


def right_share(stems: set[str], captions: Sequence[str]) -> float:
    """Return the share of the named words that any caption uses."""
    import mini_head_data

    used = set().union(*map(mini_head_data.stems, captions))
    return len(stems & used) / max(1, len(stems))


def interval(differences: NDArray[np.floating]) -> tuple[float, float]:
    """Return the bootstrap interval of a mean, in points."""
    generator = np.random.default_rng(0)
    count = len(differences)
    drawn = [generator.choice(differences, count).mean() * 100 for _ in range(1000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
