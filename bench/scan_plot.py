"""Time against gallery size for every method, as numbers and as an image."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import rivals
from bench.timing import in_turn
from bench.vectors import World, first
from stitch_cir.gallery import ViewMatrix

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000)
LATEST = Path(__file__).parent / "latest-scan.json"
MOST = {"POT batch Sinkhorn": 10_000, "POT one by one": 1_000}


def curves(matrix: ViewMatrix, world: World, exact: Callable[..., Any]) -> dict[str, Any]:
    """Measure every method at every size that it can be waited for; write numbers and image."""
    query = world.query(0)
    series: dict[str, list[tuple[int, float]]] = {}
    for size in SIZES:
        part = first(matrix, size)
        calls: dict[str, Callable[[], Any]] = {
            "exact, by bounds (ours)": partial(exact, part, query),
            "float32 product alone": partial(rivals.product, part, query),
            "textbook, NumPy": partial(rivals.textbook, part, query),
            "POT batch Sinkhorn": partial(rivals.pot_batch, part, query),
            "POT one by one": partial(rivals.pot_loop, part, query),
        }
        if rivals.is_installed("torch"):
            in_torch = rivals.textbook_torch(part)
            calls["textbook, torch"] = partial(in_torch, query)
        if rivals.is_installed("faiss"):
            flat = rivals.faiss_flat(part)
            calls["faiss flat, one mean vector"] = partial(flat, query)
        kept = {name: call for name, call in calls.items() if size <= MOST.get(name, size)}
        slow = {name: call for name, call in kept.items() if name in MOST}
        quick = {name: call for name, call in kept.items() if name not in MOST}
        for calls, rounds in ((quick, 5), (slow, 1)):
            for name, times in in_turn(calls, rounds).items():
                series.setdefault(name, []).append((size, statistics.median(times)))
    LATEST.write_text(json.dumps(series, indent=1) + "\n", encoding="utf-8")
    if rivals.is_installed("matplotlib"):
        draw(series, LATEST.with_suffix(".png"))
    else:
        print("no plot: matplotlib is not installed")
    return series


def draw(series: dict[str, list[tuple[int, float]]], file: Path) -> None:
    """Draw the curves, both axes logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.6), dpi=140)
    for name, points in series.items():
        is_exact = name.startswith("exact")
        sizes, times = zip(*points, strict=True)
        axes.plot(
            sizes,
            [1e3 * time for time in times],
            marker="o",
            markersize=4,
            linewidth=2.6 if is_exact else 1.3,
            zorder=3 if is_exact else 2,
            label=name,
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="images (sets of 10 views, 512 dimensions; 5 captions)",
        ylabel="milliseconds a query",
    )
    axes.grid(alpha=0.3, which="both", linewidth=0.5)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)
