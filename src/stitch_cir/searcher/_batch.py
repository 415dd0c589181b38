"""Many queries: read from a file, answered concurrently in their order, priced beforehand."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stitch_cir._hints import missing_file_hint
from stitch_cir.chat import Estimate
from stitch_cir.composers import (
    Composer,
    Composition,
    Conversation,
    CostEstimator,
    estimate_conversation,
    join_names,
)
from stitch_cir.errors import (
    CacheError,
    EndpointError,
    ImageError,
    NotFoundError,
    QueryError,
    RecordError,
    StitchError,
)
from stitch_cir.searcher._query import Query, weighted
from stitch_cir.searcher._reference import References
from stitch_cir.searcher._results import Results

if TYPE_CHECKING:
    from stitch_cir.searcher._searcher import Searcher

__all__ = ["ComposeOutcome", "ComposeRequest", "SearchOutcome", "estimate_cost", "read_requests"]

_EXPECTED = (
    'Expected is one JSON object a line, such as {"reference": "a.jpg", "modification": "in red"}; '
    "reference may be null; id, object, references and turns (lists of texts) may be added."
)
Progress = Callable[[int, int], None]
In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """A query to be composed as a file has it: it may turn out to be none."""

    references: References
    modification: str
    id: str | int | None = None
    object: str = ""
    turns: Sequence[str] = ()

    @property
    def name(self) -> str | None:
        """What names its references in a file of compositions; ``None`` without one."""
        images = [each.image for each in weighted(self.references)]
        return join_names([str(image) for image in images if image is not None])

    def query(self) -> Query:
        """Return the query. Raises ``QueryError`` where there is nothing to search for."""
        return Query(self.references, self.modification, object=self.object, turns=self.turns)


@dataclass(frozen=True, slots=True)
class ComposeOutcome:
    """The composition of a request, or the error that concerns this request alone."""

    request: ComposeRequest
    composition: Composition | None = None
    error: StitchError | None = None


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The results of a query, or the error that concerns this query alone."""

    query: Query
    results: Results | None = None
    error: StitchError | None = None


def read_requests(path: Path | str) -> list[ComposeRequest]:
    """Read queries from a JSONL file; ``text`` stands for ``modification`` as well.

    Raises ``NotFoundError`` without such a file, ``RecordError`` naming the first bad line.
    """
    source = Path(path)
    try:
        lines = source.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise NotFoundError(
            f"The queries {source} cannot be read: {error.strerror}.",
            hint=missing_file_hint(source, _EXPECTED),
        ) from error
    requests = [_request(line, f"{source}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not requests:
        raise RecordError(f"{source} holds no query.", hint=_EXPECTED)
    return requests


def _request(line: bytes, where: str) -> ComposeRequest:
    try:
        data: Any = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not JSON ({error}).", hint=_EXPECTED) from error
    if not isinstance(data, dict):
        raise RecordError(f"{where}: a JSON object is expected.", hint=_EXPECTED)
    unknown = set(data) - {
        "reference", "references", "modification", "text", "id", "object", "turns"
    }  # fmt: skip
    reference, id, name = data.get("reference"), data.get("id"), data.get("object", "")
    text = data.get("modification", data.get("text"))
    if unknown:
        raise RecordError(f"{where}: unknown key {sorted(unknown)[0]!r}.", hint=_EXPECTED)
    if not isinstance(text, str) or not isinstance(reference, (str, type(None))):
        raise RecordError(f"{where}: reference and modification must be texts.", hint=_EXPECTED)
    if not isinstance(id, (str, int, type(None))):
        raise RecordError(f"{where}: id must be a text or a number.", hint=_EXPECTED)
    if not isinstance(name, str):
        raise RecordError(f"{where}: object must be a text.", hint=_EXPECTED)
    references, turns = data.get("references", []), data.get("turns", [])
    for key, texts in (("references", references), ("turns", turns)):
        if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
            raise RecordError(f"{where}: {key} must be a list of texts.", hint=_EXPECTED)
    if references and reference is not None:
        raise RecordError(f"{where}: reference and references exclude each other.", hint=_EXPECTED)
    return ComposeRequest(tuple(references) or reference, text, id, name, tuple(turns))


def compose_in_order(
    searcher: Searcher,
    requests: Sequence[ComposeRequest],
    concurrency: int,
    progress: Progress | None,
) -> Iterator[ComposeOutcome]:
    """Yield what :meth:`Searcher.compose_many` yields."""

    def compose(request: ComposeRequest) -> ComposeOutcome:
        result = _unless_refused(lambda: searcher.compose(request.query()))
        if isinstance(result, StitchError):
            return ComposeOutcome(request, error=result)
        return ComposeOutcome(request, result)

    return _in_order(compose, requests, concurrency, progress)


def search_in_order(
    searcher: Searcher, queries: Sequence[Query], concurrency: int, progress: Progress | None
) -> Iterator[SearchOutcome]:
    """Yield what :meth:`Searcher.search_many` yields."""

    def search(query: Query) -> SearchOutcome:
        result = _unless_refused(lambda: searcher.search(query))
        if isinstance(result, StitchError):
            return SearchOutcome(query, error=result)
        return SearchOutcome(query, result)

    return _in_order(search, queries, concurrency, progress)


def estimate_requests(
    searcher: Searcher, requests: Sequence[ComposeRequest], progress: Progress | None
) -> tuple[Estimate, list[ComposeOutcome]]:
    """Return what :meth:`Searcher.estimate_cost` returns."""

    def describe(request: ComposeRequest) -> Conversation:
        return searcher.describe(request.query())

    total, errors = estimate_cost(
        searcher.composer, searcher.settings.num_captions, requests, describe, progress
    )
    failed = [ComposeOutcome(requests[number], error=error) for number, error in errors.items()]
    return total, failed


def estimate_cost(
    composer: Composer,
    num_captions: int,
    items: Sequence[In],
    describe: Callable[[In], Conversation],
    progress: Progress | None = None,
) -> tuple[Estimate, dict[int, StitchError]]:
    """Return what composing all items would cost, and by number why some cannot be composed.

    ``describe`` returns an item's references and texts; it is called only for a composer that
    uses a model, and may raise. No model is called.
    """
    if not isinstance(composer, CostEstimator):
        return Estimate(queries=len(items)), {}
    total, errors = Estimate(), {}
    for number, item in enumerate(items):

        def estimate(item: In = item) -> Estimate:
            return estimate_conversation(composer, describe(item), num_captions)

        result = _unless_refused(estimate)
        if isinstance(result, StitchError):
            errors[number] = result
        else:
            total += result
        if progress is not None:
            progress(number + 1, len(items))
    return total, errors


def _unless_refused(answer: Callable[[], Out]) -> Out | StitchError:
    """Return the answer, or the error that concerns this one query and not those after it."""
    try:
        return answer()
    except (EndpointError, CacheError):
        raise
    except (QueryError, NotFoundError, ImageError) as error:
        return error


def _in_order(
    answer: Callable[[In], Out],
    items: Sequence[In],
    concurrency: int,
    progress: Progress | None,
) -> Iterator[Out]:
    """Yield the answers in the order of ``items``, ``concurrency`` of them computed at a time."""
    pool = ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="query")
    try:
        # a bounded look-ahead: images of later queries are not held in memory
        upcoming = iter(items)
        first = islice(upcoming, max(1, 2 * concurrency))
        pending: deque[Future[Out]] = deque(pool.submit(answer, item) for item in first)
        done = 0
        while pending:
            result = pending.popleft().result()
            pending.extend(pool.submit(answer, item) for item in islice(upcoming, 1))
            done += 1
            if progress is not None:
                progress(done, len(items))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
