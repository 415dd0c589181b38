"""Running the method on a benchmark: index, compose, encode, rank in every way, score, record."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._galleries import (
    BenchmarkGallery,
    centred_on_captions,
    open_galleries,
)
from stitch_cir.benchmarks._options import RunOptions
from stitch_cir.benchmarks._predictions import SUBSET, Predictions, prediction_data
from stitch_cir.benchmarks._queries import (
    PreparedQuery,
    compose_queries,
    encode_benchmark,
)
from stitch_cir.benchmarks._rank import Ranked, measure_hubness, rank_variants
from stitch_cir.benchmarks._run_facts import (
    claim_folder,
    count_queries,
    count_writers,
    failures,
    prepare_folder,
    run_facts,
    seconds_of,
    usage_of,
)
from stitch_cir.benchmarks._run_files import (
    COMPOSITIONS,
    GALLERIES,
    MANIFEST,
    Run,
    VariantResult,
    is_written,
    read_run,
    write_json,
    write_variant,
)
from stitch_cir.benchmarks._score import score
from stitch_cir.benchmarks._shards import shard_galleries, take_shards
from stitch_cir.benchmarks._spent import read_costs
from stitch_cir.benchmarks._spread import paraphrase_spread
from stitch_cir.benchmarks._text_vectors import TEXT_VECTORS, RememberingEncoder
from stitch_cir.benchmarks._variants import Variant, variants_of
from stitch_cir.composers import Composer, VerbatimComposer
from stitch_cir.datasets import Benchmark, DataSet, parse_json
from stitch_cir.encoders import DualEncoder, default_composed
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import SearchSettings

__all__ = ["run_benchmark"]

WAYS_TOGETHER = 8
"""Variants that are ranked at a time: more share more, and an interruption costs more of them."""


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
    folder = Path(out)
    prepare_folder(folder)
    base = Path(options.galleries or folder / GALLERIES)
    take_shards(folder, benchmark, encoder, composer, settings, options)
    remembering = RememberingEncoder(encoder, base / TEXT_VECTORS)
    text_encoder = centred_on_captions(benchmark, remembering)
    if text_encoder is not remembering:
        encoder = text_encoder
    facts = run_facts(benchmark, encoder, composer, settings, options)
    claim_folder(folder, facts)
    if options.compositions is not None and not (folder / COMPOSITIONS).exists():
        part = folder / f"{COMPOSITIONS}.part"
        shutil.copyfile(options.compositions, part)
        part.replace(folder / COMPOSITIONS)
    clock = _Stopwatch()
    galleries = open_galleries(
        benchmark,
        base / f"{benchmark.name}-{benchmark.split}",
        encoder=encoder,
        recipe=options.recipe,
        parts=shard_galleries(folder, benchmark),
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
    composed = options.composed or default_composed(encoder)
    queries, notes = encode_benchmark(
        benchmark,
        galleries,
        compositions,
        settings,
        composed=composed if settings.composed_weight else None,
        text_encoder=text_encoder,
        progress=progress,
    )
    clock.lap("encode")
    variants = variants_of(
        settings, controls=options.controls, sweeps=options.sweeps, composed=composed.name
    )
    before, costs = _manifest_before(folder), read_costs(folder / COMPOSITIONS)
    if any(not is_written(folder, variant.name) for variant in variants):
        before = {**before, "finished": None}
    manifest = {
        **facts,
        "gallery": {name: gallery.facts() for name, gallery in galleries.items()},
        "variants": [_listed(variant) for variant in variants],
        "counts": count_queries(benchmark, compositions, galleries, queries),
        "written_by": count_writers(compositions),
        "notes": [*benchmark.notes, *failures(composer, compositions), *notes],
        "usage": usage_of(composer, costs),
        "seconds": seconds_of(before, clock.seconds, costs),
        "created": _created(folder),
        "finished": None,
    }
    write_json(folder / MANIFEST, manifest)
    _rank_all(folder, benchmark, galleries, queries, variants, options.depth, progress)
    clock.lap("rank")
    manifest["seconds"] = seconds_of(before, clock.seconds, costs)
    write_json(folder / MANIFEST, {**manifest, "finished": before.get("finished") or _now()})
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
    """Rank, score and write every variant that is missing, several at a time.

    Equal settings are ranked once. What is written stays, so that an interruption costs the
    variants under way at most.
    """
    missing: dict[str, list[Variant]] = {}
    for variant in variants:
        if not is_written(folder, variant.name):
            key = json.dumps(variant.facts(), sort_keys=True)
            missing.setdefault(key, []).append(variant)
    alike = list(missing.values())
    total = len(alike) * len(queries)
    written = len(variants) - sum(map(len, alike))
    measure_hubness(galleries, [same[0] for same in alike])
    for start in range(0, len(alike), WAYS_TOGETHER):
        part = alike[start : start + WAYS_TOGETHER]

        def report(done: int, before: int = start * len(queries), ready: int = written) -> None:
            if progress is not None:
                detail = f"{ready} of {len(variants)} ways"
                progress(ProgressEvent("ranking", before + done, total, detail=detail))

        ranked = rank_variants(
            benchmark, galleries, queries, [same[0] for same in part], depth, progress=report
        )
        for same, of_same in zip(part, ranked, strict=True):
            for variant in same:
                _write(folder, benchmark, variant, of_same)
        written += sum(map(len, part))
        report(len(part) * len(queries), ready=written)


def _write(folder: Path, benchmark: Benchmark, variant: Variant, ranked: Ranked) -> None:
    """Score a variant's rankings, and write both."""
    result = VariantResult(variant.name, variant.role, variant.label, variant.facts())
    if benchmark.labelled:
        scores = score(benchmark, ranked.predictions)
        result = result.with_scores(scores, paraphrase_spread(benchmark, scores.values))
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


def _manifest_before(folder: Path) -> dict[str, Any]:
    """Return the manifest that an earlier session of the run wrote, empty without one."""
    file = folder / MANIFEST
    return dict(parse_json(file.read_bytes(), str(file))) if file.is_file() else {}


def _created(folder: Path) -> str:
    stamp = (folder / "key").stat().st_mtime
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
