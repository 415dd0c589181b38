"""The settings of a request: written by scripts/generate.py from stitch_cir._schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict
from typing_extensions import TypedDict

from stitch_cir.wire._declared import Condition, Name, Number, Options, Patterns, declared

__all__ = ["QuerySettings"]


class QuerySettings(TypedDict, total=False):
    """What changes the ranking; a setting that is left out has the preset's value."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]

    k: Annotated[int | None, declared("k")]
    num_captions: Annotated[int | None, declared("num_captions")]
    preset: Annotated[Name | None, declared("preset")]
    transition: Annotated[Name | None, declared("transition")]
    alpha: Annotated[Number | None, declared("alpha")]
    beta: Annotated[Number | None, declared("beta")]
    scale: Annotated[Number | None, declared("scale")]
    image_weight: Annotated[Number | None, declared("image_weight")]
    gain: Annotated[Number | None, declared("gain")]
    loss: Annotated[Number | None, declared("loss")]
    anchor_weight: Annotated[Number | None, declared("anchor_weight")]
    debias_weight: Annotated[Number | None, declared("debias_weight")]
    transition_options: Annotated[Options | None, declared("transition_options")]
    negative_weight: Annotated[Number | None, declared("negative_weight")]
    fusion: Annotated[Name | None, declared("fusion")]
    composed_weight: Annotated[Number | None, declared("composed_weight")]
    composed_instruction: Annotated[Condition | None, declared("composed_instruction")]
    scorer: Annotated[Name | None, declared("scorer")]
    tau: Annotated[Number | None, declared("tau")]
    rho: Annotated[Number | None, declared("rho")]
    rest_weight: Annotated[Number | None, declared("rest_weight")]
    epsilon: Annotated[Number | None, declared("epsilon")]
    global_term: Annotated[Name | None, declared("global_term")]
    global_weight: Annotated[Number | None, declared("global_weight")]
    desired_weight: Annotated[Number | None, declared("desired_weight")]
    preserve_weight: Annotated[Number | None, declared("preserve_weight")]
    role_rule: Annotated[Name | None, declared("role_rule")]
    scorer_options: Annotated[Options | None, declared("scorer_options")]
    forbidden_weight: Annotated[Number | None, declared("forbidden_weight")]
    role_tau: Annotated[Number | None, declared("role_tau")]
    hubness_weight: Annotated[Number | None, declared("hubness_weight")]
    hubness_neighbours: Annotated[int | None, declared("hubness_neighbours")]
    min_score: Annotated[Number | None, declared("min_score")]
    strictness: Annotated[Number | None, declared("strictness")]
    below_cutoff: Annotated[bool | None, declared("below_cutoff")]
    include: Annotated[Patterns | None, declared("include")]
    exclude: Annotated[Patterns | None, declared("exclude")]
    where: Annotated[Condition | None, declared("where")]
    group_by: Annotated[Name | None, declared("group_by")]
    group_size: Annotated[int | None, declared("group_size")]
    near_duplicates: Annotated[Name | None, declared("near_duplicates")]
    variety: Annotated[Number | None, declared("variety")]
    include_reference: Annotated[bool | None, declared("include_reference")]
    partial: Annotated[bool | None, declared("partial")]
