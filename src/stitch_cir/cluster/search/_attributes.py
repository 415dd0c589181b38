"""The attributes of a dataset, counted and checked by its shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

from stitch_cir.errors import GalleryError
from stitch_cir.gallery import (
    Attributes,
    AttributeSchema,
    Facet,
    FacetRequest,
    Occurrences,
    Suggestions,
    Where,
    facet_of,
    joined_occurrences,
    suggest,
)

if TYPE_CHECKING:
    from stitch_cir.cluster.search._gallery import ClusterSnapshot

__all__ = ["ClusterAttributes", "joined_facets"]


class ClusterAttributes(Attributes):
    """The attributes of one version; every method raises ``QueryError`` as ``Attributes`` does."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        """Use :attr:`ClusterSnapshot.attributes`."""
        self._snapshot = snapshot

    @property
    def version(self) -> int:
        """The dataset's version."""
        return self._snapshot.generation

    @property
    def state(self) -> str:
        """What identifies the version."""
        return self._snapshot.commit

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all attributes, in the order of first sight."""
        return tuple(row.name for row in self.schema())

    def __contains__(self, name: object) -> bool:
        """Return whether there is an attribute of this name, whatever its case."""
        names = [each.casefold() for each in self.names]
        return isinstance(name, str) and name.casefold() in names

    def schema(self) -> tuple[AttributeSchema, ...]:
        """Return all attributes in the order of first sight, with counts of items."""
        counted: dict[str, tuple[str, int]] = {}
        for part in self._snapshot.ask("attribute_schema"):
            for name, kind, items in part:
                counted[name] = kind, counted.get(name, (kind, 0))[1] + items
        return tuple(
            AttributeSchema(name, cast(Any, kind), items) for name, (kind, items) in counted.items()
        )

    def check(self, where: Where | str) -> None:
        """Raise ``QueryError`` for a condition that cannot be understood."""
        self._snapshot.ask("check", where, [])

    def check_facet(self, request: FacetRequest | str) -> None:
        """Raise ``QueryError`` for a facet that cannot be counted."""
        self._snapshot.ask("check", None, [request])

    def facets(  # type: ignore[override]
        self,
        requests: Sequence[FacetRequest | str],
        rows: None = None,
        *,
        where: Where | str | None = None,
    ) -> list[Facet]:
        """Count values or ranges over what meets a condition, or over everything."""
        return joined_facets(self._snapshot.ask("occurrences", list(requests), where))

    def suggestions(self) -> Suggestions:
        """Return which attributes are worth counting and grouping by."""
        parts = self._snapshot.ask("occurrences", None, None)
        return suggest(_joined(parts))

    def rows(self, where: Where | str) -> NoReturn:
        """Raise ``GalleryError``: rows are those of a matrix, which no machine holds."""
        raise _no_rows()

    def mask(self, where: Where | str) -> NoReturn:
        """Raise ``GalleryError``: rows are those of a matrix, which no machine holds."""
        raise _no_rows()

    def groups(self, name: str) -> NoReturn:
        """Raise ``GalleryError``: rows are those of a matrix, which no machine holds."""
        raise _no_rows()

    group_values = dates = groups

    def occurrences(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``GalleryError``: values are counted by :meth:`facets` here."""
        raise _no_rows()

    def all_occurrences(self) -> NoReturn:
        """Raise ``GalleryError``: values are counted by :meth:`facets` here."""
        raise _no_rows()


def joined_facets(
    parts: Sequence[Sequence[tuple[FacetRequest, Occurrences]]],
) -> list[Facet]:
    """Return facets over all shards, from what occurs in each."""
    requests = [request for request, _ in parts[0]]
    return [
        facet_of(request, occurrences)
        for request, occurrences in zip(requests, _joined(parts), strict=True)
    ]


def _joined(
    parts: Sequence[Sequence[tuple[FacetRequest, Occurrences]]],
) -> list[Occurrences]:
    return [
        joined_occurrences([occurrences for _, occurrences in of_request])
        for of_request in zip(*parts, strict=True)
    ]


def _no_rows() -> GalleryError:
    return GalleryError(
        "A dataset that a cluster searches has no row numbers: its rows are spread over shards.",
        hint="Count facets, or find ids, with the condition instead.",
    )
