"""From a row of a feed to a product: the links of its images, and its attributes as stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stitch_cir.errors import RecordError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes import AttributeKind
from stitch_cir.gallery.attributes._kinds import (
    KINDS,
    StoredValue,
    UnusableValueError,
    as_kind,
    kind_of,
)
from stitch_cir.gallery.attributes._records import MAX_ATTRIBUTES, MAX_NAME, shortened
from stitch_cir.gallery.feeds._money import parse_price
from stitch_cir.gallery.feeds._read import FeedRow

__all__ = ["FieldReader", "Product", "UnusableRowError"]

_FEED_KINDS: dict[str, AttributeKind] = {
    "title": "text",
    "description": "text",
    "link": "text",
    "image_link": "text",
    "additional_image_link": "list",
    "price": "number",
    "currency": "text",
    "sale_price": "number",
    "availability": "text",
    "brand": "text",
    "color": "text",
    "size": "text",
    "item_group_id": "text",
    "google_product_category": "text",
}
"""The fields of Google Merchant that are read, and their kinds; other columns are texts."""
MAX_IMAGES = 11
"""Images of a product: the main one and ten others, as many as Google allows."""
_AVAILABILITY = ("in_stock", "out_of_stock", "preorder", "backorder")


class UnusableRowError(ValueError):
    """A row that cannot be a product; its text says why."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a feed; ``links`` are its images in order, at least one.

    ``attributes`` are the stored values by name, none to take one away; ``digest`` is over them.
    """

    line: int
    id: str
    links: tuple[str, ...]
    attributes: Mapping[str, Sequence[StoredValue]]
    digest: str


class FieldReader:
    """Reads rows as products; kinds are those of the gallery, then of the feed's first value."""

    def __init__(self, existing: Mapping[str, AttributeKind]) -> None:
        """Take the kinds of the gallery's attributes, by folded name.

        Raises ``RecordError`` where one of Google's fields is an attribute of another kind.
        """
        self.kinds: dict[str, AttributeKind] = dict(existing)
        for name, kind in _FEED_KINDS.items():
            if self.kinds.setdefault(fold(name), kind) != kind:
                raise RecordError(
                    f"{name} of a feed is a {kind}, but the gallery's is a "
                    f"{self.kinds[fold(name)]}.",
                    hint=f"Drop it first: stitch attributes drop GALLERY {name}",
                )

    def product(self, row: FeedRow) -> Product:
        """Return the product of a row. Raises ``UnusableRowError``."""
        values = dict(row.values)
        links = _links(values)
        _read_prices(values)
        if values.get("availability") is not None:
            values["availability"] = _availability(values["availability"])
        attributes: dict[str, list[StoredValue]] = {}
        for column, value in values.items():
            name, kind = self._kind(column, value, row)
            if name and kind is not None:
                attributes[name] = self._stored(name, kind, value, row)
        text = json.dumps(sorted(attributes.items()), ensure_ascii=True)
        digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
        return Product(row.line, row.id, links, attributes, digest)

    def _kind(self, column: str, value: Any, row: FeedRow) -> tuple[str, AttributeKind | None]:
        """Return an attribute's name and kind; None for one that has had no value yet."""
        name, _, declared = column.partition(":")
        if not name or len(name) > MAX_NAME or not name.isprintable():
            return "", None
        kind = self.kinds.get(fold(name))
        if kind is None and declared in KINDS:
            kind = declared
        elif kind is None and value is not None:
            kind = kind_of(value, is_typed=True) if row.is_typed else "text"
            if kind is None:
                raise UnusableRowError(f"{name} can be no attribute")
        if kind is not None:
            self.kinds[fold(name)] = kind
        if len(self.kinds) > MAX_ATTRIBUTES:
            raise RecordError(
                f"There would be more than {MAX_ATTRIBUTES} attributes.",
                hint="Leave columns out that nobody filters by.",
            )
        return name, kind

    def _stored(
        self, name: str, kind: AttributeKind, value: Any, row: FeedRow
    ) -> list[StoredValue]:
        if value is None:
            return []
        is_typed = row.is_typed or name in ("price", "sale_price", "additional_image_link")
        try:
            return as_kind(kind, value, is_typed=is_typed)
        except UnusableValueError as error:
            raise UnusableRowError(
                f"{name} is {shortened(value)}, {error.reason}; it must be a {kind}"
            ) from error


def _links(values: dict[str, Any]) -> tuple[str, ...]:
    """Return the links of a row's images, and put both fields into one form."""
    first, further = values.get("image_link"), values.get("additional_image_link")
    if not isinstance(first, str):
        raise UnusableRowError("there is no image_link")
    if isinstance(further, str):
        # Google separates addresses by commas, which they must not hold themselves
        further = [each.strip() for each in further.split(",") if each.strip()]
    if further is not None and not (
        isinstance(further, list) and all(isinstance(each, str) for each in further)
    ):
        raise UnusableRowError(
            f"additional_image_link is {shortened(further)}, which is not a list"
        )
    links = tuple(dict.fromkeys((first.strip(), *(further or ()))))
    if len(links) > MAX_IMAGES:
        raise UnusableRowError(f"there are {len(links)} images; a product has at most {MAX_IMAGES}")
    if "additional_image_link" in values:
        values["additional_image_link"] = list(links[1:]) or None
    return links


def _read_prices(values: dict[str, Any]) -> None:
    """Replace prices by amounts, and add their currency."""
    currencies: dict[str, str] = {}
    for name in ("price", "sale_price"):
        if values.get(name) is not None:
            try:
                values[name], currencies[name] = parse_price(values[name])
            except ValueError as error:
                raise UnusableRowError(f"{name} {error}") from error
    if len({*currencies.values()}) > 1:
        raise UnusableRowError(
            f"price is in {currencies['price']}, sale_price in {currencies['sale_price']}"
        )
    if "price" in values:
        values["currency"] = next(iter(currencies.values()), None)


def _availability(value: Any) -> str:
    spelled = "_".join(str(value).lower().replace("_", " ").split())
    if spelled not in _AVAILABILITY:
        expected = ", ".join(_AVAILABILITY)
        raise UnusableRowError(f"availability is {shortened(value)}; it can be {expected}")
    return spelled
