"""Attributes of items: typed values, filters, and counts over them."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.attributes._carried import carried_position
    from stitch_cir.gallery.attributes._facets import Facet, FacetCount, FacetRequest
    from stitch_cir.gallery.attributes._files import read_attributes
    from stitch_cir.gallery.attributes._kinds import AttributeKind, AttributeValue
    from stitch_cir.gallery.attributes._parse import parse_where
    from stitch_cir.gallery.attributes._reader import Attributes, AttributeSchema
    from stitch_cir.gallery.attributes._records import AttributeRecord, AttributeTable
    from stitch_cir.gallery.attributes._where import (
        AllOf,
        AnyOf,
        Attribute,
        AttributeComparison,
        DateLiteral,
        Near,
        Not,
        Where,
    )
    from stitch_cir.gallery.attributes._write import AttributeReport

__all__ = [
    "AllOf",
    "AnyOf",
    "Attribute",
    "AttributeComparison",
    "AttributeKind",
    "AttributeRecord",
    "AttributeReport",
    "AttributeSchema",
    "AttributeTable",
    "AttributeValue",
    "Attributes",
    "DateLiteral",
    "Facet",
    "FacetCount",
    "FacetRequest",
    "Near",
    "Not",
    "Where",
    "carried_position",
    "parse_where",
    "read_attributes",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "AllOf": "_where",
        "AnyOf": "_where",
        "Attribute": "_where",
        "AttributeComparison": "_where",
        "AttributeKind": "_kinds",
        "AttributeRecord": "_records",
        "AttributeReport": "_write",
        "AttributeSchema": "_reader",
        "AttributeTable": "_records",
        "AttributeValue": "_kinds",
        "Attributes": "_reader",
        "DateLiteral": "_where",
        "Facet": "_facets",
        "FacetCount": "_facets",
        "FacetRequest": "_facets",
        "Near": "_where",
        "Not": "_where",
        "Where": "_where",
        "carried_position": "_carried",
        "parse_where": "_parse",
        "read_attributes": "_files",
    },
)
