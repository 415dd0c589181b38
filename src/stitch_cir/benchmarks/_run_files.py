"""A run on disk: what shaped it, what was composed, and every variant's predictions and figures.

::

    RUN/
      manifest.json            everything that shaped the run, counts, notes, times
      compositions.jsonl       one line per query: {"id": …, "composition": {…}, "spent": {…}}
      galleries/…              the indexed images or captions, and the vectors of texts
                               (may be deleted, are made again)
      variants/NAME/           one way of searching with the same encoded queries
        predictions.json       ranked ids by query, in the data set's published form
        predictions-subset.json   CIRR only: the ranking of each query's subset
        top.jsonl              one line per query: the ten best, the first right answer's rank
        metrics.json           figures, intervals, and every query's values

A variant's folder is written elsewhere and renamed into place: it is complete or not there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.benchmarks._clusters import Clusters
from stitch_cir.benchmarks._compare import Interval, composition_gap, intervals
from stitch_cir.benchmarks._predictions import PREDICTION_FILES, VARIANTS
from stitch_cir.benchmarks._score import Scores, Values
from stitch_cir.composers import Composition
from stitch_cir.datasets import load_dataset, parse_json
from stitch_cir.errors import NotFoundError, RecordError, SettingError

__all__ = [
    "QueryHead",
    "Run",
    "VariantResult",
    "composed_queries",
    "is_run",
    "is_written",
    "read_run",
    "write_json",
    "write_variant",
]

MANIFEST, COMPOSITIONS = "manifest.json", "compositions.jsonl"
ALONE = ("image-only", "text-only")
"""Variants that search with one part of a query."""
SHARDS = "shards"
"""Where the shards of a run keep what they did, see ``_shards``."""
GALLERIES = "galleries"
"""Where a run keeps indexed images unless it shares them with others."""


@dataclass(frozen=True, slots=True)
class QueryHead:
    """The head of one query's ranking.

    ``hits``: at most ten (gallery id, score in [−2, 2]), best first; ``rank``: the 1-based rank of
    the first right answer in the whole ranking, None where the answers are not public or the answer
    is not in the gallery.
    """

    id: str
    hits: tuple[tuple[str, float], ...]
    rank: int | None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One way of searching and its figures.

    ``role`` is ``"main"``, ``"control"``, ``"ablation"`` or ``"sweep"``; ``settings`` what this
    variant changes or fixes (query, transition, alpha, scorer, tau, …). ``headline`` and ``tasks``
    are in percent; ``kinds`` holds, by kind of query, the mean of ``kind_metric`` and the number of
    queries; ``values`` are per query, fractions, by task and metric in the order of ``ids``;
    ``clusters`` are what the intervals were drawn from; ``spread`` is how much each metric varies
    between paraphrases.
    All are empty where the answers are not public.
    """

    name: str
    role: str
    label: str
    settings: Mapping[str, Any]
    headline: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    kinds: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    kind_metric: str = ""
    clusters: Clusters = field(default_factory=Clusters)
    spread: Mapping[str, Interval] = field(default_factory=dict)

    def with_scores(
        self, scores: Scores, spread: Mapping[str, Interval] | None = None
    ) -> VariantResult:
        """Return the same variant with its figures."""
        return VariantResult(
            self.name,
            self.role,
            self.label,
            self.settings,
            scores.headline,
            intervals(scores),
            scores.kinds,
            scores.counts,
            scores.notes,
            scores.ids,
            scores.values,
            scores.kind_metric,
            scores.clusters,
            spread or {},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, the per-query values included."""
        return {
            "name": self.name,
            "role": self.role,
            "label": self.label,
            "settings": dict(self.settings),
            "headline": dict(self.headline),
            "intervals": {name: asdict(span) for name, span in self.intervals.items()},
            "kinds": {name: list(figure) for name, figure in self.kinds.items()},
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "ids": {task: list(ids) for task, ids in self.ids.items()},
            "values": {
                task: {name: values.tolist() for name, values in metrics.items()}
                for task, metrics in self.values.items()
            },
            "kind_metric": self.kind_metric,
            "clusters": self.clusters.to_dict(),
            "spread": {name: asdict(span) for name, span in self.spread.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VariantResult:
        """Read the output of :meth:`to_dict`.

        Raises ``KeyError``, ``TypeError`` or ``ValueError`` for any other data.
        """
        return cls(
            name=data["name"],
            role=data["role"],
            label=data["label"],
            settings=data["settings"],
            headline=data["headline"],
            intervals={name: Interval(**span) for name, span in data["intervals"].items()},
            kinds={name: (value, count) for name, (value, count) in data["kinds"].items()},
            counts=data["counts"],
            notes=tuple(data["notes"]),
            ids={task: tuple(ids) for task, ids in data["ids"].items()},
            values={
                task: {name: np.asarray(each, dtype=np.float64) for name, each in metrics.items()}
                for task, metrics in data["values"].items()
            },
            # runs before it was recorded are of CIRCO's form
            kind_metric=data.get("kind_metric", "mAP@10"),
            # runs before it was recorded drew queries one by one
            clusters=Clusters.from_dict(data["clusters"]) if "clusters" in data else Clusters(),
            spread={name: Interval(**span) for name, span in data.get("spread", {}).items()},
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back: its manifest and the figures of its variants, the main one first."""

    folder: Path
    manifest: Mapping[str, Any]
    variants: Mapping[str, VariantResult]

    @property
    def main(self) -> VariantResult:
        """The variant with the settings of the run."""
        return self.variants["main"]

    @property
    def title(self) -> str:
        """Name of the run's folder."""
        return self.folder.resolve().name

    @property
    def language_models(self) -> Mapping[str, int]:
        """How many queries each language model composed; empty where rules did."""
        return dict(self.manifest.get("written_by", {}).get("models", {}))

    def compositions(self) -> dict[str, Composition]:
        """Return what was composed for every query, by id."""
        return dict(read_compositions(self.folder / COMPOSITIONS))

    def composition_gap(self, variant: str = "main") -> dict[str, Interval]:
        """Return the share of each figure that needs image and text, with intervals, in percent.

        Empty where the answers are not public, or one part alone has no results.
        """
        alone = [self.variants[name] for name in ALONE if name in self.variants]
        whole = self.variants[variant]
        if len(alone) < len(ALONE) or not whole.values:
            return {}
        gaps = composition_gap(whole.values, [each.values for each in alone], whole.clusters)
        wrong = self.lower_is_better
        return {metric: gap for metric, gap in gaps.items() if metric not in wrong}

    @property
    def lower_is_better(self) -> frozenset[str]:
        """Metrics that count what is wrong; none where the data set is not installed."""
        try:
            return load_dataset(str(self.manifest["benchmark"]["name"])).lower_is_better
        except (SettingError, KeyError):
            return frozenset()

    def heads(self, variant: str = "main") -> dict[str, QueryHead]:
        """Return the head of every query's ranking, by id."""
        path = self.folder / VARIANTS / variant / "top.jsonl"
        with path.open(encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        return {
            data["id"]: QueryHead(
                data["id"], tuple((id, score) for id, score in data["hits"]), data["place"]
            )
            for data in records
        }


def is_run(path: Path) -> bool:
    """Return whether a folder is a run's."""
    return (path / MANIFEST).is_file()


def read_run(folder: Path | str) -> Run:
    """Read a run's folder.

    Raises ``NotFoundError`` when it holds no run or no finished variant, ``RecordError`` for files
    that cannot be understood.
    """
    folder = Path(folder)
    hint = "Make one first: stitch bench run DATASET --root … --out RUN"
    if not is_run(folder):
        raise NotFoundError(f"{folder} holds no run ({MANIFEST} is missing).", hint=hint)
    manifest = parse_json((folder / MANIFEST).read_bytes(), str(folder / MANIFEST))
    order = {"main": 0, "control": 1, "ablation": 2, "sweep": 3}
    results = []
    for file in sorted((folder / VARIANTS).glob("*/metrics.json")):
        try:
            results.append(VariantResult.from_dict(parse_json(file.read_bytes(), str(file))))
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{file} cannot be understood: {error}.", hint=hint) from error
    listed = [variant.get("name") for variant in manifest.get("variants", ())]
    results.sort(
        key=lambda result: (
            order.get(result.role, 9),
            listed.index(result.name) if result.name in listed else len(listed),
        )
    )
    variants = {result.name: result for result in results}
    if "main" not in variants:
        raise NotFoundError(
            f"The run {folder} has no finished results yet.",
            hint="Run the same stitch bench run again: it resumes.",
        )
    return Run(folder, manifest, variants)


def composed_queries(folder: Path | str) -> frozenset[str]:
    """Return the ids of the queries that the run of a folder has composed; none where it is new."""
    return frozenset(id for id, _ in read_compositions(Path(folder) / COMPOSITIONS))


def read_compositions(path: Path) -> Iterator[tuple[str, Composition]]:
    """Yield (query id, composition) of every whole line; a last line cut short is left out.

    Raises ``RecordError`` for any other line that cannot be understood.
    """
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line break is unfinished
        try:
            data = json.loads(line)
            yield data["id"], Composition.from_dict(data["composition"])
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{path}:{number} cannot be understood: {error}.",
                hint="Delete the run's folder and run it again.",
            ) from error


def is_written(run: Path, variant: str) -> bool:
    """Return whether a variant of a run has its results."""
    return (run / VARIANTS / variant / "metrics.json").is_file()


def write_variant(
    run: Path,
    result: VariantResult,
    predictions: Mapping[str, Any],
    subset: Mapping[str, Any] | None,
    heads: Iterable[QueryHead],
) -> None:
    """Write one variant's folder, whole or not at all."""
    folder = run / VARIANTS / result.name
    scratch = folder.with_name(f".{result.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    write_json(scratch / PREDICTION_FILES[0], predictions, indent=None)
    if subset is not None:
        write_json(scratch / PREDICTION_FILES[1], subset, indent=None)
    with (scratch / "top.jsonl").open("w", encoding="utf-8") as out:
        for head in heads:
            hits = [[id, round(score, 6)] for id, score in head.hits]
            line = {"id": head.id, "hits": hits, "place": head.rank}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    write_json(scratch / "metrics.json", result.to_dict(), indent=None)
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)


def write_json(path: Path, data: Any, *, indent: int | None = 1) -> None:
    """Write a JSON file beside its path, then rename it into place."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(data, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    part.replace(path)
