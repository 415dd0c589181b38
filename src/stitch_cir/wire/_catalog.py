"""Catalog search of the Universal Commerce Protocol: what a shop is asked, and what it answers.

Field by field after its schemas of version ``UCP_VERSION``; ``reference`` and ``facets`` are
extensions. Amounts are in minor units of their currency (ISO 4217).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.wire._gallery import WireModel
from stitch_cir.wire._requests import GalleryReference, UploadReference
from stitch_cir.wire._results import FacetInfo

__all__ = [
    "UCP_VERSION",
    "CatalogAvailability",
    "CatalogCategory",
    "CatalogContext",
    "CatalogDescription",
    "CatalogFilters",
    "CatalogMedia",
    "CatalogMessage",
    "CatalogOption",
    "CatalogOptionLabel",
    "CatalogOptionValue",
    "CatalogPage",
    "CatalogPageRequest",
    "CatalogPrice",
    "CatalogPriceFilter",
    "CatalogPriceRange",
    "CatalogProduct",
    "CatalogRequest",
    "CatalogResponse",
    "CatalogVariant",
    "ImageReference",
]

UCP_VERSION = "2026-08-25"
MAX_AMOUNT = 2**53 - 1
_MAX_IMAGE_CHARACTERS = 28 << 20
"""Characters of an image that is sent in base64."""
_EXAMPLE: dict[str, Any] = {
    "query": "in blue",
    "reference": {"id": "dress-red"},
    "filters": {"price": {"max": 5000}, "brand": ["Acme"]},
    "context": {"currency": "EUR"},
    "pagination": {"limit": 10},
}
_Id = Annotated[str, Field(min_length=1, max_length=4096)]
_Short = Annotated[str, Field(min_length=1, max_length=500)]


class _Open(BaseModel):
    """A request of the protocol, which may have fields of later versions and other extensions."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class ImageReference(BaseModel):
    """An image of the client's as the reference."""

    model_config = ConfigDict(strict=True, extra="forbid")

    image: Annotated[str, Field(min_length=1, max_length=_MAX_IMAGE_CHARACTERS)] = Field(
        description="The bytes of an image file in base64."
    )


class CatalogPriceFilter(_Open):
    """Prices from ``min`` to ``max``, in minor units of the context's currency."""

    min: int | None = Field(default=None, ge=0, le=MAX_AMOUNT)
    max: int | None = Field(default=None, ge=0, le=MAX_AMOUNT)


class CatalogFilters(_Open):
    """What products must be; all filters together.

    Any further filter is the name of an attribute, with a value, a list of values of which one is
    enough, or an object with ``min`` and ``max``.
    """

    categories: Annotated[list[_Short], Field(max_length=100)] | None = None
    price: CatalogPriceFilter | None = None


class CatalogContext(_Open):
    """What the buyer's platform says of the buyer; only ``currency`` changes the answer."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class CatalogPageRequest(_Open):
    """Which page: its cursor, and at most how many products."""

    cursor: Annotated[str, Field(max_length=1000)] | None = None
    limit: int | None = Field(default=None, ge=1, le=MAX_AMOUNT)


class CatalogRequest(_Open):
    """A catalog search: a text, a reference image, or both."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    query: Annotated[str, Field(max_length=100_000)] | None = Field(
        default=None, description="What is searched for; with a reference, what should change."
    )
    reference: GalleryReference | UploadReference | ImageReference | _Id | None = Field(
        default=None, description="Extension: an image that the products should be like."
    )
    filters: CatalogFilters | None = None
    context: CatalogContext | None = None
    signals: Mapping[str, Any] | None = None
    attribution: Mapping[str, Any] | None = None
    pagination: CatalogPageRequest | None = None
    facets: Annotated[list[_Short], Field(max_length=50)] | None = Field(
        default=None, description="Extension: attributes to count, such as brand or price:0,50,100."
    )


class CatalogPrice(WireModel):
    """An amount in minor units."""

    amount: int
    currency: str


class CatalogPriceRange(WireModel):
    """The least and the highest price of the variants."""

    min: CatalogPrice
    max: CatalogPrice


class CatalogDescription(WireModel):
    """A description as plain text."""

    plain: str


class CatalogCategory(WireModel):
    """A category, and whose taxonomy it is of."""

    value: str
    taxonomy: str = "google_product_category"


class CatalogMedia(WireModel):
    """One image of a product."""

    type: str = "image"
    url: str
    alt_text: str


class CatalogOptionLabel(WireModel):
    """One of the values that an option can have."""

    label: str


class CatalogOption(WireModel):
    """An option of a product, such as its colour, with the values of its variants."""

    name: str
    values: tuple[CatalogOptionLabel, ...]


class CatalogOptionValue(WireModel):
    """What a variant has for an option."""

    name: str
    label: str


class CatalogAvailability(WireModel):
    """Whether a variant can be bought, and its status (in_stock, preorder, …)."""

    available: bool
    status: str


class CatalogVariant(WireModel):
    """What can be bought: a product of the feed. ``metadata`` holds its other attributes."""

    id: str
    title: str
    description: CatalogDescription
    price: CatalogPrice
    url: str | None = None
    categories: tuple[CatalogCategory, ...] | None = None
    list_price: CatalogPrice | None = None
    availability: CatalogAvailability | None = None
    options: tuple[CatalogOptionValue, ...] | None = None
    media: tuple[CatalogMedia, ...] | None = None
    metadata: Mapping[str, Any]


class CatalogProduct(WireModel):
    """Variants of one ``item_group_id``, best match first; ``metadata`` says how it was ranked."""

    id: str
    title: str
    description: CatalogDescription
    price_range: CatalogPriceRange
    variants: tuple[CatalogVariant, ...]
    url: str | None = None
    brand: str | None = None
    categories: tuple[CatalogCategory, ...] | None = None
    list_price_range: CatalogPriceRange | None = None
    media: tuple[CatalogMedia, ...] | None = None
    options: tuple[CatalogOption, ...] | None = None
    metadata: Mapping[str, Any]


class CatalogPage(WireModel):
    """Whether there are more products, and the cursor of the next page."""

    has_next_page: bool
    cursor: str | None = None
    total_count: int


class CatalogMessage(WireModel):
    """A sentence on the answer: ``type`` is warning or info."""

    type: str
    code: str
    content: str


class CatalogResponse(WireModel):
    """The answer to a catalog search."""

    ucp: Mapping[str, Any]
    products: tuple[CatalogProduct, ...]
    pagination: CatalogPage
    messages: tuple[CatalogMessage, ...] | None = None
    facets: tuple[FacetInfo, ...] | None = Field(
        default=None, description="Extension: the counts that were requested."
    )
