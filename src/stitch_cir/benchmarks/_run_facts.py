"""What a run records beside its rankings: what shaped it, and what came of its queries."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.benchmarks._environment import machine, versions
from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._options import RunOptions
from stitch_cir.benchmarks._queries import PreparedQuery, composer_failure
from stitch_cir.benchmarks._run_files import GALLERIES, SHARDS
from stitch_cir.composers import Composer, Composition, model_usage
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task
from stitch_cir.encoders import DualEncoder, default_composed
from stitch_cir.errors import SettingError
from stitch_cir.searcher import SearchSettings
from stitch_cir.views import ViewRecipe

__all__ = [
    "claim_folder",
    "count_queries",
    "count_writers",
    "failures",
    "prepare_folder",
    "run_facts",
    "seconds_of",
    "usage_of",
]

FORMAT = 1


def run_facts(
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
            **benchmark.selection,
        },
        "encoder": {
            "name": encoder.name,
            "weights_tag": encoder.weights_tag,
            "fingerprint": encoder.fingerprint,
        },
        "recipe": (options.recipe or ViewRecipe()).to_dict(),
        "composer": dict(composer.settings()),
        "settings": settings.to_dict(),
        # what the chosen scorer and transition do not have, and those of controls and sweeps do
        **({"control_settings": dict(settings.unused)} if settings.unused else {}),
        "depth": options.depth,
        **_composed_facts(encoder, settings, options),
        **({} if options.method is None else {"method": dict(options.method)}),
    }
    body = json.dumps(shaped, sort_keys=True, default=str).encode()
    shaped["key"] = hashlib.sha256(body).hexdigest()
    shaped["benchmark"]["root"] = str(benchmark.root.resolve())
    return {
        **shaped,
        "options": options.to_dict(),
        "versions": versions(),
        "machine": machine(),
    }


def _composed_facts(
    encoder: DualEncoder, settings: SearchSettings, options: RunOptions
) -> dict[str, Any]:
    """Return what encodes reference and text together, where that is part of the queries."""
    if not settings.composed_weight:
        return {}
    composed = options.composed or default_composed(encoder)
    return {"composed": dict(composed.composed_settings())}


def prepare_folder(folder: Path) -> None:
    """Make the folder of a run. Raises ``SettingError`` where it holds something else."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # a run that failed before it began may have left galleries, which another one can use, and
        # shards are done before the run begins
        entries = {entry.name for entry in folder.iterdir()}
    if "key" not in entries and entries - {GALLERIES, SHARDS}:
        raise SettingError(
            f"The folder {folder} is not empty and holds no run.",
            hint="Choose another one with --out.",
        )


def claim_folder(folder: Path, facts: Mapping[str, Any]) -> None:
    """Reserve a prepared folder for this run, or check that what it holds is the same run."""
    with _writing(folder):
        mark = folder / "key"
        if mark.is_file() and mark.read_text().strip() != facts["key"]:
            raise SettingError(
                f"{folder} holds another run: data, encoder, composer or settings differ.",
                hint="Choose another one with --out, or delete it.",
            )
        mark.write_text(facts["key"] + "\n")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            hint="Choose another one with --out.",
        ) from error


def count_queries(
    benchmark: Benchmark,
    compositions: Mapping[str, Composition],
    galleries: Mapping[str, BenchmarkGallery],
    queries: list[PreparedQuery],
) -> dict[str, int]:
    """Return how many queries and images there are, and how many of them came to nothing."""

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
            any("only the text counts" in note for note in composition.notes)
            for composition in compositions.values()
            if composition.captions
        ),
    }


def count_writers(compositions: Mapping[str, Composition]) -> dict[str, dict[str, int]]:
    """Count the queries and captions that each composer really wrote, and the models' queries."""
    queries: Counter[str] = Counter()
    captions: Counter[str] = Counter()
    models: Counter[str] = Counter()
    for composition in compositions.values():
        failed = bool(composer_failure(composition))
        queries["none" if failed else composition.composer] += 1
        captions.update(caption.origin.split(":")[0] for caption in composition.captions)
        model = composition.settings.get("model")
        if model and not failed:
            models[str(model)] += 1
    return {
        "queries": dict(queries.most_common()),
        "captions": dict(captions.most_common()),
        "models": dict(models.most_common()),
    }


def failures(composer: Composer, compositions: Mapping[str, Composition]) -> list[str]:
    """Return a note on the queries that were not composed; none where all were."""
    failed = [each for each in compositions.values() if composer_failure(each)]
    if not failed:
        return []
    return [
        f"{len(failed):,} of {counted(len(compositions), 'query')} were not composed by "
        f"{composer.name}; first: {composer_failure(failed[0])}"
    ]


def usage_of(composer: Composer, costs: Mapping[str, float]) -> dict[str, int] | None:
    """Return the answers and tokens of the composer's model; ``None`` where it has none.

    ``costs`` are those of all sessions of the run.
    """
    usage = model_usage(composer)
    return None if usage is None else {name: int(costs.get(name, 0)) for name in usage.to_dict()}


def seconds_of(
    before: Mapping[str, Any], seconds: Mapping[str, float], costs: Mapping[str, float]
) -> dict[str, float]:
    """Return the seconds of each stage, over all sessions of the run.

    ``before`` is the manifest that an earlier session left. What a finished run reads again to
    find nothing missing is no part of its cost.
    """
    if before.get("finished"):
        return dict(before["seconds"])
    earlier: Mapping[str, float] = before.get("seconds", {})
    total = {
        name: round(earlier.get(name, 0) + value, 3)
        for name, value in seconds.items()
        if name != "compose"
    }
    return {**total, "compose": round(costs.get("seconds", 0), 3)}
