"""A run on disk: what shaped it, what was composed, and every variant's predictions and figures.

::

    RUN/
      manifest.json            everything that shaped the run, counts, notes, times
      compositions.jsonl       a line a query: {"id": …, "composition": {…}}
      galleries/…              the indexed pictures or captions (may be deleted, is made anew)
      variants/NAME/           one way of searching with the same encoded queries
        predictions.json       ranked ids by query, in the data set's published form
        predictions-subset.json   CIRR only: the ranking of each query's five look-alikes
        top.jsonl              a line a query: the ten best, the first right answer's place
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
from numpy.typing import NDArray

from stitch_cir.benchmarks._compare import Interval, intervals
from stitch_cir.benchmarks._files import PREDICTION_FILES, VARIANTS, parse_json
from stitch_cir.benchmarks._score import Scores
from stitch_cir.composers import Composition
from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["Run", "Top", "VariantResult", "read_run", "write_json", "write_variant"]

MANIFEST, COMPOSITIONS = "manifest.json", "compositions.jsonl"


@dataclass(frozen=True, slots=True)
class Top:
    """The head of one query's ranking.

    ``hits``: the (at most ten) best as (gallery id, score in [−2, 2]); ``place``: the 1-based place
    of the first right answer in the whole ranking, None where the answers are not public or the
    answer is not in the gallery.
    """

    id: str
    hits: tuple[tuple[str, float], ...]
    place: int | None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """One way of searching and its figures.

    ``role`` is ``"main"``, ``"control"``, ``"ablation"`` or ``"sweep"``; ``settings`` what this
    variant changes or fixes (query, transition, alpha, scorer, tau, …). ``headline`` and ``tasks``
    are in percent; ``values`` are per query, fractions, by task and metric in the order of ``ids``.
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
    values: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)

    def with_scores(self, scores: Scores) -> VariantResult:
        """Give the same variant with its figures."""
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
        )

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data, the per-query values included."""
        return {
            "name": self.name,
            "role": self.role,
            "label": self.label,
            "settings": dict(self.settings),
            "headline": dict(self.headline),
            "intervals": {name: asdict(span) for name, span in self.intervals.items()},
            "kinds": {name: list(found) for name, found in self.kinds.items()},
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "ids": {task: list(own) for task, own in self.ids.items()},
            "values": {
                task: {name: own.tolist() for name, own in metrics.items()}
                for task, metrics in self.values.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> VariantResult:
        """Read what :meth:`to_dict` gave; ``KeyError``, ``TypeError`` or ``ValueError`` if odd."""
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
            ids={task: tuple(own) for task, own in data["ids"].items()},
            values={
                task: {name: np.asarray(own, dtype=np.float64) for name, own in metrics.items()}
                for task, metrics in data["values"].items()
            },
        )


@dataclass(frozen=True, slots=True)
class Run:
    """A run read back: its manifest and the figures of its variants, the main one first."""

    folder: Path
    manifest: Mapping[str, Any]
    variants: Mapping[str, VariantResult]

    @property
    def main(self) -> VariantResult:
        """The variant with the settings that were asked for."""
        return self.variants["main"]

    @property
    def title(self) -> str:
        """Name of the run's folder."""
        return self.folder.resolve().name

    def compositions(self) -> dict[str, Composition]:
        """Give what was composed for every query, by id."""
        return dict(read_compositions(self.folder / COMPOSITIONS))

    def top(self, variant: str = "main") -> dict[str, Top]:
        """Give the head of every query's ranking, by id."""
        path = self.folder / VARIANTS / variant / "top.jsonl"
        with path.open(encoding="utf-8") as lines:
            found = (json.loads(line) for line in lines)
            return {
                data["id"]: Top(data["id"], tuple((id, s) for id, s in data["hits"]), data["place"])
                for data in found
            }


def read_run(folder: Path | str) -> Run:
    """Read a run's folder.

    Raises ``NotFoundError`` when it holds no run or no finished variant, ``RecordError`` for files
    that cannot be understood.
    """
    place = Path(folder)
    hint = "Make one first: stitch bench run DATASET --root … --out RUN"
    if not (place / MANIFEST).is_file():
        raise NotFoundError(f"{place} holds no run ({MANIFEST} is missing).", hint=hint)
    manifest = parse_json((place / MANIFEST).read_bytes(), str(place / MANIFEST))
    order = {"main": 0, "control": 1, "ablation": 2, "sweep": 3}
    found = []
    for own in sorted((place / VARIANTS).glob("*/metrics.json")):
        try:
            found.append(VariantResult.from_dict(parse_json(own.read_bytes(), str(own))))
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(f"{own} cannot be understood: {error}.", hint=hint) from error
    listed = [one.get("name") for one in manifest.get("variants", ())]
    found.sort(
        key=lambda one: (
            order.get(one.role, 9),
            listed.index(one.name) if one.name in listed else len(listed),
        )
    )
    variants = {one.name: one for one in found}
    if "main" not in variants:
        raise NotFoundError(
            f"The run {place} has no finished results yet.",
            hint="Run the same stitch bench run again: it goes on where it was.",
        )
    return Run(place, manifest, variants)


def read_compositions(path: Path) -> Iterator[tuple[str, Composition]]:
    """Give (query id, composition) of every whole line; a last line cut short is left out.

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


def write_variant(
    run: Path,
    result: VariantResult,
    predictions: Mapping[str, Any],
    subset: Mapping[str, Any] | None,
    tops: Iterable[Top],
) -> None:
    """Write one variant's folder, whole or not at all."""
    place = run / VARIANTS / result.name
    scratch = place.with_name(f".{result.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    write_json(scratch / PREDICTION_FILES[0], predictions, indent=None)
    if subset is not None:
        write_json(scratch / PREDICTION_FILES[1], subset, indent=None)
    with (scratch / "top.jsonl").open("w", encoding="utf-8") as out:
        for top in tops:
            hits = [[id, round(score, 6)] for id, score in top.hits]
            line = {"id": top.id, "hits": hits, "place": top.place}
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    write_json(scratch / "metrics.json", result.to_dict(), indent=None)
    shutil.rmtree(place, ignore_errors=True)
    scratch.rename(place)


def write_json(path: Path, data: Any, *, indent: int | None = 1) -> None:
    """Write a JSON file through a neighbour and a rename."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(data, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    part.replace(path)
