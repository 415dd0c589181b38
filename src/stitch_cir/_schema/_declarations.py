"""The declarations: every setting of a search, in the order in which fronts show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

from stitch_cir._schema._method import COUNT, SCORER_SETTINGS, TRANSITION_SETTINGS, WEIGHT
from stitch_cir._schema._presets import PRESETS
from stitch_cir._schema._setting import Range, Setting

__all__ = [
    "DECLARED",
    "SETTINGS",
    "check_fields",
    "check_setting",
    "default_of",
    "field_values",
]

_ALL = (
    Setting(
        "k",
        "whole",
        None,
        "Hits",
        "How many hits; where fewer images take part, all of them",
        range=COUNT,
        default_text="10, or all of a smaller gallery",
    ),
    Setting(
        "num_captions",
        "whole",
        5,
        "Number of captions",
        "How many target captions the composer writes",
        symbol="K",
        range=Range(1, 64),
    ),
    Setting(
        "preset",
        "name",
        "paper",
        "Preset",
        "Values for several settings at once; others override them",
        choices=tuple(PRESETS),
    ),
    *TRANSITION_SETTINGS,
    Setting(
        "negative_weight",
        "number",
        0.3,
        "Weight of “less like”",
        "How far the query moves away from rejected images",
        range=WEIGHT,
    ),
    Setting(
        "fusion",
        "name",
        "weights",
        "Fusion",
        "How the query's members count: by their weights, or these divided by the spread of their "
        "scores over the gallery (z-score), or as a plug-in weighs them",
    ),
    Setting(
        "composed_weight",
        "number",
        0.0,
        "Weight of image and text as one vector",
        "The share that one vector of reference and text together has of the query; 0 is none of "
        "it, 1 nothing else",
        range=Range(0.0, 1.0),
    ),
    Setting(
        "composed_instruction",
        "name",
        None,
        "Instruction of that vector",
        "What a model that reads image and text together is asked to find",
        default_text="the model's default",
        longest=2000,
    ),
    *SCORER_SETTINGS,
    Setting(
        "shortlist",
        "whole",
        None,
        "Shortlist",
        "Score only so many images, those nearest to the mean caption by their mean vectors",
        range=COUNT,
        default_text="every image is scored",
    ),
    Setting(
        "measure_recall",
        "flag",
        True,
        "Measure recall",
        "With a shortlist, also rank every image, and report how many of the hits it kept",
    ),
    Setting(
        "min_score",
        "number",
        None,
        "Least score",
        "Leave out hits that score lower; most scores lie between -2 and 2",
        default_text="none",
    ),
    Setting(
        "strictness",
        "number",
        None,
        "Strictness",
        "Leave out hits that more than this share of random requests would score as high",
        range=Range(0.0001, 0.5),
        default_text="none",
    ),
    Setting(
        "below_cutoff",
        "flag",
        False,
        "Show what is below the cut-off",
        "Keep the hits below the cut-off of the strictness, too, and say where it lies",
    ),
    Setting(
        "include",
        "patterns",
        (),
        "Only these ids",
        "Rank only ids that match one of these shell-style patterns",
        default_text="all",
    ),
    Setting(
        "exclude",
        "patterns",
        (),
        "Without these ids",
        "Leave out ids that match one of these shell-style patterns",
    ),
    Setting(
        "where",
        "name",
        None,
        "Only where",
        "Rank only images whose attributes meet it, such as brand = 'Acme' and not sold",
        default_text="all",
        longest=10_000,
    ),
    Setting(
        "group_by",
        "name",
        None,
        "Group by",
        "Show the best image of each group: those with one value of this attribute",
        default_text="every image for itself",
    ),
    Setting(
        "group_size",
        "whole",
        1,
        "Images of a group",
        "How many images of each group are shown, with a group by an attribute",
        range=Range(1, 100),
    ),
    Setting(
        "near_duplicates",
        "name",
        "show",
        "Near-duplicates",
        "Whether copies of one image (resized, recompressed) are hits each, or one together",
        choices=("show", "collapse"),
    ),
    Setting(
        "variety",
        "number",
        0.0,
        "Variety",
        "How far the best 200 hits step back where they are like better ones; 0 is not at all",
        range=Range(0.0, 1.0),
    ),
    Setting(
        "include_reference",
        "flag",
        False,
        "Show the reference, too",
        "Keep the reference and its duplicates in the ranking",
    ),
    Setting(
        "rerank",
        "whole",
        0,
        "Hits to rerank",
        "How many of the best hits a reranker judges again; 0 is none",
        range=Range(0),
    ),
    Setting(
        "rerank_weight",
        "number",
        1.0,
        "Weight of the reranker",
        "Weight of the reranker's answer beside the score",
        range=WEIGHT,
    ),
    Setting(
        "verify_mode",
        "name",
        "each",
        "How the reranker judges",
        "Whether a reranker judges each hit by itself, or ranks all in one request: as a list, or "
        "on one contact sheet",
        choices=("each", "list", "grid"),
    ),
    Setting(
        "device",
        "name",
        "cpu",
        "Device",
        "Where view sets are scored: cpu, cuda, cuda:N or auto; it changes no ranking",
    ),
    Setting(
        "partial",
        "flag",
        False,
        "Search without missing shards",
        "Where a cluster searches: answer while shards of the dataset are missing, and say which",
    ),
)

DECLARED: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in _ALL})
"""Every declared setting by name."""

SETTINGS: tuple[Setting, ...] = tuple(setting for setting in _ALL if not setting.by_options)
"""The settings that every front offers, or has a reason not to."""


def default_of(name: str) -> Any:
    """Return the default of a setting, for the field of the class that has it."""
    return DECLARED[name].default


def check_setting(name: str, value: Any) -> Any:
    """Return the value of a setting as it is stored; that of an undeclared one as it is.

    Raises ``SettingError`` for a value that the setting cannot have.
    """
    return DECLARED[name].check(value) if name in DECLARED else value


def check_fields(instance: Any) -> None:
    """Check the fields of a frozen dataclass that are declared settings, and store their values.

    Other objects have none. Raises ``SettingError`` for a value that its setting cannot have.
    """
    for name, value in field_values(instance).items():
        if name in DECLARED:
            object.__setattr__(instance, name, DECLARED[name].check(value))


def field_values(instance: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by name; none for other objects."""
    if not is_dataclass(instance):
        return {}
    return {field.name: getattr(instance, field.name) for field in fields(instance)}
