"""Everything that changes a ranking and is chosen at query time, with the presets of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from stitch_cir._hints import did_you_mean
from stitch_cir.errors import SettingError
from stitch_cir.transition import Transition, transition_by_name
from stitch_cir.transport import Scorer, scorer_by_name

__all__ = ["PRESETS", "SearchSettings"]

LARGEST_WEIGHT = 1000.0
"""A weight beyond this leaves nothing of the score, and far beyond it no finite number."""
_SIGNS = {
    "alpha": "α",
    "beta": "β",
    "scale": "λ",
    "image_weight": "w",
    "gain": "λ₊",
    "loss": "λ₋",
    "tau": "τ",
    "epsilon": "ε",
}
_METHOD = {"transition": "linear", "scorer": "conditional"}
PRESETS: dict[str, dict[str, Any]] = {
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
"""Query-time halves of the two published settings (method §6; the views belong to the gallery), and
the settings for galleries that are captions (docs/cirr-captions.md)."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of one search; the defaults are the preset ``paper``.

    Parameters
    ----------
    k:
        Number of hits wanted, ≥ 1; where fewer images take part, all of them come back, with a
        note. ``None``: ten, or all of a smaller gallery.
    num_captions:
        K, the number of target captions asked of the composer, 1 … 64.
    transition, alpha, beta:
        Name in ``stitch_cir.plugins.TRANSITIONS.names()``; α in [0, 1] weighs the modification
        (linear, away), β in [0, 1] is how much of the reference is taken away (away).
    scale, image_weight:
        λ in [−1000, 1000], the length of the step along the change, and w in [0, 1], the weight
        of the reference image moved by it (pdv).
    gain, loss:
        λ₊ and λ₋ in [0, 1000], how much rising and falling scores count (semantic-increment).
    transition_options, scorer_options:
        Settings of a transition or scorer of another package beyond these: numbers, texts or
        booleans by name. It must have all of them.
    negative_weight:
        Weight in [0, 1000] of pictures the user rejected (``search(…, negatives=…)``).
    scorer, tau, epsilon:
        Name in ``stitch_cir.plugins.SCORERS.names()``; τ > 0 on raw cosine (conditional transport);
        ε ≥ 1e-6 (Sinkhorn, whose results say so where it did not converge).
    hubness_weight, hubness_neighbours:
        γ in [0, 1000] takes ``γ · hubness`` off the score of images that are near everything (0:
        never); k, the neighbours that hubness averages over, of which a small gallery has fewer
        (at most 3 % of its sampled views, see :func:`stitch_cir.ranking.hubness`): results hold
        the number that was used.
    shortlist:
        ``None`` scores every view set. A number n first keeps the n images whose normalised mean
        vector is nearest to the mean caption, then scores those only.
    measure_recall:
        With a shortlist, also run the exhaustive search and report how many of its hits survived.
    min_score:
        Leave out hits scored lower, in [−2, 2]; ``None`` keeps all.
    include, exclude:
        Shell-style patterns on gallery ids, applied *before* ranking (``*`` also matches ``/``).
    include_reference:
        Keep the reference and its byte-identical duplicates in the ranking.
    rerank, rerank_weight:
        How many of the best hits a reranker judges (0: none) and the weight of its answer, in
        [0, 1000], in ``score + rerank_weight · (2·yes − 1)``.
    device:
        Where view sets are scored: ``cpu`` (NumPy), ``cuda``, ``cuda:N`` or ``auto`` (torch, the
        extra ``torch``). It changes no ranking; results record the device that was used.
    preset:
        Name printed with the results; ``"custom"`` once a preset's value was overridden.
    """

    k: int | None = None
    num_captions: int = 5
    transition: str = "linear"
    alpha: float = 0.45
    beta: float = 0.1
    scale: float = 1.4
    image_weight: float = 0.25
    gain: float = 0.13
    loss: float = 2.1
    transition_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    negative_weight: float = 0.3
    scorer: str = "conditional"
    tau: float = 0.001
    epsilon: float = 0.01
    scorer_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    hubness_weight: float = 0.0
    hubness_neighbours: int = 200
    shortlist: int | None = None
    measure_recall: bool = True
    min_score: float | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include_reference: bool = False
    rerank: int = 0
    rerank_weight: float = 1.0
    device: str = "cpu"
    preset: str = "paper"

    def __post_init__(self) -> None:
        """Check every range once, here, so that no front end has to."""
        if self.k is not None:
            _whole("k", self.k, 1, None)
        _whole("num_captions", self.num_captions, 1, 64)
        if self.shortlist is not None:
            _whole("shortlist", self.shortlist, 1, None)
        _whole("rerank", self.rerank, 0, None)
        _whole("hubness_neighbours", self.hubness_neighbours, 1, None)
        for name in ("hubness_weight", "rerank_weight", "negative_weight"):
            weight = getattr(self, name)
            if not (math.isfinite(weight) and 0 <= weight <= LARGEST_WEIGHT):
                raise SettingError(
                    f"{name} is {weight!r}.", hint=f"It must be between 0 and {LARGEST_WEIGHT:g}."
                )
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise SettingError(
                f"min_score is {self.min_score!r}, which is not a finite number.",
                hint="Scores lie between -2 and 2.",
            )
        if self.preset not in (*PRESETS, "custom"):
            raise _no_preset(self.preset)
        for name in ("transition_options", "scorer_options"):
            object.__setattr__(self, name, _plug_in_options(name, getattr(self, name)))
        self.make_transition()
        self.make_scorer()

    @classmethod
    def from_preset(cls, preset: str = "paper", **overrides: Any) -> SearchSettings:
        """Take a preset and override single values; ``None`` in ``overrides`` means "not given".

        Raises ``SettingError`` for an unknown preset or setting.
        """
        if preset not in PRESETS:
            raise _no_preset(preset)
        given = {name: value for name, value in overrides.items() if value is not None}
        unknown = set(given) - {each.name for each in fields(cls)}
        if unknown:
            raise SettingError(
                f"There is no setting {sorted(unknown)[0]!r}.",
                hint=f"Settings: {', '.join(each.name for each in fields(cls))}.",
            )
        base = PRESETS[preset]
        changed = any(given.get(name, value) != value for name, value in base.items())
        return cls(**{**base, "preset": "custom" if changed else preset, **given})

    def make_transition(self) -> Transition:
        """Build the transition these settings name."""
        return transition_by_name(
            self.transition,
            options=self.transition_options,
            alpha=self.alpha,
            beta=self.beta,
            scale=self.scale,
            image_weight=self.image_weight,
            gain=self.gain,
            loss=self.loss,
        )

    def make_scorer(self) -> Scorer:
        """Build the scorer these settings name."""
        return scorer_by_name(
            self.scorer, options=self.scorer_options, tau=self.tau, epsilon=self.epsilon
        )

    def method(self) -> str:
        """Return transition and scorer with the values that shape them, for one line of output."""
        transition = _described(
            self.transition, self.make_transition().settings(), self.transition_options
        )
        scorer = _described(self.scorer, self.make_scorer().settings(), self.scorer_options)
        return f"transition {transition} · {scorer}"

    def hubness_settings(self) -> dict[str, Any]:
        """Give γ and k, JSON-ready; nothing where hubs are left alone."""
        if not self.hubness_weight:
            return {}
        return {
            "hubness_weight": self.hubness_weight,
            "hubness_neighbours": self.hubness_neighbours,
        }

    def with_(self, **changes: Any) -> SearchSettings:
        """Copy with some values changed (and checked again)."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, recorded with every result; without options that are empty."""
        return {
            name: value
            for name, value in asdict(self).items()
            if value or name not in ("transition_options", "scorer_options")
        }


def _described(name: str, settings: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return a name with the settings that shape it, such as ``linear α 0.45``."""
    signed = [f"{_SIGNS[key]} {settings[key]:g}" for key in settings if key in _SIGNS]
    others = [f"{key} {options[key]}" for key in options if key not in _SIGNS]
    return " ".join((name, *signed, *others))


def _plug_in_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a dictionary. Raises ``SettingError`` unless they are plain values."""
    usable = isinstance(options, Mapping) and all(
        isinstance(key, str)
        and isinstance(value, (bool, int, float, str))
        and not (isinstance(value, float) and not math.isfinite(value))
        for key, value in options.items()
    )
    if not usable:
        raise SettingError(
            f"{name} is {options!r}.",
            hint="It must map names to finite numbers, texts or booleans.",
        )
    return dict(options)


def _no_preset(name: str) -> SettingError:
    return SettingError(
        f"There is no preset {name!r}.",
        hint=f"{did_you_mean(name, PRESETS)}Presets: {', '.join(PRESETS)}.",
    )


def _whole(name: str, value: Any, low: int, high: int | None) -> None:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if not fits or (high is not None and value > high):
        span = f"a whole number of at least {low}" if high is None else f"between {low} and {high}"
        raise SettingError(f"{name} is {value!r}.", hint=f"It must be {span}.")
