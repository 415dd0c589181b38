"""What goes between routers and shards, as bytes: packed once for all shards, and quickly.

Ray's own pickling asks Python about every object, and would pack a question again for each shard.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any

from stitch_cir.searcher import Hit, View
from stitch_cir.transport import TransportPlan
from stitch_cir.views import ViewBox

__all__ = ["packed", "unpacked"]

Reducer = Callable[[Any], tuple[Any, ...]]


def packed(value: Any) -> bytes:
    """Return a question's arguments, or an answer, as bytes; hits go without their query.

    Who asks has the query, and whoever unpacks hits gives it to them.
    """
    buffer = io.BytesIO()
    packer = pickle.Pickler(buffer, protocol=5)
    packer.dispatch_table = {**copyreg.dispatch_table, **_REDUCERS}
    packer.dump(value)
    return buffer.getvalue()


def unpacked(content: bytes) -> Any:
    """Return what was packed."""
    return pickle.loads(content)


def _by_fields(kind: type) -> Reducer:
    """Return what takes an object of a dataclass apart, without asking it for its state."""
    values = attrgetter(*(each.name for each in fields(kind)))
    return lambda each: (kind, values(each))


def _hit(hit: Hit) -> tuple[Any, ...]:
    rank, id, score, _, *rest = _OF_A_HIT(hit)
    return Hit, (rank, id, score, None, *rest)


_OF_A_HIT = attrgetter(*(each.name for each in fields(Hit)))


_REDUCERS: dict[type, Reducer] = {
    Hit: _hit,
    **{kind: _by_fields(kind) for kind in (TransportPlan, View, ViewBox)},
}
