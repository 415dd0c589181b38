"""Figures that papers report, for orientation beside measured ones."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

__all__ = [
    "DISCLAIMER",
    "PublishedAblation",
    "PublishedFigures",
    "PublishedRow",
    "published_figures",
]

DISCLAIMER = (
    "Other weights, other language models: not a ranking. Published figures stand here for "
    "orientation only, as papers print them, some in later papers than the one named; none was "
    "measured by this project, and the weights alone move a result by more than most methods do "
    "(CIReVL's CIRR R@1 at ViT-L/14: 24.5 with OpenAI's weights, 33.5 with OpenCLIP's)."
)


@dataclass(frozen=True, slots=True)
class PublishedAblation:
    """STiTch's published ablation: figures of ``metrics`` without and with its two parts."""

    metrics: tuple[str, ...]
    neither: tuple[str, ...]
    transition: tuple[str, ...]
    transport: tuple[str, ...]
    both: tuple[str, ...]
    weights: str


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """What a paper prints for one method: with which weights, and which language model.

    ``values`` are in the order of the metrics, in percent, None where it reports none.
    """

    method: str
    weights: str
    llm: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """Figures as papers print them; ``citations`` name the paper of each method."""

    metrics: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    ablation: PublishedAblation | None = None
    citations: Mapping[str, str] = field(default_factory=dict)


def published_figures(dataset: str) -> dict[str, PublishedFigures]:
    """Return the published figures of a data set, by split."""
    data = _read()
    return {
        split: PublishedFigures(
            tuple(figures["metrics"]),
            tuple(
                PublishedRow(row["method"], row["weights"], row["llm"], tuple(row["values"]))
                for row in figures["rows"]
            ),
            None if figures["ablation"] is None else _ablation(figures["ablation"]),
            data["citations"],
        )
        for split, figures in data["datasets"].get(dataset, {}).items()
    }


@functools.cache
def _read() -> dict[str, Any]:
    file = resources.files("stitch_cir.datasets").joinpath("published.json")
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return data


def _ablation(data: Mapping[str, Any]) -> PublishedAblation:
    return PublishedAblation(
        tuple(data["metrics"]),
        tuple(data["neither"]),
        tuple(data["transition"]),
        tuple(data["transport"]),
        tuple(data["both"]),
        data["weights"],
    )
