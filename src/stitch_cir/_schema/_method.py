"""The settings of the method: moving captions, scoring sets, and what hubness subtracts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stitch_cir._schema._setting import LARGEST, Range, Setting

__all__ = ["COUNT", "PRESETS", "SCORER_SETTINGS", "TRANSITION_SETTINGS", "WEIGHT"]

_METHOD = {"transition": "linear", "scorer": "conditional"}
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {**_METHOD, "num_captions": 5, "alpha": 0.45, "tau": 0.001},
        "public-code": {**_METHOD, "num_captions": 5, "alpha": 0.5, "tau": 0.001},
        "mulvec": {
            "transition": "none",
            "scorer": "roles",
            "num_captions": 1,
            "global_term": "original",
            "global_weight": 1.0,
            "desired_weight": 0.5,
            "preserve_weight": 0.2,
            "forbidden_weight": 0.5,
            "role_rule": "sum",
            "role_tau": 0.02,
        },
        "sdr-cir": {
            "transition": "anchor-debias",
            "scorer": "point",
            "num_captions": 1,
            "anchor_weight": 0.15,
            "debias_weight": 0.35,
        },
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
"""Query-time halves of the two published settings (method §6; the views belong to the gallery); of
MulVec and SDR-CIR, whose papers do not print all weights (docs/roles.md); and the settings for
galleries that are captions (docs/cirr-captions.md)."""

_SHARE = Range(0.0, 1.0)
WEIGHT = Range(0.0, LARGEST)
COUNT = Range(1)

TRANSITION_SETTINGS = (
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
        used_by=("linear", "away", "image-text"),
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
        range=WEIGHT,
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
        range=WEIGHT,
        part="transition",
        used_by=("semantic-increment",),
    ),
    Setting(
        "anchor_weight",
        "number",
        0.1,
        "Weight of the image anchor",
        "How much of the reference image is mixed into every caption",
        range=_SHARE,
        part="transition",
        used_by=("anchor-debias",),
    ),
    Setting(
        "debias_weight",
        "number",
        0.2,
        "Weight of the debiasing",
        "How much is taken off that captions score beyond the modification",
        # beyond it, rounding to float32 would change rankings
        range=Range(0.0, 10.0),
        part="transition",
        used_by=("anchor-debias",),
    ),
    Setting(
        "transition_options",
        "options",
        {},
        "Other settings of the transition",
        "Settings of a transition of another package",
        part="transition",
    ),
)
"""How captions, or the images' scores, move toward the modification."""

SCORER_SETTINGS = (
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
        used_by=("conditional", "roles"),
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
        used_by=("conditional", "chamfer", "roles"),
    ),
    Setting(
        "rest_weight",
        "number",
        0.1,
        "Weight of further views",
        "Weight of the mean of an image's views behind the first, such as its captions",
        symbol="β",
        range=_SHARE,
        part="scorer",
        used_by=("mixed",),
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
        range=COUNT,
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
        "global_term",
        "name",
        "original",
        "Global term",
        "What the captions are compared with beside the roles: the original view, or by transport "
        "with all views",
        choices=("original", "transport"),
        part="scorer",
        used_by=("roles",),
    ),
    Setting(
        "global_weight",
        "number",
        1.0,
        "Weight of the captions",
        "How much the global term counts beside the roles",
        symbol="θG",
        range=WEIGHT,
        part="scorer",
        used_by=("roles",),
    ),
    Setting(
        "desired_weight",
        "number",
        0.5,
        "Weight of what is desired",
        "How much it counts that some view shows each desired phrase",
        symbol="θD",
        range=WEIGHT,
        part="scorer",
        used_by=("roles",),
    ),
    Setting(
        "preserve_weight",
        "number",
        0.2,
        "Weight of what is preserved",
        "How much it counts that some view shows each phrase to be preserved, and is like a view "
        "of the reference",
        symbol="θP",
        range=WEIGHT,
        part="scorer",
        used_by=("roles",),
    ),
    Setting(
        "role_rule",
        "name",
        "sum",
        "How roles combine",
        "Add the roles to the global term, or multiply it by what they reward and penalise",
        choices=("sum", "product"),
        part="scorer",
        used_by=("roles",),
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
        "forbidden_weight",
        "number",
        0.5,
        "Weight of what is avoided",
        "How much an image loses that shows a forbidden phrase in some view; 0 is off",
        symbol="θF",
        # beyond it, rounding to float32 would change rankings
        range=Range(0.0, 10.0),
    ),
    Setting(
        "role_tau",
        "number",
        0.02,
        "Temperature of the roles",
        "Temperature at which a phrase of a role looks for its view",
        range=Range(0.0, open=True),
    ),
    Setting(
        "hubness_weight",
        "number",
        0.0,
        "Weight of hubness",
        "What an image's hubness, its nearness to everything, takes off its score; 0 is off",
        symbol="γ",
        range=WEIGHT,
        part="hubness",
    ),
    Setting(
        "hubness_neighbours",
        "whole",
        200,
        "Neighbours for hubness",
        "How many nearest neighbours hubness averages over",
        range=COUNT,
        part="hubness",
    ),
)
"""How captions are compared with views, and what is subtracted from the scores."""
