"""Published methods as presets of one frame: how captions are made, moved, scored and fused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import SettingError
from stitch_cir.searcher._settings import PRESETS, SearchSettings

__all__ = ["METHODS", "Method", "method_by_name"]

Route = Literal["chat", "two-stage", "none"]


@dataclass(frozen=True, slots=True)
class Method:
    """A published method, as nearly as this frame has it.

    Parameters
    ----------
    name, paper:
        Its name here, and where it was published.
    route:
        Who writes the captions: a multimodal model that sees the reference (``chat``), a captioner
        and then a text model (``two-stage``), or nobody (``none``): the rule-based composer.
    prompt:
        The prompt of that route, in this project's words.
    values:
        Its settings, by their flat names.
    differs:
        What is not as in the paper.
    max_tokens:
        New tokens an answer may have, where a model is to reason before it answers.
    published_as:
        What tables of published figures call it, where that is not its name.
    by_dataset:
        Values that the paper has for single data sets, by the data set's name; ``values`` are those
        of the others.
    """

    name: str
    paper: str
    route: Route
    prompt: str | None
    differs: str
    values: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int | None = None
    published_as: str = ""
    by_dataset: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def needs_model(self) -> bool:
        """Whether its captions are written by a language model."""
        return self.route != "none"

    def settings(self, **overrides: Any) -> SearchSettings:
        """Return its settings; ``overrides`` that are not ``None`` win.

        Raises ``SettingError`` for a value out of its range.
        """
        chosen = {name: value for name, value in overrides.items() if value is not None}
        return SearchSettings.from_preset(**{**self.values, **chosen})

    def facts(self, settings: SearchSettings) -> dict[str, Any]:
        """Return its name, its paper, and which of its settings are others here, JSON-ready."""
        values = settings.to_dict()
        changed = {
            name: values.get(name)
            for name, value in self.values.items()
            if values.get(name) != value
        }
        return {"name": self.name, "paper": self.paper, "changed": changed}

    def note(self, settings: SearchSettings) -> str:
        """Return which method was searched with, and what of it was set to something else."""
        changed = self.facts(settings)["changed"]
        listed = ", ".join(f"{name} {value}" for name, value in changed.items())
        return f"Method {self.name} ({self.paper})" + (f", but with {listed}." if changed else ".")


_ONE_VECTOR = {"transition": "none", "scorer": "point"}
_REASONING = 800
_ALL = (
    Method(
        "stitch",
        "Li et al., CVPR 2026, arXiv 2605.21261",
        "chat",
        "edit-1",
        "the prompt's wording; views are a grid unless random ones were indexed",
        {
            "transition": "linear",
            "scorer": "conditional",
            "num_captions": 5,
            "alpha": 0.45,
            "tau": 0.001,
        },
    ),
    Method(
        "cirevl",
        "Karthik et al., ICLR 2024, arXiv 2310.09291",
        "two-stage",
        "rewrite-1",
        "the prompt's wording; any captioner, where the paper has BLIP-2",
        {**_ONE_VECTOR, "num_captions": 1},
    ),
    Method(
        "ldre",
        "Yang et al., SIGIR 2024",
        "two-stage",
        "rewrite-1",
        "captions weigh alike, as in its code for CIRR; its code for CIRCO weighs the n-th caption "
        "of all queries by what they lose over the whole test set",
        {**_ONE_VECTOR, "num_captions": 15},
    ),
    Method(
        "seize",
        "Yang et al., ACM MM 2024",
        "two-stage",
        "rewrite-1",
        "each caption's vector is normalised before the mean; λ are those of CIRCO with CLIP L/14",
        {"transition": "semantic-increment", "scorer": "point", "num_captions": 15},
    ),
    Method(
        "osrcir",
        "Tang et al., CVPR 2025, arXiv 2412.11077",
        "chat",
        "reflect-1",
        "the prompt's wording, with one worked example",
        {**_ONE_VECTOR, "num_captions": 1},
        _REASONING,
    ),
    Method(
        "pdv",
        "Tursun et al., WACV 2026, arXiv 2502.07215",
        "two-stage",
        "rewrite-1",
        "one λ for text and image; on LDRE's captions",
        {
            "transition": "pdv",
            "scorer": "point",
            "num_captions": 15,
            "scale": 1.4,
            "image_weight": 0.25,
        },
        published_as="LDRE + PDV-F",
    ),
    Method(
        "weimocir",
        "Wu et al., 2024, arXiv 2409.04918",
        "none",
        None,
        "the gallery's captions are whatever was indexed beside the image; α and β are those of "
        "the authors' commands for CLIP; image and text are normalised before they are added",
        {"transition": "image-text", "scorer": "mixed", "alpha": 0.8, "rest_weight": 0.1},
    ),
    Method(
        "basic",
        "Psomas et al., NeurIPS 2025, arXiv 2510.25387",
        "none",
        None,
        "images are centred on the gallery's mean in the place of LAION's; the texts that are "
        "projected on, and against, are this project's; the smallest similarities are those of the "
        "gallery in the place of generated images; the text is not put into contexts",
        {"transition": "projected-parts", "scorer": "harris"},
    ),
    Method(
        "mulvec",
        "arXiv 2608.25305, 2026",
        "none",
        None,
        "rules read the roles, where the paper has Qwen3.6-27B (--composer chat --model NAME has a "
        "model write them); weights of the roles are this project's, the paper prints none; crops "
        "stand for its grid of 49 or 64 local vectors; the reference's views count only where "
        "something is to be preserved, in the paper always",
        PRESETS["mulvec"],
    ),
    Method(
        "sdr-cir",
        "Sun et al., WWW 2026, arXiv 2602.04451",
        "chat",
        "reflect-1",
        "the prompt's wording; α and β are the paper's for CIRCO (CIRR 0.05 and 0.5, FashionIQ 0.2 "
        "and 0.4)",
        PRESETS["sdr-cir"],
        _REASONING,
        by_dataset={
            "cirr": {"anchor_weight": 0.05, "debias_weight": 0.5},
            "fashioniq": {"anchor_weight": 0.2, "debias_weight": 0.4},
        },
    ),
    Method(
        "sum",
        "BGE-VL, Zhou et al., ACL 2025, arXiv 2412.14475",
        "none",
        None,
        "nothing with BGE-VL's weights; the control “image + text” with any other",
        {**_ONE_VECTOR, "composed_weight": 1.0},
        published_as="BGE-VL",
    ),
)

METHODS: Mapping[str, Method] = MappingProxyType({each.name: each for each in _ALL})
"""Every method by name."""


def method_by_name(name: str) -> Method:
    """Return a method. Raises ``SettingError`` for a name that none has."""
    if name in METHODS:
        return METHODS[name]
    raise SettingError(
        f"There is no method {name!r}.",
        hint=f"{did_you_mean(name, METHODS)}Methods: {', '.join(METHODS)}.",
    )
