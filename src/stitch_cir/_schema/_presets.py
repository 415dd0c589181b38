"""Presets: the values of several settings under one name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["PRESETS"]

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
