"""What composing a benchmark would cost, from its annotations alone: no image is opened."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from PIL import Image

from stitch_cir._hints import counted
from stitch_cir.chat import Estimate
from stitch_cir.composers import Composer, Conversation, Reference, required_image_side
from stitch_cir.concepts import Concept
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task
from stitch_cir.encoders import ConceptReader, DualEncoder
from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.searcher import estimate_cost

__all__ = ["estimate_benchmark_cost"]


def estimate_benchmark_cost(
    benchmark: Benchmark,
    *,
    encoder: DualEncoder,
    composer: Composer,
    count: int,
    composed: Collection[str] = (),
    progress: Progress | None = None,
) -> tuple[Estimate, tuple[str, ...]]:
    """Return what composing all queries would request from models, and what it leaves out.

    No image is opened, no gallery is made, and no model is called: every reference counts as an
    image of the largest size that is sent, and answers about it that are in the cache already count
    as requests. ``count`` captions are composed for each query, except for the ids in ``composed``.

    Raises ``NotFoundError`` or ``QueryError`` with the first reason when no query at all can be
    composed by this composer.
    """
    queries = [pair for id, pair in benchmark.queries.items() if id not in composed]
    side = max(encoder.decode_side, required_image_side(composer), 1)
    unopened = Image.new("RGB", (side, side))

    @cache
    def concepts() -> tuple[Concept, ...]:
        return encoder.read_concepts([unopened])[0] if isinstance(encoder, ConceptReader) else ()

    def describe(item: tuple[Task, BenchmarkQuery]) -> Conversation:
        task, query = item
        id, texts = query.reference, tuple(filter(None, [query.text.strip()]))
        if task.captions:
            return Conversation((Reference(id, captions=task.captions.get(id, ())),), texts)
        path = task.images / task.files.get(id, id)
        if not path.is_file():
            raise NotFoundError(
                f"The reference image {path} cannot be read: there is no such file.",
                hint="See what is expected where: stitch bench check.",
            )
        # a name in the place of the content's hash, which only opening the file would give
        reference = Reference(id, unopened, concepts=concepts(), content=f"not opened: {path}")
        return Conversation((reference,), texts)

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
        f"{len(failures):,} of {counted(len(queries), 'query')} are not in this price: "
        f"{composer.name} cannot compose them, first: {failures[0]}"
    )
    return total, (note,)
