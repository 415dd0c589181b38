"""Which queries of a benchmark a run takes, and how it is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.benchmarks._partition import Shard
from stitch_cir.datasets import Benchmark
from stitch_cir.encoders import ComposedEncoder
from stitch_cir.errors import SettingError
from stitch_cir.views import ViewRecipe

__all__ = ["RunOptions", "sample"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out.

    Parameters
    ----------
    recipe:
        The views of every image; :class:`ViewRecipe`'s defaults if None.
    controls, sweeps:
        Whether to rank in the other ways too (see :func:`variants_of`).
    depth:
        Images kept of every ranking, at least 50 for submissions.
    galleries:
        Where the indexed images are kept, to share them between runs; ``galleries`` in the run's
        folder if None.
    concurrency:
        Queries composed at a time.
    composed:
        Encodes reference and text together, where the settings give that a weight; by default the
        gallery's encoder where it can, else the sum of its two vectors.
    shard:
        Which part :func:`run_shard` encodes and composes.
    invocation:
        What else a command needs to do the same again, by the names of its options, JSON-ready. It
        is recorded and not interpreted.
    method:
        What is recorded of the published method that the settings are of (:meth:`Method.facts`).
    compositions:
        A file of compositions that the same composer wrote for this benchmark: a new run begins
        with them.

    Raises ``SettingError`` for a depth below 1.
    """

    recipe: ViewRecipe | None = None
    controls: bool = True
    sweeps: bool = True
    depth: int = 50
    galleries: Path | str | None = None
    concurrency: int = 4
    composed: ComposedEncoder | None = None
    shard: Shard | None = None
    invocation: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Any] | None = None
    compositions: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what changes no ranking, JSON-ready, for the manifest of a run."""
        return {
            "controls": self.controls,
            "sweeps": self.sweeps,
            "galleries": None if self.galleries is None else str(self.galleries),
            "concurrency": self.concurrency,
            **self.invocation,
        }

    def __post_init__(self) -> None:
        """Check the depth."""
        if self.depth < 1:
            raise SettingError(
                f"The depth is {self.depth}.", hint="Keep at least 1 image; servers want 50."
            )


def sample(benchmark: Benchmark, count: int, seed: int = 0) -> Benchmark:
    """Return ``count`` queries, drawn over all tasks by ``seed``, in their order.

    Raises ``SettingError`` when ``count`` is below 1 or above the number of queries.
    """
    ids = list(benchmark.queries)
    if not 1 <= count <= len(ids):
        raise SettingError(
            f"A sample of {count} queries cannot be drawn.",
            hint=f"{benchmark.name} {benchmark.split} has {len(ids):,}: ask for 1 to that many.",
        )
    # named explicitly: the stream of default_rng may change between versions of NumPy
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    chosen = {ids[number] for number in random.permutation(len(ids))[:count]}
    tasks = [
        replace(task, queries=tuple(query for query in task.queries if query.id in chosen))
        for task in benchmark.tasks
    ]
    note = f"A sample of {count:,} of {len(ids):,} queries, seed {seed}."
    kept = tuple(task for task in tasks if task.queries)
    selection = {**benchmark.selection, "sample": {"count": count, "seed": seed}}
    return replace(benchmark, tasks=kept, notes=(*benchmark.notes, note), selection=selection)
