"""From a benchmark's queries to vectors: composed once, encoded once, for every variant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stitch_cir.benchmarks._galleries import BenchmarkGallery
from stitch_cir.benchmarks._run_files import read_compositions
from stitch_cir.benchmarks._spent import SessionCosts, read_costs
from stitch_cir.composers import Composer, Composition, Roles, VerbatimComposer
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task
from stitch_cir.encoders import (
    ComposedEncoder,
    DualEncoder,
    SumEncoder,
    TextLimits,
    too_long,
)
from stitch_cir.errors import QueryError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import (
    ComposedQuery,
    ComposeRequest,
    QueryFeatures,
    ResolvedReference,
    Searcher,
    SearchSettings,
    distinct_texts,
)

__all__ = ["PreparedQuery", "compose_queries", "composer_failure", "encode_benchmark"]

_TEXT_ALONE = "only the modification was searched with:"


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """One query, composed and encoded for every variant.

    ``features`` are None where there was nothing to compose from; ``row`` is the reference's row in
    its gallery, None where it has no vectors.
    """

    task: Task
    query: BenchmarkQuery
    features: QueryFeatures | None
    row: int | None


def compose_queries(
    benchmark: Benchmark,
    galleries: Mapping[str, BenchmarkGallery],
    composer: Composer,
    settings: SearchSettings,
    file: Path,
    *,
    concurrency: int = 4,
    progress: Progress | None = None,
) -> dict[str, Composition]:
    """Compose every query that ``file`` does not hold yet, and append it there at once.

    Each line counts what this session has cost so far.

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
    earlier = read_costs(file)["sessions"]
    costs = SessionCosts(composer, f"{file.parent.name}:{earlier + 1:.0f}")
    with file.open("a", encoding="utf-8") as out:
        for task in benchmark.tasks:
            open_queries = [query for query in task.queries if query.id not in done]
            gallery = galleries[task.name]
            searcher = Searcher(gallery.gallery, composer=composer, settings=settings)
            compositions = _compose_task(open_queries, gallery, searcher, concurrency)
            for query, composition in compositions:
                line = {
                    "id": query.id,
                    "composition": composition.to_dict(),
                    "spent": costs.read(),
                }
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
    searcher: Searcher,
    concurrency: int,
) -> Iterator[tuple[BenchmarkQuery, Composition]]:
    """Yield every query with its composition, those whose reference has no vectors last."""
    indexed = [query for query in queries if query.reference in gallery.rows]
    missing = [query for query in queries if query.reference not in gallery.rows]
    requests = [
        *(
            ComposeRequest(
                [gallery.names[id] for id in query.references if id in gallery.rows],
                query.text,
                query.id,
            )
            for query in indexed
        ),
        # a recorded composition needs no image; other composers use what the text says
        *(ComposeRequest(_by_name(query, gallery), query.text, query.id) for query in missing),
    ]
    outcomes = searcher.compose_many(requests, concurrency=concurrency)
    for query, outcome in zip((*indexed, *missing), outcomes, strict=True):
        composition = outcome.composition
        if composition is None:
            composition = _text_alone(query, f"{_TEXT_ALONE} {outcome.error}", searcher.settings)
        elif query.reference not in gallery.rows:
            why = gallery.missing.get(query.reference, "it is not in the gallery")
            note = f"the reference {query.reference} has no vectors ({why})"
            composition = replace(composition, notes=(*composition.notes, note))
        yield query, composition


def _by_name(query: BenchmarkQuery, gallery: BenchmarkGallery) -> ResolvedReference:
    """Return a reference of which nothing is known except its name."""
    return ResolvedReference(gallery.names.get(query.reference, query.reference))


def _text_alone(query: BenchmarkQuery, note: str, settings: SearchSettings) -> Composition:
    """Return a composition of the modification alone, with a note that says why."""
    try:
        composition = VerbatimComposer().compose(None, query.text, settings.num_captions)
    except QueryError as error:
        return Composition((), query.text, "none", notes=(note, str(error)))
    return replace(composition, notes=(*composition.notes, note))


def encode_benchmark(
    benchmark: Benchmark,
    galleries: Mapping[str, BenchmarkGallery],
    compositions: Mapping[str, Composition],
    settings: SearchSettings,
    *,
    composed: ComposedEncoder | None = None,
    text_encoder: DualEncoder | None = None,
    progress: Progress | None = None,
) -> tuple[list[PreparedQuery], list[str]]:
    """Encode a task's texts once each; return the queries in the benchmark's order, and notes.

    ``text_encoder`` encodes them in the place of the galleries' encoder; ``composed`` encodes
    references and texts together, beside the sum of their vectors.
    """
    report = progress or (lambda event: None)
    prepared: list[PreparedQuery] = []
    encoded: list[ComposedQuery] = []
    for task in benchmark.tasks:
        gallery = galleries[task.name]
        written = {
            query.id: ComposedQuery(
                gallery.references(query),
                query.text.strip(),
                compositions[query.id],
                roles=compositions[query.id].roles if settings.scores_roles else Roles(),
            )
            for query in task.queries
            if compositions[query.id].captions
        }
        together: list[ComposedEncoder] = [SumEncoder(gallery.gallery.encoder)]
        if composed is not None and composed.name != SumEncoder.name:
            together.append(composed)
        features = Searcher(gallery.gallery, settings=settings).encode_many(
            list(written.values()),
            composed=together,
            text_encoder=text_encoder,
            progress=lambda done, total: report(ProgressEvent("encoding texts", done, total)),
        )
        features_of = dict(zip(written, features, strict=True))
        encoded += written.values()
        prepared += [
            PreparedQuery(task, query, features_of.get(query.id), gallery.rows.get(query.reference))
            for query in task.queries
        ]
    encoder = next(iter(galleries.values())).gallery.encoder
    return prepared, _cut_texts(encoder, distinct_texts(encoded))


def _cut_texts(encoder: DualEncoder, texts: Sequence[str]) -> list[str]:
    """Count the texts that are longer than the encoder reads, in a note."""
    cut = too_long(encoder, texts)
    if not cut or not isinstance(encoder, TextLimits):
        return []
    return [
        f"{len(cut):,} of {len(texts):,} texts were cut: {encoder.name} reads "
        f"{encoder.context_length} tokens."
    ]
