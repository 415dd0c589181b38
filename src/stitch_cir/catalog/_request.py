"""From a request of the protocol to the settings of a search."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

from stitch_cir.errors import QueryError
from stitch_cir.gallery import Attribute, Attributes, FacetRequest, Gallery, Where, minor_digits
from stitch_cir.searcher import SearchSettings
from stitch_cir.wire import CatalogMessage, CatalogPriceFilter, CatalogRequest, ImageReference

__all__ = ["CatalogSearch", "product_id", "read_image", "read_request"]

GROUP = "item_group_id"
"""What variants of one product have in common."""
MOST_VARIANTS = 20
_LIMIT = 10
_CURRENCIES = 100


@dataclass(frozen=True, slots=True)
class CatalogSearch:
    """A request in the library's terms; ``messages`` say what of it does not count."""

    text: str
    settings: SearchSettings
    facets: tuple[str, ...]
    cursor: str
    messages: tuple[CatalogMessage, ...]


def read_request(request: CatalogRequest, attributes: Attributes, *, most: int) -> CatalogSearch:
    """Return a request as settings of a search over a gallery with these attributes.

    Products are ranked by their best variant, where the gallery has ``item_group_id``. Those
    without a price do not take part, because the protocol has no way to show them. ``most`` bounds
    the products of a page.

    Raises ``QueryError`` where there is neither text nor reference, for another purpose than a
    search, and for a filter on an attribute that the gallery does not have.
    """
    further = request.model_extra or {}
    if further.get("purpose", "search") != "search" or "reference_ids" in further:
        raise QueryError(
            "Only searches are answered, not recommendations.",
            hint="Leave out purpose and reference_ids; reference is an image to search with.",
        )
    text = (request.query or "").strip()
    if not text and request.reference is None:
        raise QueryError(
            "There is neither a query nor a reference to search with.",
            hint="Send query, reference, or both; filters alone are no search.",
        )
    conditions, messages = _conditions(request, attributes)
    page = request.pagination
    limit = _LIMIT if page is None or page.limit is None else min(page.limit, most)
    settings = SearchSettings(k=limit, where=reduce(and_, conditions))
    if GROUP in attributes:
        settings = settings.with_(group_by=GROUP, group_size=MOST_VARIANTS)
    for facet in request.facets or ():
        attributes.check_facet(facet)
    messages += [
        CatalogMessage(type="info", code="field_ignored", content=f"{name} is not understood.")
        for name in sorted(further)
        if name != "purpose"
    ]
    cursor = "" if page is None else page.cursor or ""
    return CatalogSearch(text, settings, tuple(request.facets or ()), cursor, tuple(messages))


def product_id(gallery: Gallery, id: str) -> str:
    """Return the id of a variant: the id itself, or the first variant of a product of this id."""
    if gallery.match(id) is None:
        with gallery.snapshot() as snapshot, suppress(QueryError):
            _, ids = snapshot.find(limit=1, where=Attribute(GROUP) == id)
            if ids:
                return ids[0]
    return id


def read_image(reference: ImageReference) -> bytes:
    """Return the bytes of an image that was sent in base64. Raises ``QueryError``."""
    try:
        return base64.b64decode("".join(reference.image.split()), validate=True)
    except ValueError as error:
        raise QueryError(
            "The image of the reference is no base64.",
            hint="Send the bytes of an image file in base64, without a prefix.",
        ) from error


def _conditions(
    request: CatalogRequest, attributes: Attributes
) -> tuple[list[Where], list[CatalogMessage]]:
    conditions = [~Attribute("price").is_missing(), ~Attribute("currency").is_missing()]
    messages: list[CatalogMessage] = []
    filters = request.filters
    if filters is None:
        return conditions, messages
    if filters.categories:
        conditions.append(Attribute("google_product_category").is_in(filters.categories))
    if filters.price is not None:
        requested = None if request.context is None else request.context.currency
        currency, message = _currency(attributes, requested)
        if currency is None:
            messages.append(CatalogMessage(type="warning", code="price_filter", content=message))
        else:
            conditions.append(Attribute("currency") == currency)
            conditions += _price_conditions(filters.price, currency, attributes)
    for name, value in (filters.model_extra or {}).items():
        conditions += _custom(name, value)
    return conditions, messages


def _currency(attributes: Attributes, requested: str | None) -> tuple[str | None, str]:
    """Return the currency of a price filter, or None and why it cannot be applied."""
    (facet,) = attributes.facets([FacetRequest("currency", limit=_CURRENCIES)])
    currencies = [str(each.value) for each in facet.counts]
    listed = ", ".join(currencies)
    if requested is None and len(currencies) == 1:
        return currencies[0], ""
    if requested is None:
        return None, f"The price filter does not count without context.currency: {listed}."
    if requested not in currencies:
        return None, f"The price filter does not count: prices are in {listed}, not {requested}."
    return requested, ""


def _price_conditions(
    price: CatalogPriceFilter, currency: str, attributes: Attributes
) -> list[Where]:
    """Return conditions on what a buyer pays: the sale price, or else the price."""
    low, high = (
        None if units is None else float(Decimal(units).scaleb(-minor_digits(currency)))
        for units in (price.min, price.max)
    )
    regular = _range("price", low, high)
    if not regular or "sale_price" not in attributes:
        return regular
    no_sale = Attribute("sale_price").is_missing()
    return [reduce(and_, [no_sale, *regular]) | reduce(and_, _range("sale_price", low, high))]


def _range(name: str, low: Any, high: Any) -> list[Where]:
    """Return the conditions of a range, inclusive; ``None`` is no bound."""
    attribute = Attribute(name)
    lower = [] if low is None else [attribute >= low]
    return lower if high is None else [*lower, attribute <= high]


def _custom(name: str, value: Any) -> list[Where]:
    """Return the conditions of a filter on an attribute."""
    attribute = Attribute(name)
    if isinstance(value, (str, bool, int, float)):
        return [attribute == value]
    if isinstance(value, list) and value and all(isinstance(v, (str, int, float)) for v in value):
        return [attribute.is_in(value)]
    if isinstance(value, Mapping) and value and value.keys() <= {"min", "max"}:
        return _range(name, value.get("min"), value.get("max"))
    raise QueryError(
        f"The filter {name!r} is {str(value)[:100]!r}.",
        hint='Give a value, a list of values, or an object with "min" and "max".',
    )
