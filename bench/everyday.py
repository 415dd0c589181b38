"""How well ``mini`` finds captioned photographs of everyday life that its head was not fitted on.

The shipped head knows Flickr8k's photographs, so none of them can be asked of it. Four heads are
fitted instead, the same way and with the same weight, each on three quarters of the folder, and
asked for the fourth: captions against a gallery of a quarter of the photographs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.rows import Row
from stitch_cir.encoders import load_mini

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

WAY = "ridge, whitened 0.5"
"""How the shipped head was fitted."""


def run(folder: Path) -> list[Row]:
    """Rows for ``make bench`` on a folder of photographs with ``captions.jsonl``."""
    import fit_mini_head
    import mini_head_data

    paths, captions = mini_head_data.read_captions(folder / "captions.jsonl", folder)
    domain = mini_head_data.images_domain(paths, captions, None)
    way = next(way for way in fit_mini_head.WAYS if way.name == WAY)
    head = load_mini().head
    assert head is not None
    share = min(fit_mini_head.SHARES, key=lambda each: abs(each - head.share))
    rankings = fit_mini_head.validate(domain, way)
    sizes = {"photographs": len(paths), "gallery": len(paths) // fit_mini_head.FOLDS}
    rows = []
    for k, bar in ((1, 34), (10, 78)):
        before, after = (float((rankings[s][0] < k).mean() * 100) for s in (0.0, share))
        generator = np.random.default_rng(0)
        gains = (rankings[share][0] < k).astype(float) - (rankings[0.0][0] < k)
        owners = rankings[share][1]
        # captions of one photograph are no independent queries
        each = np.array([gains[owners == owner].mean() for owner in np.unique(owners)])
        drawn = [generator.choice(each, len(each)).mean() * 100 for _ in range(1000)]
        low, high = np.quantile(drawn, (0.025, 0.975))
        raw = {"without_head": before, "gain_low": float(low), "gain_high": float(high)}
        name = f"everyday photographs, caption to image R@{k}"
        rows.append(Row(name, after, bar, at_least=True, raw=raw, sizes=sizes))
    return rows
