"""Several published methods on one benchmark: a run each, which share all that they can."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stitch_cir.benchmarks._options import RunOptions
from stitch_cir.benchmarks._run import run_benchmark
from stitch_cir.benchmarks._run_files import COMPOSITIONS, GALLERIES, Run
from stitch_cir.composers import Composer, VerbatimComposer
from stitch_cir.datasets import Benchmark
from stitch_cir.encoders import DualEncoder
from stitch_cir.gallery import Progress
from stitch_cir.searcher import Method, SearchSettings

__all__ = ["MethodRun", "run_methods"]


@dataclass(frozen=True, slots=True)
class MethodRun:
    """A method with what it is run with; ``composer``: ``None`` is the rule-based one."""

    method: Method
    settings: SearchSettings
    composer: Composer | None = None

    @property
    def composing(self) -> str:
        """What shapes its compositions: methods that agree in it share them."""
        composer = self.composer or VerbatimComposer()
        parts = [dict(composer.settings()), self.settings.num_captions]
        return json.dumps(parts, sort_keys=True, default=str)


def run_methods(
    benchmark: Benchmark,
    out: Path | str,
    ways: Sequence[MethodRun],
    *,
    encoder: DualEncoder,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> dict[str, Run]:
    """Run methods into folders below ``out``, named after them; return the runs by name.

    Images, captions and texts are encoded once for all of them, and methods with the same composer
    and number of captions are composed once. Interrupted, the same call resumes. Raises as
    :func:`run_benchmark` does.
    """
    options, folder = options or RunOptions(), Path(out)
    galleries = Path(options.galleries or folder / GALLERIES)
    runs: dict[str, Run] = {}
    composed: dict[str, Path] = {}
    for way in ways:
        name = way.method.name
        runs[name] = run_benchmark(
            benchmark,
            folder / name,
            encoder=encoder,
            composer=way.composer,
            settings=way.settings,
            options=replace(
                options,
                galleries=galleries,
                method=way.method.facts(way.settings),
                compositions=composed.get(way.composing),
            ),
            progress=progress,
        )
        composed.setdefault(way.composing, folder / name / COMPOSITIONS)
    return runs
