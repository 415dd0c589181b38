"""Everything that changes a ranking and is chosen at query time, as one checked value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from stitch_cir._hints import did_you_mean
from stitch_cir._schema import DECLARED, PRESETS, default_of, field_values
from stitch_cir.errors import SettingError
from stitch_cir.gallery import Where, parse_where
from stitch_cir.plugins import FUSIONS
from stitch_cir.transition import Linear, Transition, WeighsParts, transition_by_name
from stitch_cir.transport import ConditionalTransport, RoleScorer, Scorer, scorer_by_name

__all__ = ["PRESETS", "Hubness", "SearchSettings"]

_PARTS: dict[str, Any] = {"transition": transition_by_name, "scorer": scorer_by_name}
_NAMES_OF = {
    part: [name for name, each in DECLARED.items() if each.part == part and name != part]
    for part in (*_PARTS, "hubness")
}
"""Flat names of the settings that each object of the settings has."""
_LINEAR, _CONDITIONAL = Linear(), ConditionalTransport()


@dataclass(frozen=True, slots=True)
class Hubness:
    """How much nearness to everything takes off an image's score.

    ``weight``: γ in [0, 1000] in ``score − γ · hubness``, 0 is off; ``neighbours``: how many
    nearest ones it averages over, of which a small gallery has fewer (at most 3 % of its sampled
    views, :func:`stitch_cir.ranking.hubness`): results hold the number that was used. Raises
    ``SettingError``.
    """

    weight: float = default_of("hubness_weight")
    neighbours: int = default_of("hubness_neighbours")

    def __post_init__(self) -> None:
        """Check the values."""
        for name, value in field_values(self).items():
            object.__setattr__(self, name, DECLARED[f"hubness_{name}"].check(value))

    def settings(self) -> dict[str, Any]:
        """Return the values as flat settings, JSON-ready; none where it is off."""
        return _hubness_values(self) if self.weight else {}


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of one search; the defaults are the preset ``paper``.

    Every setting is declared in ``stitch_cir._schema`` with its range; ``docs/settings.md`` has the
    table. :meth:`from_preset` takes the flat form, in which a transition or scorer is a name.

    Parameters
    ----------
    k:
        Number of hits, ≥ 1, or all where fewer take part. ``None``: ten, or all of fewer.
    num_captions:
        K, the number of target captions that the composer writes, 1 … 64.
    transition, scorer:
        Objects such as ``Linear(alpha=0.45)``, or those of another package.
    hubness:
        What nearness to everything takes off a score.
    negative_weight:
        Weight in [0, 1000] of rejected images (``search(…, negatives=…)``).
    fusion:
        ``"weights"`` of the query's members, or ``"z-score"``: divided by their scores' spread.
    composed_weight, composed_instruction:
        The share in [0, 1] of a vector of reference and text, and what that is asked to find.
    shortlist:
        A number n scores the n images alone whose mean vector is nearest to the mean caption.
    measure_recall:
        With a shortlist, also search exhaustively and report how many of its hits survived.
    min_score:
        Leave out hits scored lower; ``None`` keeps all.
    strictness:
        Leave out hits that more than this share of random requests, in [0.0001, 0.5], would score
        as high; ``None`` keeps all. Results say where this cut-off lies.
    below_cutoff:
        Keep the hits below the cut-off, too; results still say where it lies.
    include, exclude:
        Shell-style patterns on gallery ids, applied *before* ranking (``*`` also matches ``/``).
    where:
        A condition on attributes, as text or as a :class:`stitch_cir.gallery.Where`, applied
        *before* ranking; stored as text. ``QueryError`` for a text that is none.
    group_by, group_size:
        Rank the groups of images that share a value of this attribute, each by its best image, and
        return the best ``group_size`` (1 … 100) of each. An image without a value is a group of its
        own.
    near_duplicates:
        ``"show"`` every image, or ``"collapse"`` those that are near-duplicates of one another to
        their best one, with a group by an attribute within each group.
    variety:
        Weight in [0, 1] of being unlike better hits, by maximal marginal relevance; 0 is off. The
        best 200 hits are put into another order, and keep their scores. Not with a reranker.
    include_reference:
        Keep the reference and its byte-identical duplicates in the ranking.
    rerank, rerank_weight:
        How many of the best hits a reranker judges, and the weight of its answer, in [0, 1000].
    verify_mode:
        ``"each"``: yes or no about each of them. ``"list"``, ``"grid"``: one ranking of all, asked
        in two orders; ``yes`` is then the mean standing, from 1 (first) to 0 (last).
    forbidden_weight:
        θF in [0, 10]: how much an image loses that shows what is to be avoided, beside the score
        (``search(…, avoid=…)``); for the scorer ``roles`` also what the composer found forbidden.
    role_tau:
        τ > 0 at which the phrases of roles look for their views.
    device:
        Where view sets are scored: ``cpu``, ``cuda``, ``cuda:N``, ``auto``; it changes no ranking.
    partial:
        Let a cluster answer while shards are missing, and say which; otherwise that is an error.
    preset:
        Name printed with the results; ``"custom"`` where a value of it is another.
    unused:
        Values of transitions and scorers that were not chosen; :meth:`with_` uses them.

    Raises ``SettingError`` for a value that a setting cannot have.
    """

    k: int | None = default_of("k")
    num_captions: int = default_of("num_captions")
    transition: Transition = _LINEAR
    scorer: Scorer = _CONDITIONAL
    hubness: Hubness = Hubness()
    negative_weight: float = default_of("negative_weight")
    fusion: str = default_of("fusion")
    composed_weight: float = default_of("composed_weight")
    composed_instruction: str | None = default_of("composed_instruction")
    shortlist: int | None = default_of("shortlist")
    measure_recall: bool = default_of("measure_recall")
    min_score: float | None = default_of("min_score")
    strictness: float | None = default_of("strictness")
    below_cutoff: bool = default_of("below_cutoff")
    include: tuple[str, ...] = default_of("include")
    exclude: tuple[str, ...] = default_of("exclude")
    where: str | Where | None = None
    group_by: str | None = default_of("group_by")
    group_size: int = default_of("group_size")
    near_duplicates: str = default_of("near_duplicates")
    variety: float = default_of("variety")
    include_reference: bool = default_of("include_reference")
    rerank: int = default_of("rerank")
    rerank_weight: float = default_of("rerank_weight")
    verify_mode: str = default_of("verify_mode")
    device: str = default_of("device")
    partial: bool = default_of("partial")
    forbidden_weight: float = default_of("forbidden_weight")
    role_tau: float = default_of("role_tau")
    preset: str = default_of("preset")
    unused: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every value once, here, so that no front end has to."""
        for name, kind in (("transition", Transition), ("scorer", Scorer), ("hubness", Hubness)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise SettingError(
                    f"{name} is {value!r}, which is no {kind.__name__}.",
                    hint=f"Give an object, or its name: SearchSettings.from_preset({name}=…).",
                )
        if self.where is not None:
            where = parse_where(self.where) if isinstance(self.where, str) else self.where
            object.__setattr__(self, "where", str(where))
        for name in _PLAIN:
            object.__setattr__(self, name, DECLARED[name].check(getattr(self, name)))
        FUSIONS.load(self.fusion)
        if self.variety and self.rerank:
            raise SettingError(
                "Variety and a reranker are both to order the hits.",
                hint="Leave one of them out: variety 0, or rerank 0.",
            )
        product = isinstance(self.scorer, RoleScorer) and self.scorer.role_rule == "product"
        if product and isinstance(self.transition, WeighsParts):
            raise SettingError(
                f"The transition {self.transition.name} adds scores, role_rule multiplies them.",
                hint="Use role_rule sum, or another transition.",
            )
        if self.preset != "custom":
            values = self._values()
            base = _preset(self.preset)
            # a small gallery has fewer neighbours than a preset names: results record how many
            base = {**base, "hubness_neighbours": values["hubness_neighbours"]}
            if any(values.get(name) != value for name, value in base.items()):
                object.__setattr__(self, "preset", "custom")

    @classmethod
    def from_preset(cls, preset: str | None = None, **overrides: Any) -> SearchSettings:
        """Take a preset (``None``: ``paper``) and override single values by their flat names.

        ``transition="pdv", scale=2`` and ``transition=PDV(scale=2)`` are the same. ``None`` means
        "not set". A value that the chosen transition or scorer does not have changes nothing.
        Raises ``SettingError`` for an unknown preset or setting, and for a value out of its range.
        """
        preset = default_of("preset") if preset is None else preset
        values = {name: value for name, value in overrides.items() if value is not None}
        _require_declared(values)
        for part in _PARTS:
            if not isinstance(values.get(part, ""), str):
                beside = [name for name in _NAMES_OF[part] if name in values]
                if beside:
                    raise SettingError(
                        f"{beside[0]} is set beside a {part} that is an object.",
                        hint=f"Set it in the object, or name the {part}.",
                    )
        return cls._make({**_preset(preset), **values}, preset)

    def for_one_image(self) -> SearchSettings:
        """Return the settings by which one image is ranked among all others."""
        return self.with_(k=1, shortlist=None, strictness=None)

    def with_(self, **changes: Any) -> SearchSettings:
        """Copy with some values changed (and checked again), by field or by flat name."""
        _require_declared(changes)
        values: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        values |= self.unused
        for part in _PARTS:
            current = getattr(self, part)
            part_values = _part_values(part, current)
            if part in changes:
                # what both have carries over; what only this one has is kept for another
                part_values.pop(f"{part}_options", None)
                values |= part_values
            elif any(name in changes for name in _NAMES_OF[part]):
                values |= {**part_values, part: current.name}
            else:
                values[part] = current
        values |= {"hubness": self.hubness}
        if any(name in changes for name in _NAMES_OF["hubness"]):
            values |= _hubness_values(values.pop("hubness"))
        return self._make({**values, **changes}, changes.get("preset", self.preset))

    @classmethod
    def _make(cls, values: Mapping[str, Any], preset: str) -> SearchSettings:
        parts: dict[str, Any] = {}
        used: set[str] = set()
        for part, make in _PARTS.items():
            chosen = values.get(part, default_of(part))
            if isinstance(chosen, str):
                shared = {
                    name: values.get(name, default_of(name))
                    for name in _NAMES_OF[part]
                    if DECLARED[name].kind != "options"
                    and (name in values or not DECLARED[name].by_options)
                }
                options = DECLARED[f"{part}_options"].check(values.get(f"{part}_options", {}))
                chosen = make(chosen, options=options, **shared)
            parts[part] = chosen
            used |= {f"{part}_options", *_part_values(part, chosen)}
        hubness = values.get("hubness")
        if hubness is None:
            of_hubness = {name.removeprefix("hubness_"): name for name in _NAMES_OF["hubness"]}
            hubness = Hubness(
                **{key: values[name] for key, name in of_hubness.items() if name in values}
            )
        unused = {
            name: values[name]
            for part in _PARTS
            for name in _NAMES_OF[part]
            if name in values and name not in used
        }
        plain = {name: values[name] for name in _PLAIN if name in values}
        return cls(**plain, **parts, hubness=hubness, preset=preset, unused=unused)

    @property
    def scores_roles(self) -> bool:
        """Whether the scorer scores the roles of a composition beside its captions."""
        return isinstance(self.scorer, RoleScorer)

    @property
    def filters(self) -> bool:
        """Whether patterns or a condition leave images out."""
        return bool(self.include or self.exclude or self.where)

    def method(self) -> str:
        """Return transition and scorer with the values that shape them, for one line of output."""
        transition = _described("transition", self.transition)
        return f"transition {transition} · {_described('scorer', self.scorer)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the flat form, JSON-ready: recorded with every result.

        It has every setting but those of transitions and scorers that were not chosen.
        """
        return self._values()

    def _values(self) -> dict[str, Any]:
        values = {
            "preset": self.preset,
            **{name: getattr(self, name) for name in _PLAIN},
            **_hubness_values(self.hubness),
        }
        for part in _PARTS:
            made = getattr(self, part)
            values |= {part: made.name, **_part_values(part, made)}
        return {name: values[name] for name in DECLARED if name in values}


_PLAIN = tuple(
    each.name
    for each in fields(SearchSettings)
    if each.name in DECLARED and DECLARED[each.name].part is None and each.name != "preset"
)
"""Settings that are fields of their own and no object's."""


def _part_values(part: str, made: Transition | Scorer) -> dict[str, Any]:
    """Return the settings of a transition or scorer as flat ones."""
    values = {name: value for name, value in made.settings().items() if name != part}
    declared = {name: value for name, value in values.items() if name in _NAMES_OF[part]}
    others = {name: value for name, value in values.items() if name not in declared}
    return {**declared, **({f"{part}_options": others} if others else {})}


def _hubness_values(hubness: Hubness) -> dict[str, Any]:
    return {f"hubness_{name}": value for name, value in field_values(hubness).items()}


def _described(part: str, made: Transition | Scorer) -> str:
    """Return a name with the settings that shape it, such as ``linear α 0.45``."""
    values = _part_values(part, made)
    others = values.pop(f"{part}_options", {})
    signed = [
        f"{DECLARED[name].symbol} {value:g}"
        for name, value in values.items()
        if DECLARED[name].symbol
    ]
    return " ".join((made.name, *signed, *(f"{name} {value}" for name, value in others.items())))


def _preset(name: str) -> Mapping[str, Any]:
    if name in PRESETS:
        return PRESETS[name]
    raise SettingError(
        f"There is no preset {name!r}.",
        hint=f"{did_you_mean(name, PRESETS)}Presets: {', '.join(PRESETS)}.",
    )


def _require_declared(values: Mapping[str, Any]) -> None:
    names = [*DECLARED, "hubness"]
    for name in values:
        if name not in names:
            raise SettingError(
                f"There is no setting {name!r}.",
                hint=f"{did_you_mean(name, names)}Settings: {', '.join(names)}.",
            )
