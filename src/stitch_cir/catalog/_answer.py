"""From the hits of a search to products of the protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from stitch_cir.catalog._request import GROUP, CatalogSearch
from stitch_cir.gallery import minor_units
from stitch_cir.searcher import Hit, Results
from stitch_cir.wire import (
    UCP_VERSION,
    CatalogAvailability,
    CatalogCategory,
    CatalogDescription,
    CatalogMedia,
    CatalogMessage,
    CatalogOption,
    CatalogOptionLabel,
    CatalogOptionValue,
    CatalogPage,
    CatalogPrice,
    CatalogPriceRange,
    CatalogProduct,
    CatalogResponse,
    CatalogVariant,
    FacetInfo,
)

__all__ = ["ImageLinks", "catalog_response", "empty_response"]

ImageLinks = Callable[[str, int], Sequence[str]]
"""Returns the addresses of an item's images, by its id and how many it has."""
_CAPABILITY = "dev.ucp.shopping.catalog.search"
_OPTIONS = ("color", "size")
_SHOWN = frozenset(
    "title description link image_link additional_image_link price sale_price currency"
    " availability google_product_category".split()
)
"""Attributes that have a field of their own."""


def catalog_response(
    results: Results, search: CatalogSearch, images: ImageLinks, notes: Iterable[str]
) -> CatalogResponse:
    """Return the products of a search. ``images`` returns addresses where the feed has none."""
    page: dict[str, Any] = {
        "has_next_page": results.next_cursor is not None,
        "total_count": results.total,
    }
    if results.next_cursor is not None:
        page["cursor"] = results.next_cursor
    messages = [
        *search.messages,
        *(CatalogMessage(type="info", code="note", content=note) for note in notes),
    ]
    facets = tuple(FacetInfo.model_validate(each.to_dict()) for each in results.facets)
    return _response(
        tuple(_product(hit, images) for hit in results),
        CatalogPage.model_validate(page),
        messages,
        **({"facets": facets} if search.facets else {}),
    )


def empty_response(search: CatalogSearch) -> CatalogResponse:
    """Return the answer where no product is left by the filters, which is no error."""
    page = CatalogPage(has_next_page=False, total_count=0)
    return _response((), page, search.messages)


def _response(
    products: tuple[CatalogProduct, ...],
    page: CatalogPage,
    messages: Sequence[CatalogMessage],
    **more: Any,
) -> CatalogResponse:
    if messages:
        more["messages"] = tuple(messages)
    capability = {_CAPABILITY: [{"version": UCP_VERSION}]}
    return CatalogResponse(
        ucp={"version": UCP_VERSION, "capabilities": capability},
        products=products,
        pagination=page,
        **more,
    )


def _product(hit: Hit, images: ImageLinks) -> CatalogProduct:
    variants = tuple(_variant(each, images) for each in (hit, *hit.members))
    first, attributes = variants[0], hit.attributes
    fields: dict[str, Any] = {
        "id": str(attributes.get(GROUP, hit.id)),
        "title": first.title,
        "description": first.description,
        "price_range": _range([each.price for each in variants]),
        "variants": variants,
        "metadata": {"score": round(hit.score, 6), "group_images": hit.group_images},
    }
    listed = [each.list_price or each.price for each in variants]
    if any(each.list_price is not None for each in variants):
        fields["list_price_range"] = _range(listed)
    if attributes.get("brand"):
        fields["brand"] = str(attributes["brand"])
    for name in ("url", "categories", "media"):
        if getattr(first, name) is not None:
            fields[name] = getattr(first, name)
    options = _options(variants)
    if options:
        fields["options"] = options
    return CatalogProduct(**fields)


def _variant(hit: Hit, images: ImageLinks) -> CatalogVariant:
    attributes = hit.attributes
    title = str(attributes.get("title", hit.id))
    currency = str(attributes["currency"])
    price, sale = attributes["price"], attributes.get("sale_price")
    fields: dict[str, Any] = {
        "id": hit.id,
        "title": title,
        "description": CatalogDescription(plain=str(attributes.get("description", title))),
        "price": _price(price if sale is None else sale, currency),
        "metadata": {
            **{name: value for name, value in attributes.items() if name not in _SHOWN},
            "score": round(hit.score, 6),
        },
    }
    if sale is not None:
        fields["list_price"] = _price(price, currency)
    if _is_address(attributes.get("link")):
        fields["url"] = attributes["link"]
    if attributes.get("google_product_category"):
        category = CatalogCategory.model_validate(
            {
                "value": str(attributes["google_product_category"]),
                "taxonomy": "google_product_category",
            }
        )
        fields["categories"] = (category,)
    status = attributes.get("availability")
    if status:
        fields["availability"] = CatalogAvailability(
            available=status != "out_of_stock", status=str(status)
        )
    options = tuple(
        CatalogOptionValue(name=name.title(), label=str(attributes[name]))
        for name in _OPTIONS
        if attributes.get(name)
    )
    if options:
        fields["options"] = options
    media = tuple(
        CatalogMedia(type="image", url=link, alt_text=title) for link in _links(hit, images)
    )
    if media:
        fields["media"] = media
    return CatalogVariant(**fields)


def _links(hit: Hit, images: ImageLinks) -> Sequence[str]:
    """Return the addresses of a variant's images: the feed's, or else those of ``images``."""
    further: Any = hit.attributes.get("additional_image_link", ())
    links = [hit.attributes.get("image_link"), *further]
    if all(_is_address(link) for link in links):
        return [str(link) for link in links]
    return images(hit.id, max(1, len(hit.image_paths)))


def _is_address(link: object) -> bool:
    if not isinstance(link, str):
        return False
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _price(amount: float, currency: str) -> CatalogPrice:
    return CatalogPrice(amount=minor_units(amount, currency), currency=currency)


def _range(prices: Sequence[CatalogPrice]) -> CatalogPriceRange:
    """Return the range of the prices in the first one's currency."""
    same = [each for each in prices if each.currency == prices[0].currency]
    low, high = (choose(same, key=lambda each: each.amount) for choose in (min, max))
    return CatalogPriceRange(min=low, max=high)


def _options(variants: Sequence[CatalogVariant]) -> tuple[CatalogOption, ...]:
    labels: dict[str, dict[str, None]] = {}
    for variant in variants:
        for option in variant.options or ():
            labels.setdefault(option.name, {})[option.label] = None
    return tuple(
        CatalogOption(name=name, values=tuple(CatalogOptionLabel(label=each) for each in values))
        for name, values in labels.items()
    )
