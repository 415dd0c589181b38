"""Roles by rules: what the clauses of a request want to see, to keep and to avoid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stitch_cir.composers._requests import Change
from stitch_cir.composers._roles import Phrase, Roles, reconcile
from stitch_cir.composers._text import unique

__all__ = ["roles_by_rules"]

ORIGIN = "verbatim:rule"
_REPLACING = ("replace", "scene")


def roles_by_rules(changes: Sequence[Change], described: Sequence[str]) -> Roles:
    """Return the roles of a request whose reference is described by a few texts.

    The new content of each clause is desired, and what is to vanish is forbidden. The reference is
    to be preserved, unless a clause puts something else in its place.
    """
    replaced = any(change.kind in _REPLACING for change in changes)
    return reconcile(
        _phrases(change.phrase for change in changes),
        () if replaced or not changes else _phrases(described),
        _phrases(change.removed for change in changes),
    )[0]


def _phrases(texts: Iterable[str]) -> tuple[Phrase, ...]:
    return tuple(Phrase(text, origin=ORIGIN) for text in unique(texts))
