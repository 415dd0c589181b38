"""CIRR without pixels: every image is a set of captions, queries and targets are CIRR's (val).

    python -m bench cirr --cirr ROOT

Not speed but quality, with the composer and the preset of docs/cirr-captions.md. Of two minutes of
processor time one and a half encode 31,586 texts; their vectors are kept in ``.cache/bench``, so
that a run that was interrupted goes on, and the next one only ranks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row
from stitch_cir import SearchSettings, load_encoder
from stitch_cir.benchmarks import RunOptions, run_benchmark
from stitch_cir.datasets import load_benchmark

GALLERIES = Path(__file__).parents[1] / ".cache" / "bench"
"""The gallery of captions, and the texts' vectors by encoder and text."""
METRICS = ("R@1", "R@5", "Rs@1")


def run(root: Path) -> Iterator[Row]:
    """Rows for ``make bench`` on a folder with ``CIRR`` and its captions."""
    benchmark = load_benchmark("cirr-captions", root, "val")
    with tempfile.TemporaryDirectory() as scratch:
        result = run_benchmark(
            benchmark,
            Path(scratch) / "run",
            encoder=load_encoder("mini"),
            settings=SearchSettings.from_preset("captions"),
            options=RunOptions(controls=False, sweeps=False, galleries=GALLERIES),
        )
    for metric in METRICS:
        span = result.variants["main"].intervals[metric]
        yield Row(
            f"CIRR without pixels, {metric}, %",
            span.mean,
            None,
            at_least=True,
            raw={"low": span.low, "high": span.high},
            sizes={"queries": len(benchmark.queries)},
        )
