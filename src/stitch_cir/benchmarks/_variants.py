"""Ways of searching with the same encoded queries: the main one, its controls, its sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stitch_cir.encoders import SumEncoder
from stitch_cir.searcher import SearchSettings
from stitch_cir.transition import WeighsParts

__all__ = ["ALPHAS", "ANCHORS", "TAUS", "Variant", "variants_of"]

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
ANCHORS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
TAUS = (0.0001, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 10.0)

QueryKind = Literal["composed", "image"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of searching. ``query`` is the composition, or the reference's own view set.

    ``composed`` names the encoder whose vectors of reference and text together are members of the
    query, with the settings' weight; ``""`` for none.
    """

    name: str
    role: str
    label: str
    settings: SearchSettings
    query: QueryKind = "composed"
    composed: str = ""

    def facts(self) -> dict[str, Any]:
        """Return what shapes this variant's ranking, JSON-ready."""
        if self.query == "image":
            query, transition = "image", {"transition": "none"}
        else:
            # without its captions, only the modification is left of a query
            query = self.query if self.settings.transition.keeps_captions else "text"
            transition = self.settings.transition.settings()
        composed: dict[str, Any] = {}
        if self.settings.fusion != "weights":
            composed["fusion"] = self.settings.fusion
        if self.composed:
            weight = self.settings.composed_weight
            composed |= {"composed": self.composed, "composed_weight": weight}
        return {
            "query": query,
            "alpha": None,
            "tau": None,
            **composed,
            **transition,
            **self.settings.scorer.settings(),
            **self.settings.hubness.settings(),
            **self._role_facts(),
        }

    def _role_facts(self) -> dict[str, Any]:
        """Return the settings of roles, where they count: equal facts are ranked once."""
        settings = self.settings
        if not settings.scores_roles or self.query == "image":
            return {}
        return {"forbidden_weight": settings.forbidden_weight, "role_tau": settings.role_tau}


def variants_of(
    settings: SearchSettings,
    *,
    controls: bool = True,
    sweeps: bool = True,
    composed: str = SumEncoder.name,
) -> list[Variant]:
    """Return the variants of a run, the main one first.

    The reference alone and the modification alone are always among them, since no report is without
    the composition gap. Controls: the sum of their vectors alone, and every other scorer under the
    same queries; where roles count, also without each of them, and their rescoring by reward and
    penalty (SoFT). ``composed`` names the encoder of reference and text together: where the
    settings give it a weight, it is part of the queries, and its vectors alone and the queries
    without them are controls too. Ablation: transition and transport removed one by one and
    together, where "without transport" is mean pooling. Sweeps: α for a transition that has it, τ
    for a scorer that has it, and the weight of an image anchor.
    """
    member = composed if settings.composed_weight else ""
    plain = settings.with_(composed_weight=0.0)
    variants = [
        Variant("main", "main", "main", settings, composed=member),
        Variant("image-only", "control", "image only", plain, "image"),
        Variant("text-only", "control", "text only", plain.with_(transition="text-only")),
    ]
    if controls:
        alone = settings.with_(transition="none", composed_weight=1.0)
        variants.append(Variant("sum", "control", "image + text", alone, composed=SumEncoder.name))
        if member and settings.composed_weight < 1:
            variants.append(Variant("captions", "control", "captions alone", plain))
        if member not in ("", SumEncoder.name):
            label = f"{member} alone"
            variants.append(Variant("composed", "control", label, alone, composed=member))
        scorers = {
            "conditional": "conditional transport",
            "point": "point-to-point",
            "mean": "mean pooling",
            "chamfer": "Chamfer",
            "sinkhorn": "Sinkhorn",
        }
        variants += [
            Variant(name, "control", label, settings.with_(scorer=name), composed=member)
            for name, label in scorers.items()
            if name != settings.scorer.name
        ]
        variants += _without_roles(settings, member)
        unmoved = settings.with_(transition="none")
        if settings not in (unmoved, settings.with_(scorer="mean")):
            variants += [
                Variant(
                    "ablation-neither",
                    "ablation",
                    "neither transition nor transport",
                    unmoved.with_(scorer="mean"),
                    composed=member,
                ),
                Variant(
                    "ablation-transition",
                    "ablation",
                    "transition only",
                    settings.with_(scorer="mean"),
                    composed=member,
                ),
                Variant(
                    "ablation-transport", "ablation", "transport only", unmoved, composed=member
                ),
            ]
    if sweeps and "anchor_weight" in settings.transition.settings():
        variants += [
            Variant(
                f"anchor_weight-{weight:.2f}",
                "sweep",
                f"anchor = {weight:g}",
                settings.with_(anchor_weight=weight),
                composed=member,
            )
            for weight in ANCHORS
        ]
    if sweeps and "alpha" in settings.transition.settings():
        variants += [
            Variant(
                f"alpha-{alpha:.2f}",
                "sweep",
                f"α = {alpha:g}",
                settings.with_(alpha=alpha),
                composed=member,
            )
            for alpha in ALPHAS
        ]
    if sweeps and "tau" in settings.scorer.settings():
        variants += [
            Variant(
                f"tau-{tau:g}",
                "sweep",
                f"τ = {tau:g}",
                settings.with_(tau=tau),
                composed=member,
            )
            for tau in TAUS
        ]
    return variants


def _without_roles(settings: SearchSettings, composed: str) -> list[Variant]:
    """Return the controls of the scorer ``roles``; none of other scorers."""
    if not settings.scores_roles:
        return []
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "no-desired": ("without what is desired", {"desired_weight": 0.0}),
        "no-preserve": ("without what is preserved", {"preserve_weight": 0.0}),
        "no-forbidden": ("without what is forbidden", {"forbidden_weight": 0.0}),
        "reward-penalty": ("reward and penalty", {"role_rule": "product"}),
    }
    if isinstance(settings.transition, WeighsParts):
        del ways["reward-penalty"]
    return [
        Variant(f"roles-{name}", "control", label, settings.with_(**changes), composed=composed)
        for name, (label, changes) in ways.items()
    ]
