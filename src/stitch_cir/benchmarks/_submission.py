"""Files that the data sets' servers accept, checked before they are written."""

from __future__ import annotations

import json
from pathlib import Path

from stitch_cir.benchmarks._predictions import SUBSET, Predictions, prediction_data
from stitch_cir.datasets import Benchmark, SubmissionFile
from stitch_cir.errors import RecordError, SettingError

__all__ = ["write_submission"]


def write_submission(benchmark: Benchmark, predictions: Predictions, folder: Path) -> list[Path]:
    """Write the files that the data set's server accepts into ``folder``; return their paths.

    CIRCO: ``{"0": [50 ints], …}``. CIRR: ``version``, ``metric`` and names by pairid, 50 for the
    recall file and 3 for the subset's. Ids were checked when the predictions were read; here every
    query must have enough of them.

    Raises ``RecordError`` when a list is too short, ``SettingError`` where there is no server.
    """
    dataset = benchmark.dataset
    if not dataset.submission:
        raise SettingError(
            f"{benchmark.name} has no submission server.", hint="Score it: stitch bench score."
        )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file in dataset.submission:
        data = prediction_data(dataset, file.metric, _cut(benchmark, predictions, file))
        path = folder / file.name.format(split=benchmark.split)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(data), encoding="utf-8")
        part.replace(path)
        written.append(path)
    return written


def _cut(
    benchmark: Benchmark, predictions: Predictions, file: SubmissionFile
) -> dict[str, tuple[str, ...]]:
    """Cut every query's ranking to the file's depth; a shorter one is an error."""
    lists = predictions.subset if file.metric == SUBSET else predictions.ranked
    for id in benchmark.queries:
        count = len(lists.get(id, ()))
        if count < file.depth:
            raise RecordError(
                f"Query {id!r} has {count} {file.unit}, the server wants {file.depth}.",
                hint="Run the whole split: stitch bench run, without --sample.",
            )
    return {id: lists[id][: file.depth] for id in benchmark.queries}
