"""Ways of searching with the same encoded queries: the main one, its controls, its sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stitch_cir.searcher import SearchSettings

__all__ = ["ALPHAS", "TAUS", "Variant", "variants_of"]

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
TAUS = (0.0001, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 10.0)

QueryKind = Literal["composed", "image"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of searching. ``query`` is the composition, or the reference's own view set."""

    name: str
    role: str
    label: str
    settings: SearchSettings
    query: QueryKind = "composed"

    def facts(self) -> dict[str, Any]:
        """Return what shapes this variant's ranking, JSON-ready."""
        if self.query == "image":
            query, transition = "image", {"transition": "none"}
        else:
            # without its captions, only the modification is left of a query
            query = self.query if self.settings.transition.keeps_captions else "text"
            transition = self.settings.transition.settings()
        return {
            "query": query,
            "alpha": None,
            "tau": None,
            **transition,
            **self.settings.scorer.settings(),
            **self.settings.hubness.settings(),
        }


def variants_of(
    settings: SearchSettings, *, controls: bool = True, sweeps: bool = True
) -> list[Variant]:
    """Return the variants of a run, the main one first.

    Controls: the modification alone, the reference alone, and every other scorer under the same
    queries. Ablation: transition and transport removed one by one and together, where "without
    transport" is mean pooling. Sweeps: α for a transition that has it, τ for a scorer that has it.
    """
    variants = [Variant("main", "main", "main", settings)]
    if controls:
        variants += [
            Variant("image-only", "control", "image only", settings, "image"),
            Variant("text-only", "control", "text only", settings.with_(transition="text-only")),
        ]
        scorers = {
            "conditional": "conditional transport",
            "point": "point-to-point",
            "mean": "mean pooling",
            "chamfer": "Chamfer",
            "sinkhorn": "Sinkhorn",
        }
        variants += [
            Variant(name, "control", label, settings.with_(scorer=name))
            for name, label in scorers.items()
            if name != settings.scorer.name
        ]
        unmoved = settings.with_(transition="none")
        if settings not in (unmoved, settings.with_(scorer="mean")):
            variants += [
                Variant(
                    "ablation-neither",
                    "ablation",
                    "neither transition nor transport",
                    unmoved.with_(scorer="mean"),
                ),
                Variant(
                    "ablation-transition",
                    "ablation",
                    "transition only",
                    settings.with_(scorer="mean"),
                ),
                Variant("ablation-transport", "ablation", "transport only", unmoved),
            ]
    if sweeps and "alpha" in settings.transition.settings():
        variants += [
            Variant(f"alpha-{alpha:.2f}", "sweep", f"α = {alpha:g}", settings.with_(alpha=alpha))
            for alpha in ALPHAS
        ]
    if sweeps and "tau" in settings.scorer.settings():
        variants += [
            Variant(f"tau-{tau:g}", "sweep", f"τ = {tau:g}", settings.with_(tau=tau))
            for tau in TAUS
        ]
    return variants
