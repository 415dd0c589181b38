"""Figures that papers report, for orientation beside measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["BIG_G", "DISCLAIMER", "LARGE", "PublishedAblation", "PublishedFigures"]

LARGE = "OpenAI ViT-L/14"
BIG_G = "OpenCLIP ViT-bigG-14 laion2b_s39b_b160k"
CITATIONS = {
    "SEARLE": "Baldrati et al., ICCV 2023",
    "CIReVL": "Karthik et al., ICLR 2024",
    "LDRE": "Yang et al., SIGIR 2024",
    "OSrCIR": "Tang et al., CVPR 2025",
    "SEIZE": "Yang et al., ACM MM 2024",
    "STiTch": "the paper that this library implements",
}
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
    weights: str = BIG_G


@dataclass(frozen=True, slots=True)
class PublishedFigures:
    """Figures as papers print them, in percent.

    ``columns`` are (weights, metric) pairs, ``rows`` the figures by method, None where a paper
    reports none; ``citations`` name the paper of each method.
    """

    columns: tuple[tuple[str, str], ...]
    rows: Mapping[str, tuple[str | None, ...]]
    ablation: PublishedAblation | None = None
    citations: Mapping[str, str] = field(default_factory=lambda: CITATIONS)
