"""A second ground truth: SoFT's several targets a query (Jung et al., 2025).

It is for CIRR and FashionIQ. Its files ``cirr_multi_target_selection.json`` and ``dress_…``,
``shirt_…`` and ``toptee_multi_target_selection.json`` are read from the user's copy of
https://github.com/jjungyujin/SoFT (folder ``mt_pipeline/llm/multi_target_selection``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stitch_cir.datasets._circus import join_key
from stitch_cir.datasets._data import Benchmark, BenchmarkQuery
from stitch_cir.datasets._reader import parse_json
from stitch_cir.datasets.metrics import average_precisions, hits
from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["several_targets"]

_SOURCE = "https://github.com/jjungyujin/SoFT (mt_pipeline/llm/multi_target_selection)"
_METRICS = (*average_precisions(5, 10, 25, 50), *hits(1, 5, 10, 50))
_EXAMPLES = 3


def several_targets(benchmark: Benchmark, files: Path | str) -> Benchmark:
    """Return the queries that the files name, with the several right answers that they name.

    ``files`` is one of them, or their folder. The metrics are those of several answers: mAP@K, and
    hit@K, the share of queries with any right answer among the first K. The reference is no answer
    where the protocol removes it from the ranking; a query that has no other answer is left out.

    Raises ``NotFoundError`` where files are missing, ``RecordError`` for a file that cannot be
    understood, and for records that join no query.
    """
    paths = _find(Path(files))
    queries: dict[tuple[tuple[str, str], str | None], list[BenchmarkQuery]] = {}
    for _, query in benchmark.queries.values():
        key = (join_key(query.reference, query.text), query.target)
        queries.setdefault(key, []).append(query)
    digest, answered, unmatched, count = hashlib.sha256(), dict[str, BenchmarkQuery](), [], 0
    for path in paths:
        digest.update(path.read_bytes())
        for where, entry in _records(path):
            count += 1
            key = (join_key(entry["reference"], entry["text"]), entry["target"])
            if key not in queries:
                unmatched.append(f"{where}: {entry['reference']}, {entry['text']!r}")
            for query in queries.get(key, ()):
                answers = tuple(
                    id
                    for id in entry["answers"]
                    if benchmark.dataset.keep_reference or id != query.reference
                )
                if answers:
                    target = query.target if query.target in answers else answers[0]
                    answered[query.id] = replace(query, answers=answers, target=target)
    if unmatched:
        raise RecordError(
            f"{len(unmatched):,} of the {count:,} queries of SoFT are no queries of "
            f"{benchmark.name} {benchmark.split}: {'; '.join(unmatched[:_EXAMPLES])}.",
            hint="They join by reference, target and text: check data set, split and version.",
        )
    tasks = tuple(
        replace(task, queries=tuple(answered[q.id] for q in task.queries if q.id in answered))
        for task in benchmark.tasks
    )
    total = sum(len(query.answers) for query in answered.values())
    note = (
        f"Ground truth of SoFT: {len(answered):,} of {len(benchmark.queries):,} queries, "
        f"{total / max(1, len(answered)):.1f} right answers each; not that of the data set."
    )
    protocol = f"{benchmark.protocol}; SoFT's right answers"
    dataset = replace(
        benchmark.dataset,
        metrics=_METRICS,
        averages={},
        splits={**benchmark.dataset.splits, benchmark.split: protocol},
    )
    return replace(
        benchmark,
        dataset=dataset,
        tasks=tuple(task for task in tasks if task.queries),
        notes=(*benchmark.notes, note),
        selection={**benchmark.selection, "ground_truth": {"sha256": digest.hexdigest()}},
    )


def _find(files: Path) -> list[Path]:
    paths = [files] if files.is_file() else sorted(files.glob("*_multi_target_selection.json"))
    if not paths:
        raise NotFoundError(
            f"There is no {files / 'cirr_multi_target_selection.json'}.",
            hint=f"Take it from {_SOURCE}",
        )
    return paths


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where a record stands, and its reference, target, text and answers."""
    data = parse_json(path.read_bytes(), str(path))
    if not isinstance(data, list):
        raise RecordError(f"{path} holds no list of queries.", hint=f"Take it from {_SOURCE}")
    for number, entry in enumerate(data):
        where = f"{path.name}, entry {number}"
        try:
            texts, answers = entry["relative_captions"], entry["confidence_scores"]
            if not isinstance(answers, Mapping):
                raise TypeError("confidence_scores is no object")
            captions = [texts] if isinstance(texts, str) else texts
            cleaned = [" ".join(str(text).split()).rstrip(".") for text in captions]
            yield (
                where,
                {
                    "reference": str(entry["reference_image_name"]),
                    "target": str(entry["target_image_name"]),
                    "text": " and ".join(text for text in cleaned if text),
                    "answers": tuple(map(str, answers)),
                },
            )
        except (KeyError, TypeError) as error:
            raise RecordError(
                f"{path}, entry {number}, cannot be understood: {error}.",
                hint='Expected is {"reference_image_name": …, "confidence_scores": {…}, …}.',
            ) from error
