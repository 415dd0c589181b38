"""The declarations: every setting of a search, in the order in which fronts show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any

from stitch_cir._schema._setting import LARGEST, Range, Setting

__all__ = [
    "DECLARED",
    "PRESETS",
    "SETTINGS",
    "check_fields",
    "check_setting",
    "default_of",
    "field_values",
]

_METHOD = {"transition": "linear", "scorer": "conditional"}
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {**_METHOD, "num_captions": 5, "alpha": 0.45, "tau": 0.001},
        "public-code": {**_METHOD, "num_captions": 5, "alpha": 0.5, "tau": 0.001},
        "captions": {
            "transition": "away",
            "scorer": "conditional",
            "num_captions": 6,
            "alpha": 0.4,
            "beta": 0.08,
            "tau": 0.05,
            "hubness_weight": 0.42,
            "hubness_neighbours": 200,
        },
    }
)
"""Query-time halves of the two published settings (method §6; the views belong to the gallery), and
the settings for galleries that are captions (docs/cirr-captions.md)."""

_SHARE = Range(0.0, 1.0)
_WEIGHT = Range(0.0, LARGEST)
_COUNT = Range(1)

_ALL = (
    Setting(
        "k",
        "whole",
        None,
        "Hits",
        "How many hits; where fewer images take part, all of them",
        range=_COUNT,
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
    Setting(
        "transition",
        "name",
        "linear",
        "Transition",
        "How captions, or the images' scores, move toward the modification",
        part="transition",
    ),
    Setting(
        "alpha",
        "number",
        0.45,
        "Weight of your words",
        "Weight of the modification's own text in the transition",
        symbol="α",
        range=_SHARE,
        part="transition",
        used_by=("linear", "away"),
    ),
    Setting(
        "beta",
        "number",
        0.1,
        "Share of the reference taken away",
        "How much of the reference is taken away",
        symbol="β",
        range=_SHARE,
        part="transition",
        used_by=("away",),
    ),
    Setting(
        "scale",
        "number",
        1.4,
        "Length of the step",
        "How far the step along the change goes: 1 is as composed, below 0 the other way",
        symbol="λ",
        range=Range(-LARGEST, LARGEST),
        part="transition",
        used_by=("pdv",),
    ),
    Setting(
        "image_weight",
        "number",
        0.25,
        "Weight of the reference image",
        "Weight of the moved reference image",
        symbol="w",
        range=_SHARE,
        part="transition",
        used_by=("pdv",),
    ),
    Setting(
        "gain",
        "number",
        0.13,
        "Weight of a gain",
        "How much it counts that an image's score rises with the change",
        symbol="λ₊",
        range=_WEIGHT,
        part="transition",
        used_by=("semantic-increment",),
    ),
    Setting(
        "loss",
        "number",
        2.1,
        "Weight of a loss",
        "How much it counts that an image's score falls with the change",
        symbol="λ₋",
        range=_WEIGHT,
        part="transition",
        used_by=("semantic-increment",),
    ),
    Setting(
        "transition_options",
        "options",
        {},
        "Other settings of the transition",
        "Settings of a transition of another package",
        part="transition",
    ),
    Setting(
        "negative_weight",
        "number",
        0.3,
        "Weight of “less like”",
        "How far the query moves away from rejected images",
        range=_WEIGHT,
    ),
    Setting(
        "scorer",
        "name",
        "conditional",
        "Scorer",
        "How the captions are compared with the views of an image",
        part="scorer",
    ),
    Setting(
        "tau",
        "number",
        0.001,
        "Temperature",
        "Temperature on raw cosine",
        symbol="τ",
        range=Range(0.0, open=True),
        part="scorer",
        used_by=("conditional",),
    ),
    Setting(
        "rho",
        "number",
        0.5,
        "Weight of the views' direction",
        "Weight of the views' direction: 0 asks only whether every caption is met by some view, "
        "1 only whether every view is met by some caption",
        symbol="ρ",
        range=_SHARE,
        part="scorer",
        used_by=("conditional", "chamfer"),
    ),
    Setting(
        "epsilon",
        "number",
        0.01,
        "Entropy",
        "Weight of the entropy, in units of cosine",
        symbol="ε",
        # potentials of size 2/ε must still be resolved far below 1 in float64
        range=Range(1e-6),
        part="scorer",
        used_by=("sinkhorn",),
    ),
    Setting(
        "max_iterations",
        "whole",
        1000,
        "Iterations at most",
        "Iterations after which a plan is taken as it is",
        range=_COUNT,
        part="scorer",
        used_by=("sinkhorn",),
        by_options=True,
    ),
    Setting(
        "tolerance",
        "number",
        1e-6,
        "Tolerance",
        "L1 distance of the row sums from the captions' weights at which a plan has converged",
        range=Range(0.0, open=True),
        part="scorer",
        used_by=("sinkhorn",),
        by_options=True,
    ),
    Setting(
        "scorer_options",
        "options",
        {},
        "Other settings of the scorer",
        "Settings of a scorer of another package",
        part="scorer",
    ),
    Setting(
        "hubness_weight",
        "number",
        0.0,
        "Weight of hubness",
        "What an image's hubness, its nearness to everything, takes off its score; 0 is off",
        symbol="γ",
        range=_WEIGHT,
        part="hubness",
    ),
    Setting(
        "hubness_neighbours",
        "whole",
        200,
        "Neighbours for hubness",
        "How many nearest neighbours hubness averages over",
        range=_COUNT,
        part="hubness",
    ),
    Setting(
        "shortlist",
        "whole",
        None,
        "Shortlist",
        "Score only so many images, those nearest to the mean caption by their mean vectors",
        range=_COUNT,
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
        range=_WEIGHT,
    ),
    Setting(
        "device",
        "name",
        "cpu",
        "Device",
        "Where view sets are scored: cpu, cuda, cuda:N or auto; it changes no ranking",
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
