"""What composing a benchmark would cost, from its references alone: nothing is indexed."""

from __future__ import annotations

import io
from pathlib import Path

from stitch_cir.benchmarks._galleries import cut_region
from stitch_cir.chat import Estimate
from stitch_cir.composers import Composer, Conversation, Reference, required_image_side
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task
from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import ResolvedReference, estimate_cost

__all__ = ["estimate_benchmark_cost"]


def estimate_benchmark_cost(
    benchmark: Benchmark,
    *,
    encoder: DualEncoder,
    composer: Composer,
    count: int,
    progress: Progress | None = None,
) -> tuple[Estimate, tuple[str, ...]]:
    """Return what composing all queries would request from models, and what it leaves out.

    Only the references are opened, and only for a composer that uses a model; no gallery is made,
    and no model is called. ``count`` captions are composed for each query.

    Raises ``NotFoundError`` or ``QueryError`` with the first reason when no query at all can be
    composed by this composer.
    """
    queries = list(benchmark.queries.values())
    side = max(encoder.decode_side, required_image_side(composer))

    def describe(item: tuple[Task, BenchmarkQuery]) -> Conversation:
        task, query = item
        reference = _reference(task, query, encoder, side)
        return Conversation((reference,), tuple(filter(None, [query.text.strip()])))

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(ProgressEvent("pricing", done, total))

    total, errors = estimate_cost(composer, count, queries, describe, report)
    failures = list(errors.values())
    if not failures:
        return total, ()
    if len(failures) == len(queries):
        raise failures[0]
    note = (
        f"{len(failures):,} of {len(queries):,} queries are not in this price: {composer.name} "
        f"cannot compose them, first: {failures[0]}"
    )
    return total, (note,)


def _reference(task: Task, query: BenchmarkQuery, encoder: DualEncoder, side: int) -> Reference:
    """Return the reference as a composer receives it once the gallery is indexed.

    Raises ``NotFoundError`` or ``ImageError`` where its image cannot be read.
    """
    id = query.reference
    if task.captions:
        return ResolvedReference(id).described_by(encoder, task.captions.get(id, ()))
    content = _content(task, id, task.images / task.files.get(id, id))
    return ResolvedReference.of_file(id, content, side=side).described_by(encoder)


def _content(task: Task, id: str, path: Path) -> bytes:
    """Return the bytes of the reference's file, or of the file its region will be cut into."""
    box = task.boxes.get(id)
    if box is not None:
        stream = io.BytesIO()
        cut_region(path, box).save(stream, "PNG")
        return stream.getvalue()
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The reference image {path} cannot be read: {error.strerror}.",
            hint="See what is expected where: stitch bench check.",
        ) from error
