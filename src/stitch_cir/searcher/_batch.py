"""Composing many queries: side by side, in order, and priced before they start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir._hints import missing_file_hint
from stitch_cir.chat import Estimate
from stitch_cir.composers import Composer, Composition, CostEstimator
from stitch_cir.errors import (
    CacheError,
    EndpointError,
    ImageError,
    NotFoundError,
    QueryError,
    RecordError,
    StitchError,
)
from stitch_cir.gallery import Gallery
from stitch_cir.searcher._query import look_at
from stitch_cir.searcher._search import nothing_asked, required_image_side

__all__ = ["Composed", "Wish", "compose_many", "estimate_many", "read_wishes"]

_EXPECTED = (
    'Expected is one JSON object a line, such as {"reference": "a.jpg", "modification": "in red"}; '
    "reference may be null, id may be added."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A query to be composed: a reference (gallery id or path, or none) and a modification."""

    reference: str | None
    modification: str
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """What became of a wish: a composition, or the error that concerns this wish alone."""

    wish: Wish
    composition: Composition | None = None
    error: StitchError | None = None


def read_wishes(path: Path | str) -> list[Wish]:
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
    wishes = [_wish(line, f"{source}:{n}") for n, line in enumerate(lines, 1) if line.strip()]
    if not wishes:
        raise RecordError(f"{source} holds no query.", hint=_EXPECTED)
    return wishes


def _wish(line: bytes, where: str) -> Wish:
    try:
        data: Any = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not JSON ({error}).", hint=_EXPECTED) from error
    if not isinstance(data, dict):
        raise RecordError(f"{where}: a JSON object is expected.", hint=_EXPECTED)
    unknown = set(data) - {"reference", "modification", "text", "id"}
    reference, id = data.get("reference"), data.get("id")
    text = data.get("modification", data.get("text"))
    if unknown:
        raise RecordError(f"{where}: unknown key {sorted(unknown)[0]!r}.", hint=_EXPECTED)
    if not isinstance(text, str) or not isinstance(reference, (str, type(None))):
        raise RecordError(f"{where}: reference and modification must be texts.", hint=_EXPECTED)
    if not isinstance(id, (str, int, type(None))):
        raise RecordError(f"{where}: id must be a text or a number.", hint=_EXPECTED)
    return Wish(reference, text, id)


def compose_many(
    gallery: Gallery,
    wishes: Sequence[Wish],
    composer: Composer,
    count: int,
    *,
    concurrency: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Composed]:
    """Compose ``count`` captions for every wish, ``concurrency`` at a time, in the wishes' order.

    A wish that cannot be composed (no such reference, a broken picture, nothing to say) carries its
    error; what concerns all of them (no key, end point unreachable, cache broken) is raised. With a
    cache, a run that was stopped goes on where it was. ``progress`` is told (done, of how many).
    """
    waiting: list[Future[Composed]] = []
    tell = progress or (lambda done, total: None)
    pool = ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="compose")
    try:
        # a bounded look-ahead: pictures of later wishes are not held in memory
        upcoming = iter(wishes)
        for wish in upcoming:
            waiting.append(pool.submit(_compose, gallery, wish, composer, count))
            if len(waiting) >= 2 * concurrency:
                break
        done = 0
        while waiting:
            result = waiting.pop(0).result()
            following = next(upcoming, None)
            if following is not None:
                waiting.append(pool.submit(_compose, gallery, following, composer, count))
            done += 1
            tell(done, len(wishes))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def estimate_many(
    gallery: Gallery,
    wishes: Sequence[Wish],
    composer: Composer,
    count: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Estimate, list[Composed]]:
    """Say what :func:`compose_many` would cost, and which wishes could not be composed.

    A composer without models costs nothing. Nothing is asked of any model.
    """
    total, failed = Estimate(), []
    for number, wish in enumerate(wishes, 1):
        try:
            if isinstance(composer, CostEstimator):
                seen = look_at(gallery, wish.reference, side=required_image_side(composer))
                known = None if seen is None else seen.describe(gallery)
                total += composer.estimate(known, wish.modification, count)
            else:
                total += Estimate(queries=1)
        except (QueryError, NotFoundError, ImageError) as error:
            failed.append(Composed(wish, error=error))
        if progress is not None:
            progress(number, len(wishes))
    return total, failed


def _compose(gallery: Gallery, wish: Wish, composer: Composer, count: int) -> Composed:
    try:
        seen = look_at(gallery, wish.reference, side=required_image_side(composer))
        if seen is None and not wish.modification.strip():
            raise nothing_asked()
        known = None if seen is None else seen.describe(gallery)
        return Composed(wish, composer.compose(known, wish.modification, count))
    except (EndpointError, CacheError):
        raise
    except (QueryError, NotFoundError, ImageError) as error:
        return Composed(wish, error=error)
