"""Running the method on a benchmark: index, compose, encode, rank in every way, score, record."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.benchmarks._environment import machine, versions
from stitch_cir.benchmarks._galleries import (
    BenchmarkGallery,
    centred_on_captions,
    open_galleries,
)
from stitch_cir.benchmarks._predictions import SUBSET, VARIANTS, Predictions, prediction_data
from stitch_cir.benchmarks._queries import (
    PreparedQuery,
    compose_queries,
    composer_failure,
    encode_benchmark,
)
from stitch_cir.benchmarks._rank import Ranked, rank_queries
from stitch_cir.benchmarks._run_files import (
    COMPOSITIONS,
    MANIFEST,
    Run,
    VariantResult,
    read_run,
    write_json,
    write_variant,
)
from stitch_cir.benchmarks._score import score
from stitch_cir.benchmarks._variants import Variant, variants_of
from stitch_cir.composers import Composer, Composition, VerbatimComposer, model_usage
from stitch_cir.datasets import Benchmark, BenchmarkQuery, DataSet, Task
from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import Progress
from stitch_cir.searcher import SearchSettings
from stitch_cir.views import ViewRecipe

__all__ = ["RunOptions", "run_benchmark", "sample"]

FORMAT = 1
GALLERIES = "galleries"
"""Where a run keeps indexed images unless it shares them with others."""


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

    Raises ``SettingError`` for a depth below 1.
    """

    recipe: ViewRecipe | None = None
    controls: bool = True
    sweeps: bool = True
    depth: int = 50
    galleries: Path | str | None = None
    concurrency: int = 4

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
    return replace(benchmark, tasks=kept, notes=(*benchmark.notes, note))


def run_benchmark(
    benchmark: Benchmark,
    out: Path | str,
    *,
    encoder: DualEncoder,
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a benchmark into the folder ``out``, or resume what was begun there.

    Parameters
    ----------
    benchmark:
        What :func:`load_benchmark` returns, or a :func:`sample` of it.
    encoder, composer, settings:
        What a search takes; k, filters and the reranker of ``settings`` are not used, and every
        image is scored exactly.
    options:
        Views, which variants are ranked, how deep, and where galleries are kept.

    Raises ``SettingError`` when ``out`` holds another run, ``NotFoundError`` when images are
    missing altogether, ``QueryError`` when the composer can compose none of the queries, and what
    composers raise about their model. What was done stays.
    """
    settings, options = settings or SearchSettings(), options or RunOptions()
    composer = composer or VerbatimComposer()
    encoder = centred_on_captions(benchmark, encoder)
    folder = Path(out)
    facts = _facts(benchmark, encoder, composer, settings, options)
    _claim(folder, facts)
    clock = _Stopwatch()
    galleries = open_galleries(
        benchmark,
        Path(options.galleries or folder / GALLERIES) / f"{benchmark.name}-{benchmark.split}",
        encoder=encoder,
        recipe=options.recipe,
        progress=progress,
    )
    clock.lap("index")
    compositions = compose_queries(
        benchmark,
        galleries,
        composer,
        settings,
        folder / COMPOSITIONS,
        concurrency=options.concurrency,
        progress=progress,
    )
    clock.lap("compose")
    queries, notes = encode_benchmark(
        benchmark, galleries, compositions, settings, progress=progress
    )
    clock.lap("encode")
    variants = variants_of(settings, controls=options.controls, sweeps=options.sweeps)
    manifest = {
        **facts,
        "gallery": {name: gallery.facts() for name, gallery in galleries.items()},
        "variants": [_listed(variant) for variant in variants],
        "counts": _counts(benchmark, compositions, galleries, queries),
        "written_by": _written_by(compositions),
        "notes": [*benchmark.notes, *_failures(composer, compositions), *notes],
        "usage": _usage(composer),
        "seconds": clock.seconds,
        "created": _created(folder),
        "finished": None,
    }
    write_json(folder / MANIFEST, manifest)
    _rank_all(folder, benchmark, galleries, queries, variants, options.depth, progress)
    clock.lap("rank")
    write_json(folder / MANIFEST, {**manifest, "finished": _now()})
    return read_run(folder)


def _rank_all(
    folder: Path,
    benchmark: Benchmark,
    galleries: dict[str, BenchmarkGallery],
    queries: list[PreparedQuery],
    variants: list[Variant],
    depth: int,
    progress: Progress | None,
) -> None:
    """Rank, score and write every variant that is missing; equal settings are ranked once."""
    settings = [json.dumps(variant.facts(), sort_keys=True) for variant in variants]
    cache: dict[str, Ranked] = {}
    for number, (variant, key) in enumerate(zip(variants, settings, strict=True), 1):
        if (folder / VARIANTS / variant.name / "metrics.json").is_file():
            continue
        ranked = cache.get(key)
        if ranked is None:
            stage = f"ranking {number} of {len(variants)}, {variant.name}"
            ranked = rank_queries(
                benchmark, galleries, queries, variant, depth, stage=stage, progress=progress
            )
            if key in settings[number:]:
                cache[key] = ranked
        result = VariantResult(variant.name, variant.role, variant.label, variant.facts())
        if benchmark.labelled:
            result = result.with_scores(score(benchmark, ranked.predictions))
        else:
            result = replace(result, notes=(*ranked.notes, "The answers are not public."))
        write_variant(
            folder, result, *_published_form(benchmark.dataset, ranked.predictions), ranked.heads
        )


def _published_form(
    dataset: DataSet, predictions: Predictions
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the rankings and those of the subset as the data set publishes them."""
    subset = prediction_data(dataset, SUBSET, predictions.subset) if predictions.subset else None
    return prediction_data(dataset, "recall", predictions.ranked), subset


class _Stopwatch:
    """Seconds of each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def _listed(variant: Variant) -> dict[str, Any]:
    return {
        "name": variant.name,
        "role": variant.role,
        "label": variant.label,
        "settings": variant.facts(),
    }


def _facts(
    benchmark: Benchmark,
    encoder: DualEncoder,
    composer: Composer,
    settings: SearchSettings,
    options: RunOptions,
) -> dict[str, Any]:
    """Return everything that shapes the results, with a digest of it as ``key``."""
    ids = "\n".join(benchmark.queries)
    shaped: dict[str, Any] = {
        "format": FORMAT,
        "benchmark": {
            "name": benchmark.name,
            "split": benchmark.split,
            "protocol": benchmark.protocol,
            "sources": dict(benchmark.sources),
            "queries": len(benchmark.queries),
            "queries_sha256": hashlib.sha256(ids.encode()).hexdigest(),
        },
        "encoder": {
            "name": encoder.name,
            "weights_tag": encoder.weights_tag,
            "fingerprint": encoder.fingerprint,
        },
        "recipe": (options.recipe or ViewRecipe()).to_dict(),
        "composer": dict(composer.settings()),
        "settings": settings.to_dict(),
        "depth": options.depth,
    }
    body = json.dumps(shaped, sort_keys=True, default=str).encode()
    shaped["key"] = hashlib.sha256(body).hexdigest()
    shaped["benchmark"]["root"] = str(benchmark.root.resolve())
    return {**shaped, "versions": versions(), "machine": machine()}


def _claim(folder: Path, facts: Mapping[str, Any]) -> None:
    """Reserve the folder for this run, or check that what was begun there is the same run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / "key"
        # a run that failed before it began may have left galleries, which another one can use
        if not mark.is_file() and any(entry.name != GALLERIES for entry in folder.iterdir()):
            raise SettingError(
                f"The folder {folder} is not empty and holds no run.",
                hint="Choose another one with --out.",
            )
        if mark.is_file() and mark.read_text().strip() != facts["key"]:
            raise SettingError(
                f"{folder} holds another run: data, encoder, composer or settings differ.",
                hint="Choose another one with --out, or delete it.",
            )
        mark.write_text(facts["key"] + "\n")
    except OSError as error:
        raise SettingError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            hint="Choose another one with --out.",
        ) from error


def _counts(
    benchmark: Benchmark,
    compositions: Mapping[str, Composition],
    galleries: Mapping[str, BenchmarkGallery],
    queries: list[PreparedQuery],
) -> dict[str, int]:
    def unreachable(task: Task, query: BenchmarkQuery) -> bool:
        return bool(query.answers) and not set(query.answers) & set(galleries[task.name].rows)

    return {
        "queries": len(queries),
        "gallery": sum(len(task.gallery) for task in benchmark.tasks),
        "gallery_without_vectors": sum(len(gallery.missing) for gallery in galleries.values()),
        "references_without_vectors": sum(prepared.row is None for prepared in queries),
        "queries_without_reachable_answer": sum(
            unreachable(prepared.task, prepared.query) for prepared in queries
        ),
        "queries_not_composed": sum(prepared.features is None for prepared in queries),
        "queries_by_text_alone": sum(
            any("only the modification" in note for note in composition.notes)
            for composition in compositions.values()
            if composition.captions
        ),
    }


def _written_by(compositions: Mapping[str, Composition]) -> dict[str, dict[str, int]]:
    """Count the queries and captions that each composer really wrote."""
    queries: Counter[str] = Counter()
    captions: Counter[str] = Counter()
    for composition in compositions.values():
        queries["none" if composer_failure(composition) else composition.composer] += 1
        captions.update(caption.origin.split(":")[0] for caption in composition.captions)
    return {
        "queries": dict(queries.most_common()),
        "captions": dict(captions.most_common()),
    }


def _failures(composer: Composer, compositions: Mapping[str, Composition]) -> list[str]:
    failed = [each for each in compositions.values() if composer_failure(each)]
    if not failed:
        return []
    return [
        f"{len(failed):,} of {len(compositions):,} queries were not composed by {composer.name}; "
        f"first: {composer_failure(failed[0])}"
    ]


def _usage(composer: Composer) -> dict[str, Any] | None:
    usage = model_usage(composer)
    return None if usage is None else usage.to_dict()


def _created(folder: Path) -> str:
    stamp = (folder / "key").stat().st_mtime
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
