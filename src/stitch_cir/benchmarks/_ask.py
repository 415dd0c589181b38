"""From a benchmark's queries to vectors: composed once, encoded once, for every variant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._run_files import read_compositions
from stitch_cir.benchmarks._sources import Source
from stitch_cir.composers import Composer, Composition, Reference, TemplateComposer
from stitch_cir.encoders import DualEncoder, TextLimits
from stitch_cir.errors import ImageError, QueryError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.search import (
    Composed,
    Encoded,
    Wish,
    compose_many,
    query_texts,
)

__all__ = ["Asked", "compose_queries", "composer_failure", "encode_queries"]

TEXTS = 256
"""Texts encoded between two steps of progress."""
_TEXT_ALONE = "only the modification was searched with:"


@dataclass(frozen=True, slots=True)
class Asked:
    """One query made ready for every variant.

    ``encoded`` is None where there was nothing to compose from; ``row`` is the reference's row in
    its gallery, None where it has no vectors.
    """

    task: Task
    query: Query
    encoded: Encoded | None
    row: int | None


def compose_queries(
    benchmark: Benchmark,
    sources: Mapping[str, Source],
    composer: Composer,
    count: int,
    file: Path,
    *,
    concurrency: int = 4,
    progress: Progress | None = None,
) -> dict[str, Composition]:
    """Compose every query that ``file`` does not hold yet, and append it there at once.

    A query that cannot be composed (its picture is missing or cannot be read, the composer has
    nothing for it) is searched with its modification alone; the composition's notes say so and why.
    One without a modification either gets no captions.

    Raises ``EndpointError`` and ``CacheError``, which concern all queries; what was composed stays.
    Raises ``QueryError`` when the composer could compose none of the queries: a run in which it had
    no part must not carry its name.
    """
    done = dict(read_compositions(file))
    _drop_unfinished_line(file)
    total = len(benchmark.queries)
    tell = progress or (lambda event: None)
    with file.open("a", encoding="utf-8") as out:
        for task in benchmark.tasks:
            open_queries = [query for query in task.queries if query.id not in done]
            made = _composed(task, open_queries, sources[task.name], composer, count, concurrency)
            for query, composition in made:
                line = {"id": query.id, "composition": composition.to_dict()}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                out.flush()
                done[query.id] = composition
                tell(ProgressEvent("composing", len(done), total))
    if done and all(composer_failure(composition) for composition in done.values()):
        # nothing of these is worth resuming from, and another composer may be tried here
        file.unlink()
        raise QueryError(
            f"The composer {composer.name} could compose none of the {len(done):,} queries: "
            f"{composer_failure(next(iter(done.values())))}",
            hint="Choose a composer that suits this gallery (--composer); a gallery of captions "
            "takes two-stage, recorded, template or verbatim.",
        )
    return done


def composer_failure(composition: Composition) -> str:
    """Return why the composer failed and the query is searched with by its text alone, else ""."""
    reasons = (note for note in composition.notes if note.startswith(_TEXT_ALONE))
    return next(reasons, "").removeprefix(_TEXT_ALONE).strip()


def _drop_unfinished_line(file: Path) -> None:
    """Take away what an interrupted run left after the last line break."""
    if file.is_file():
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with file.open("r+b") as stream:
                stream.truncate(whole)


def _composed(
    task: Task,
    queries: Sequence[Query],
    source: Source,
    composer: Composer,
    count: int,
    concurrency: int,
) -> Iterator[tuple[Query, Composition]]:
    seen = [query for query in queries if query.reference in source.rows]
    wishes = [Wish(source.names[query.reference], query.text, query.id) for query in seen]
    made = compose_many(source.gallery, wishes, composer, count, concurrency=concurrency)
    for query, found in zip(seen, made, strict=True):
        yield query, _or_text_alone(query, found, count)
    for query in queries:
        if query.reference in source.rows:
            continue
        # a recorded composition needs no picture; others make of the text what they can
        reference = Reference(source.names.get(query.reference, query.reference))
        wish = Wish(reference.id, query.text, query.id)
        why = source.missing.get(query.reference, "it is not in the gallery")
        try:
            composition = composer.compose(reference, query.text, count)
            note = f"the reference {query.reference} has no vectors ({why})"
            yield query, _noted(composition, note)
        except (QueryError, ImageError) as error:
            yield query, _or_text_alone(query, Composed(wish, error=error), count)


def _or_text_alone(query: Query, found: Composed, count: int) -> Composition:
    if found.composition is not None:
        return found.composition
    note = f"{_TEXT_ALONE} {found.error}"
    try:
        return _noted(TemplateComposer().compose(None, query.text, count), note)
    except QueryError as error:
        return Composition((), query.text, "none", notes=(note, str(error)))


def _noted(composition: Composition, note: str) -> Composition:
    data = composition.to_dict()
    return Composition.from_dict({**data, "notes": [*data["notes"], note]})


def encode_queries(
    benchmark: Benchmark,
    sources: Mapping[str, Source],
    compositions: Mapping[str, Composition],
    encoder: DualEncoder,
    *,
    progress: Progress | None = None,
) -> tuple[list[Asked], list[str]]:
    """Encode every different text once; give the queries in the benchmark's order, and notes."""
    tell = progress or (lambda event: None)
    wanted: dict[str, int] = {}
    for _, query in benchmark.queries.values():
        composition = compositions[query.id]
        if composition.captions:
            for text in query_texts(composition, query.text.strip()):
                wanted.setdefault(text, len(wanted))
    texts = list(wanted)
    vectors = np.empty((len(texts), encoder.dim), np.float32)
    for start in range(0, len(texts), TEXTS):
        part = texts[start : start + TEXTS]
        vectors[start : start + len(part)] = encoder.encode_texts(part)
        tell(ProgressEvent("encoding texts", start + len(part), len(texts)))
    asked = []
    for task, query in benchmark.queries.values():
        source, composition = sources[task.name], compositions[query.id]
        row = source.rows.get(query.reference)
        encoded = None
        if composition.captions:
            text = query.text.strip()
            own = vectors[[wanted[one] for one in query_texts(composition, text)]]
            image = _original_view(source, row)
            encoded = Encoded.of(composition, query.reference, text, own, image)
        asked.append(Asked(task, query, encoded, row))
    return asked, _cut_texts(encoder, texts)


def _original_view(source: Source, row: int | None) -> NDArray[np.float32] | None:
    """Give the vector of the reference's whole picture, which some transitions move."""
    if row is None:
        return None
    matrix = source.gallery.matrix()
    first = int(matrix.offsets[row])
    return np.array(matrix.vectors[first]) if matrix.kinds[first] == 0 else None


def _cut_texts(encoder: DualEncoder, texts: Sequence[str]) -> list[str]:
    if not isinstance(encoder, TextLimits) or not texts:
        return []
    cut = sum(count > encoder.context_length for count in encoder.count_tokens(texts))
    if not cut:
        return []
    return [
        f"{cut:,} of {len(texts):,} texts were cut: {encoder.name} reads "
        f"{encoder.context_length} tokens."
    ]
