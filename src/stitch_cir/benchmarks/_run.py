"""Running the method on a benchmark: index, compose, encode, rank in every way, score, record."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.benchmarks._ask import (
    Asked,
    compose_queries,
    composer_failure,
    encode_queries,
)
from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._environment import machine, versions
from stitch_cir.benchmarks._files import VARIANTS
from stitch_cir.benchmarks._predictions import Predictions
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
from stitch_cir.benchmarks._sources import Source, centred_on_captions, open_sources
from stitch_cir.benchmarks._variants import Variant, variants_of
from stitch_cir.composers import Composer, Composition, TemplateComposer, model_usage
from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import Progress
from stitch_cir.search import SearchSettings
from stitch_cir.views import ViewRecipe

__all__ = ["run_benchmark", "sample"]

FORMAT = 1
DEPTH = 50
GALLERIES = "galleries"
"""Where a run keeps indexed images unless it shares them with others."""


def sample(benchmark: Benchmark, count: int, seed: int = 0) -> Benchmark:
    """Keep ``count`` queries, drawn over all tasks by ``seed``, in their order.

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
    chosen = {ids[place] for place in random.permutation(len(ids))[:count]}
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
    recipe: ViewRecipe | None = None,
    controls: bool = True,
    sweeps: bool = True,
    depth: int = DEPTH,
    galleries: Path | str | None = None,
    concurrency: int = 4,
    progress: Progress | None = None,
) -> Run:
    """Run a benchmark into the folder ``out``, or go on with what was begun there.

    Parameters
    ----------
    benchmark:
        What :func:`load_benchmark` gives, or a :func:`sample` of it.
    encoder, composer, settings, recipe:
        What a search takes; k, filters and the verifier of ``settings`` are not used, and every
        image is scored exactly.
    controls, sweeps:
        Whether to rank in the other ways too (see :func:`variants_of`).
    depth:
        Images kept of every ranking, at least 50 for submissions.
    galleries:
        Where the indexed pictures are kept, to share them between runs; ``out/galleries`` if None.
    concurrency:
        Queries composed at a time.

    Raises ``SettingError`` when ``out`` holds another run, ``NotFoundError`` when pictures are
    missing altogether, ``QueryError`` when the composer can compose none of the queries, and what
    composers raise about their model. What was done stays.
    """
    settings = settings or SearchSettings()
    composer = composer or TemplateComposer()
    encoder = centred_on_captions(benchmark, encoder)
    if depth < 1:
        raise SettingError(f"The depth is {depth}.", hint="Keep at least 1 image; servers want 50.")
    place = Path(out)
    facts = _facts(benchmark, encoder, composer, settings, recipe, depth)
    _claim(place, facts)
    clock = _Clock()
    own = Path(galleries) if galleries is not None else place / GALLERIES
    sources = open_sources(
        benchmark,
        own / f"{benchmark.name}-{benchmark.split}",
        encoder=encoder,
        recipe=recipe,
        progress=progress,
    )
    clock.lap("index")
    compositions = compose_queries(
        benchmark,
        sources,
        composer,
        settings.captions,
        place / COMPOSITIONS,
        concurrency=concurrency,
        progress=progress,
    )
    clock.lap("compose")
    asked, notes = encode_queries(benchmark, sources, compositions, encoder, progress=progress)
    clock.lap("encode")
    variants = variants_of(settings, controls=controls, sweeps=sweeps)
    manifest = {
        **facts,
        "gallery": {name: source.facts() for name, source in sources.items()},
        "variants": [_listed(variant) for variant in variants],
        "counts": _counts(benchmark, sources, asked),
        "written_by": _written_by(compositions),
        "notes": [*benchmark.notes, *_failures(composer, compositions), *notes],
        "usage": _usage(composer),
        "seconds": clock.seconds,
        "created": _created(place),
        "finished": None,
    }
    write_json(place / MANIFEST, manifest)
    _rank_all(place, benchmark, sources, asked, variants, depth, progress)
    clock.lap("rank")
    write_json(place / MANIFEST, {**manifest, "finished": _now()})
    return read_run(place)


def _rank_all(
    place: Path,
    benchmark: Benchmark,
    sources: dict[str, Source],
    asked: list[Asked],
    variants: list[Variant],
    depth: int,
    progress: Progress | None,
) -> None:
    """Rank, score and write every variant that is not there; equal settings are ranked once."""
    settings = [json.dumps(variant.facts(), sort_keys=True) for variant in variants]
    kept: dict[str, Ranked] = {}
    for number, (variant, same) in enumerate(zip(variants, settings, strict=True), 1):
        if (place / VARIANTS / variant.name / "metrics.json").is_file():
            continue
        found = kept.get(same)
        if found is None:
            stage = f"ranking {number} of {len(variants)}, {variant.name}"
            found = rank_queries(
                benchmark, sources, asked, variant, depth, stage=stage, progress=progress
            )
            if same in settings[number:]:
                kept[same] = found
        result = _described(variant)
        if benchmark.labelled:
            result = result.with_scores(score(benchmark, found.predictions))
        else:
            result = replace(result, notes=(*found.notes, "The answers are not public."))
        ranked, subset = _published(benchmark, found.predictions)
        write_variant(place, result, ranked, subset, found.tops)


class _Clock:
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


def _described(variant: Variant) -> VariantResult:
    return VariantResult(variant.name, variant.role, variant.label, variant.facts())


def _published(
    benchmark: Benchmark, found: Predictions
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Give the rankings as the data sets publish them: CIRCO's ids are numbers, CIRR has a head."""
    ranked: dict[str, Any] = {id: list(names) for id, names in found.ranked.items()}
    if benchmark.name == "circo":
        ranked = {id: [int(name) for name in names] for id, names in ranked.items()}
    if not found.subset:
        return ranked, None
    head = {"version": "rc2", "metric": "recall"}
    subset = {id: list(names) for id, names in found.subset.items()}
    return {**head, **ranked}, {**head, "metric": "recall_subset", **subset}


def _facts(
    benchmark: Benchmark,
    encoder: DualEncoder,
    composer: Composer,
    settings: SearchSettings,
    recipe: ViewRecipe | None,
    depth: int,
) -> dict[str, Any]:
    """Give everything that shapes the results, with a digest of it as ``key``."""
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
        "recipe": (recipe or ViewRecipe()).to_dict(),
        "composer": dict(composer.settings()),
        "settings": settings.to_dict(),
        "depth": depth,
    }
    body = json.dumps(shaped, sort_keys=True, default=str).encode()
    shaped["key"] = hashlib.sha256(body).hexdigest()
    shaped["benchmark"]["root"] = str(benchmark.root.resolve())
    return {**shaped, "versions": versions(), "machine": machine()}


def _claim(place: Path, facts: Mapping[str, Any]) -> None:
    """Make the folder ours, or check that what was begun there is the same run."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        mark = place / "key"
        # a run that failed before it began may have left galleries, which another goes on with
        if not mark.is_file() and any(entry.name != GALLERIES for entry in place.iterdir()):
            raise SettingError(
                f"The folder {place} is not empty and holds no run.",
                hint="Choose another one with --out.",
            )
        if mark.is_file() and mark.read_text().strip() != facts["key"]:
            raise SettingError(
                f"{place} holds another run: data, encoder, composer or settings differ.",
                hint="Choose another one with --out, or delete it.",
            )
        mark.write_text(facts["key"] + "\n")
    except OSError as error:
        raise SettingError(
            f"The folder {place} cannot be written: {error.strerror}.",
            hint="Choose another one with --out.",
        ) from error


def _counts(
    benchmark: Benchmark, sources: Mapping[str, Source], asked: list[Asked]
) -> dict[str, int]:
    def lost(task: Task, query: Query) -> bool:
        return bool(query.answers) and not set(query.answers) & set(sources[task.name].rows)

    return {
        "queries": len(asked),
        "gallery": sum(len(task.gallery) for task in benchmark.tasks),
        "gallery_without_vectors": sum(len(source.missing) for source in sources.values()),
        "references_without_vectors": sum(one.row is None for one in asked),
        "queries_without_reachable_answer": sum(lost(one.task, one.query) for one in asked),
        "queries_not_composed": sum(one.encoded is None for one in asked),
        "queries_by_text_alone": sum(
            one.encoded is not None
            and any("only the modification" in note for note in one.encoded.composition.notes)
            for one in asked
        ),
    }


def _written_by(compositions: Mapping[str, Composition]) -> dict[str, dict[str, int]]:
    """Return how many queries and captions each composer really wrote."""
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
    failed = [found for found in compositions.values() if composer_failure(found)]
    if not failed:
        return []
    return [
        f"{len(failed):,} of {len(compositions):,} queries were not composed by {composer.name}; "
        f"first: {composer_failure(failed[0])}"
    ]


def _usage(composer: Composer) -> dict[str, Any] | None:
    usage = model_usage(composer)
    return None if usage is None else usage.to_dict()


def _created(place: Path) -> str:
    stamp = (place / "key").stat().st_mtime
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
