"""Files that the servers of CIRCO and CIRR accept, checked before they are written."""

from __future__ import annotations

import json
from pathlib import Path

from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks._predictions import Predictions
from stitch_cir.errors import RecordError, SettingError

__all__ = ["write_submission"]

DEPTH, SUBSET = 50, 3


def write_submission(benchmark: Benchmark, predictions: Predictions, folder: Path) -> list[Path]:
    """Write CIRCO's one file or CIRR's two into ``folder``; give their paths.

    CIRCO: ``{"0": [50 ints], …}``. CIRR: ``version``, ``metric`` and names by pairid, 50 for the
    recall file and 3 for the subset's. Ids were checked when the predictions were read; here every
    query must have enough of them.

    Raises ``RecordError`` when a list is too short, ``SettingError`` for other data sets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if benchmark.name == "circo":
        lists = _cut(benchmark, predictions.ranked, DEPTH, "predictions")
        return [
            _write(
                folder / f"circo-{benchmark.split}.json",
                {id: [int(name) for name in names] for id, names in lists.items()},
            )
        ]
    if benchmark.name == "cirr":
        written = []
        for metric, given, depth in (
            ("recall", predictions.ranked, DEPTH),
            ("recall_subset", predictions.subset, SUBSET),
        ):
            lists = _cut(benchmark, given, depth, metric)
            data = {"version": "rc2", "metric": metric, **lists}
            written.append(_write(folder / f"cirr-{benchmark.split}-{metric}.json", data))
        return written
    raise SettingError(
        f"{benchmark.name} has no submission server.", hint="Score it: stitch bench score."
    )


def _cut(
    benchmark: Benchmark, given: dict[str, tuple[str, ...]], depth: int, what: str
) -> dict[str, list[str]]:
    lists = {}
    for id in benchmark.queries:
        names = given.get(id, ())
        if len(names) < depth:
            raise RecordError(
                f"Query {id!r} has {len(names)} {what}, the server wants {depth}.",
                hint="Run the whole split: stitch bench run, without --sample.",
            )
        lists[id] = list(names[:depth])
    return lists


def _write(path: Path, data: object) -> Path:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data), encoding="utf-8")
    part.replace(path)
    return path
