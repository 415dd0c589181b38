"""From a benchmark's queries to vectors: composed once, encoded once, for every variant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._run_files import read_compositions
from stitch_cir.composers import Composer, Composition, Reference, VerbatimComposer
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task
from stitch_cir.encoders import DualEncoder, TextLimits
from stitch_cir.errors import ImageError, QueryError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import (
    Composed,
    Encoded,
    Wish,
    compose_many,
    query_texts,
)

__all__ = ["PreparedQuery", "compose_queries", "composer_failure", "encode_queries"]

TEXTS = 256
"""Texts encoded between two steps of progress."""
_TEXT_ALONE = "only the modification was searched with:"


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """One query, composed and encoded for every variant.

    ``encoded`` is None where there was nothing to compose from; ``row`` is the reference's row in
    its gallery, None where it has no vectors.
    """

    task: Task
    query: BenchmarkQuery
    encoded: Encoded | None
    row: int | None


def compose_queries(
    benchmark: Benchmark,
    galleries: Mapping[str, BenchmarkGallery],
    composer: Composer,
    count: int,
    file: Path,
    *,
    concurrency: int = 4,
    progress: Progress | None = None,
) -> dict[str, Composition]:
    """Compose every query that ``file`` does not hold yet, and append it there at once.

    A query that cannot be composed (its reference is missing or cannot be read, the composer has
    nothing for it) is searched with its modification alone; the composition's notes say so and why.
    Without a modification as well, it has no captions.

    Raises ``EndpointError`` and ``CacheError``, which concern all queries; what was composed stays.
    Raises ``QueryError`` when the composer could compose none of the queries: a run in which it had
    no part must not carry its name.
    """
    done = dict(read_compositions(file))
    _drop_unfinished_line(file)
    total = len(benchmark.queries)
    report = progress or (lambda event: None)
    with file.open("a", encoding="utf-8") as out:
        for task in benchmark.tasks:
            open_queries = [query for query in task.queries if query.id not in done]
            compositions = _compose_task(
                open_queries, galleries[task.name], composer, count, concurrency
            )
            for query, composition in compositions:
                line = {"id": query.id, "composition": composition.to_dict()}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                out.flush()
                done[query.id] = composition
                report(ProgressEvent("composing", len(done), total))
    if done and all(composer_failure(composition) for composition in done.values()):
        # nothing of these is worth resuming from, and another composer may be tried here
        file.unlink()
        raise QueryError(
            f"The composer {composer.name} could compose none of the {len(done):,} queries: "
            f"{composer_failure(next(iter(done.values())))}",
            hint="Choose a composer that suits this gallery (--composer); a gallery of captions "
            "takes two-stage, recorded or verbatim.",
        )
    return done


def composer_failure(composition: Composition) -> str:
    """Return why the composer failed and the query is searched with by its text alone, else ""."""
    reasons = (note for note in composition.notes if note.startswith(_TEXT_ALONE))
    return next(reasons, "").removeprefix(_TEXT_ALONE).strip()


def _drop_unfinished_line(file: Path) -> None:
    """Remove what an interrupted run left after the last line break."""
    if file.is_file():
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with file.open("r+b") as stream:
                stream.truncate(whole)


def _compose_task(
    queries: Sequence[BenchmarkQuery],
    gallery: BenchmarkGallery,
    composer: Composer,
    count: int,
    concurrency: int,
) -> Iterator[tuple[BenchmarkQuery, Composition]]:
    """Yield every query with its composition, those whose reference has no vectors last."""
    indexed = [query for query in queries if query.reference in gallery.rows]
    requests = [Wish(gallery.names[query.reference], query.text, query.id) for query in indexed]
    composed = compose_many(gallery.gallery, requests, composer, count, concurrency=concurrency)
    for query, outcome in zip(indexed, composed, strict=True):
        yield query, _or_text_alone(query, outcome, count)
    for query in queries:
        if query.reference in gallery.rows:
            continue
        # a recorded composition needs no image; other composers use what the text says
        reference = Reference(gallery.names.get(query.reference, query.reference))
        request = Wish(reference.id, query.text, query.id)
        why = gallery.missing.get(query.reference, "it is not in the gallery")
        try:
            composition = composer.compose(reference, query.text, count)
            note = f"the reference {query.reference} has no vectors ({why})"
            yield query, _noted(composition, note)
        except (QueryError, ImageError) as error:
            yield query, _or_text_alone(query, Composed(request, error=error), count)


def _or_text_alone(query: BenchmarkQuery, outcome: Composed, count: int) -> Composition:
    """Return the composition, or one of the modification alone that says why."""
    if outcome.composition is not None:
        return outcome.composition
    note = f"{_TEXT_ALONE} {outcome.error}"
    try:
        return _noted(VerbatimComposer().compose(None, query.text, count), note)
    except QueryError as error:
        return Composition((), query.text, "none", notes=(note, str(error)))


def _noted(composition: Composition, note: str) -> Composition:
    data = composition.to_dict()
    return Composition.from_dict({**data, "notes": [*data["notes"], note]})


def encode_queries(
    benchmark: Benchmark,
    galleries: Mapping[str, BenchmarkGallery],
    compositions: Mapping[str, Composition],
    encoder: DualEncoder,
    *,
    progress: Progress | None = None,
) -> tuple[list[PreparedQuery], list[str]]:
    """Encode every different text once; return the queries in the benchmark's order, and notes."""
    report = progress or (lambda event: None)
    number_of: dict[str, int] = {}
    for _, query in benchmark.queries.values():
        composition = compositions[query.id]
        if composition.captions:
            for text in query_texts(composition, query.text.strip()):
                number_of.setdefault(text, len(number_of))
    texts = list(number_of)
    vectors = np.empty((len(texts), encoder.dim), np.float32)
    for start in range(0, len(texts), TEXTS):
        part = texts[start : start + TEXTS]
        vectors[start : start + len(part)] = encoder.encode_texts(part)
        report(ProgressEvent("encoding texts", start + len(part), len(texts)))
    prepared = []
    for task, query in benchmark.queries.values():
        gallery, composition = galleries[task.name], compositions[query.id]
        row = gallery.rows.get(query.reference)
        encoded = None
        if composition.captions:
            modification = query.text.strip()
            numbers = [number_of[text] for text in query_texts(composition, modification)]
            image = _original_view(gallery, row)
            encoded = Encoded.of(
                composition, query.reference, modification, vectors[numbers], image
            )
        prepared.append(PreparedQuery(task, query, encoded, row))
    return prepared, _cut_texts(encoder, texts)


def _original_view(gallery: BenchmarkGallery, row: int | None) -> NDArray[np.float32] | None:
    """Return the vector of the whole reference image, which some transitions move: (d,)."""
    if row is None:
        return None
    matrix = gallery.gallery.matrix()
    first = int(matrix.offsets[row])
    return np.array(matrix.vectors[first]) if matrix.kinds[first] == 0 else None


def _cut_texts(encoder: DualEncoder, texts: Sequence[str]) -> list[str]:
    """Count the texts that are longer than the encoder reads, in a note."""
    if not isinstance(encoder, TextLimits) or not texts:
        return []
    cut = sum(count > encoder.context_length for count in encoder.count_tokens(texts))
    if not cut:
        return []
    return [
        f"{cut:,} of {len(texts):,} texts were cut: {encoder.name} reads "
        f"{encoder.context_length} tokens."
    ]
