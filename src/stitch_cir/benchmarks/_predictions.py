"""Prediction files: reading every form, and refusing what no metric should be computed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.datasets import Benchmark, DataSet, parse_json
from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["PREDICTION_FILES", "VARIANTS", "Predictions", "prediction_data", "read_predictions"]

VARIANTS = "variants"
"""The folder of a run that holds a folder for each way of searching."""
PREDICTION_FILES = ("predictions.json", "predictions-subset.json")
"""Of one way of searching: the rankings, and those of each query's subset (CIRR)."""
SUBSET = "recall_subset"
"""What a prediction file of subset rankings calls its metric."""
_FORM = 'Expected is {"<query id>": [image ids, best first], …}, as CIRCO and CIRR publish it.'


@dataclass(frozen=True, slots=True)
class Predictions:
    """Ranked ids by query. ``subset`` holds separate rankings of each query's subset (CIRR).

    ``missing`` are queries without a prediction, which count as misses; ``notes`` name whatever
    else was out of the ordinary.
    """

    ranked: dict[str, tuple[str, ...]]
    subset: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def of(self, benchmark: Benchmark, *, allow_missing: bool = False) -> Predictions:
        """Return the predictions of a part of the queries that they were checked for.

        Raises ``RecordError`` for a query of it without a prediction, unless ``allow_missing``.
        """
        missing = tuple(id for id in self.missing if id in benchmark.queries)
        if missing and not allow_missing:
            raise _without_prediction(missing, len(benchmark.queries))
        if len(missing) == len(self.missing):
            return self
        notes = (*_misses(missing), *self.notes[1:])
        return Predictions(self.ranked, self.subset, missing, notes)


def prediction_data(
    dataset: DataSet, metric: str, lists: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return rankings in the data set's published form, JSON-ready. ``metric``: as in its files."""
    header = {**dataset.prediction_header, "metric": metric} if dataset.prediction_header else {}
    return {
        **header,
        **{id: [dataset.published_id(name) for name in names] for id, names in lists.items()},
    }


def read_predictions(
    benchmark: Benchmark, paths: Sequence[Path | str], *, allow_missing: bool = False
) -> Predictions:
    """Read one file, or CIRR's two (``metric`` says which is which), and check every id.

    The folder of a run stands for the predictions of its main ranking.

    Raises
    ------
    NotFoundError
        No such file.
    RecordError
        Not JSON, or of another form; a query or an image twice; unknown query or image ids; queries
        without prediction, unless ``allow_missing`` counts them as misses.
    """
    ranked: dict[str, tuple[str, ...]] = {}
    subset: dict[str, tuple[str, ...]] = {}
    for path in _files(paths):
        try:
            data = parse_json(path.read_bytes(), str(path))
        except OSError as error:
            raise NotFoundError(f"{path} cannot be read: {error.strerror}.", hint=_FORM) from error
        metric, lists = _parse(data, str(path))
        target = subset if metric == SUBSET else ranked
        if target:
            raise RecordError(f"{path} gives predictions of the kind {metric!r} a second time.")
        target.update(lists)
        _check(benchmark, lists, str(path), subset=metric == SUBSET)
    predicted = ranked or subset
    missing = tuple(id for id in benchmark.queries if id not in predicted)
    if missing and not allow_missing:
        raise _without_prediction(missing, len(benchmark.queries))
    return Predictions(ranked, subset, missing, _misses(missing))


def _misses(missing: Sequence[str]) -> tuple[str, ...]:
    """Return a note on the queries without a prediction; none where all have one."""
    if not missing:
        return ()
    each = "counts as a miss" if len(missing) == 1 else "count as misses"
    return (f"{counted(len(missing), 'query')} without a prediction {each}.",)


def _without_prediction(missing: Sequence[str], count: int) -> RecordError:
    return RecordError(
        f"{len(missing)} of {count} queries have no prediction, first {missing[0]!r}.",
        hint="Add them, or count them as misses with --allow-missing.",
    )


def _files(paths: Sequence[Path | str]) -> Iterator[Path]:
    """Yield the prediction files, those of a run in the place of its folder."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        main = path / VARIANTS / "main"
        files = [main / name for name in PREDICTION_FILES if (main / name).is_file()]
        if not files:
            raise NotFoundError(
                f"The folder {path} holds no predictions.",
                hint="Give a prediction file, or the folder of a finished stitch bench run.",
            )
        yield from files


def _parse(data: Any, where: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Return what the file calls its metric, and its rankings by query."""
    if not isinstance(data, dict):
        raise RecordError(f"{where} holds no object.", hint=_FORM)
    metric = str(data.get("metric", "recall"))
    lists = {}
    for id, names in data.items():
        if id in ("version", "metric"):
            continue
        if not isinstance(names, list) or not all(
            isinstance(name, (str, int)) and not isinstance(name, bool) for name in names
        ):
            raise RecordError(f"{where}: the prediction of {id!r} is no list of ids.", hint=_FORM)
        lists[id] = tuple(str(name) for name in names)
    return metric, lists


def _check(
    benchmark: Benchmark, lists: dict[str, tuple[str, ...]], where: str, *, subset: bool
) -> None:
    """Raise ``RecordError`` for the first ranking that the protocol does not allow."""
    dataset, queries = benchmark.dataset, benchmark.queries
    grouped = subset or dataset.group_role == "gallery"
    galleries = {task.name: frozenset(task.gallery) for task in benchmark.tasks}
    for id, names in lists.items():
        if id not in queries:
            raise RecordError(
                f"{where}: {benchmark.name} {benchmark.split} has no query {id!r}.",
                hint="Check the split, and that ids are those of the annotations.",
            )
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise RecordError(f"{where}, query {id!r}: {repeated!r} is predicted twice.")
        task, query = queries[id]
        predicted = [id for id in query.references if id in names and id not in query.group]
        if predicted and not dataset.keep_reference:
            raise RecordError(
                f"{where}, query {id!r}: the reference {predicted[0]!r} is predicted.",
                hint=f"{benchmark.protocol}: remove it.",
            )
        candidates = frozenset(query.group) if grouped else galleries[task.name]
        unknown = [name for name in names if candidates and name not in candidates]
        if unknown:
            raise RecordError(
                f"{where}, query {id!r}: {unknown[0]!r} is not in its "
                f"{'own gallery' if grouped else 'gallery'} ({len(unknown)} such ids).",
                hint="Ids are names without folder and ending, as in the annotations.",
            )
