"""Every scorer and transition on the stamps benchmark, by kind of modification, with ``mini``.

    python -m bench stamps

Not speed but quality: one row a way of searching, mAP@10 in percent over the test split of the small
size, its interval and its figures by kind in ``raw``. Same images and vectors for all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row
from stitch_cir import SearchSettings, load_encoder
from stitch_cir.benchmarks import RunOptions, VariantResult, run_benchmark
from stitch_cir.datasets import load_benchmark
from stitch_cir.datasets.stamps import make_stamps_benchmark
from stitch_cir.transition import TRANSITION_NAMES

METRIC = "mAP@10"


def run(stamps: Path, *, size: str = "small", split: str = "test") -> Iterator[Row]:
    """Race them; yields a row each as it is measured."""
    encoder = load_encoder("mini")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_stamps_benchmark(folder / "stamps", stamps, size=size)
        data = load_benchmark("stamps", folder / "stamps", split)
        for transition in TRANSITION_NAMES:
            main = transition == TRANSITION_NAMES[0]
            summary = run_benchmark(
                data,
                folder / transition,
                encoder=encoder,
                settings=SearchSettings.from_preset(transition=transition),
                options=RunOptions(controls=main, sweeps=False, galleries=folder / "galleries"),
            )
            for variant in summary.variants.values():
                label = variant.label if main and variant.name != "main" else transition
                yield row(f"stamps {size}, {label}: {METRIC}, %", variant, len(data.queries))


def row(name: str, variant: VariantResult, queries: int) -> Row:
    span = variant.intervals[METRIC]
    kinds = {kind: round(value, 2) for kind, (value, _) in variant.kinds.items()}
    return Row(
        name,
        variant.headline[METRIC],
        None,
        raw={"low": span.low, "high": span.high, **kinds},
        sizes={"queries": queries},
        at_least=True,
    )
