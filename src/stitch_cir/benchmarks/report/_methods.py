"""Methods and encoders side by side, each with the language model that it used and its cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stitch_cir.benchmarks._run_files import Run, VariantResult
from stitch_cir.benchmarks.report._contents import COMPARED, Section, name_of
from stitch_cir.benchmarks.report._formats import Cell, Table
from stitch_cir.benchmarks.report._rows import best_of, figure_of

__all__ = ["methods_table"]

COSTS = ("Calls a query", "Tokens a query", "Seconds a query")


def methods_table(section: Section) -> Table | None:
    """Return one row for every run and method; ``None`` where there is but one."""
    pairs = list(section.variants(*COMPARED))
    if len(pairs) < 2:
        return None
    rows = []
    best = best_of(section, (variant for _, variant in pairs))
    for label, variant in pairs:
        run = section.runs[label]
        cells = [figure_of(variant, metric, best) for metric in section.metrics]
        rows.append(
            (
                Cell(label),
                Cell(_method(run, variant)),
                Cell(_encoder(run)),
                Cell(_models(run)),
                *(Cell(cost) for cost in _costs(run)),
                *cells,
            )
        )
    return Table(
        "methods",
        "Methods × encoders",
        ("Run", "Method", "Encoder", "LLM used", *COSTS, *section.metrics),
        tuple(rows),
        heads=4,
        lead="In percent, in bold the best of each column. Costs are those of the whole run: calls "
        "to the language model and its tokens, those of answers from the cache left out; seconds "
        "of composing and encoding a query and of ranking it once, on the machine of that run.",
    )


def _method(run: Run, variant: VariantResult) -> str:
    """Return the preset of a run, or what it is made of; a method's own name where it is one."""
    if variant is not run.main:
        return name_of(variant)
    method = run.manifest.get("method")
    if isinstance(method, Mapping) and method.get("name"):
        return str(method["name"])
    settings: Mapping[str, Any] = run.manifest.get("settings", {})
    preset = settings.get("preset")
    if preset and preset != "custom":
        return str(preset)
    parts = (variant.settings.get("transition"), variant.settings.get("scorer"))
    return " + ".join(str(part) for part in parts if part) or "–"


def _encoder(run: Run) -> str:
    galleries = run.manifest.get("gallery", {}).values()
    names = dict.fromkeys(str(gallery.get("encoder")) for gallery in galleries)
    return ", ".join(names) or "–"


def _models(run: Run) -> str:
    """Return the models that wrote compositions, with the share of the queries where not all."""
    manifest = run.manifest
    written = run.language_models
    queries = manifest["benchmark"].get("queries", 0)
    if written:
        shares = (
            model if count == queries else f"{model} ({100 * count / queries:.0f} % of queries)"
            for model, count in written.items()
        )
        return ", ".join(shares)
    composer: Mapping[str, Any] = manifest.get("composer", {})
    return f"{composer['model']}: no answer" if composer.get("model") else "no"


def _costs(run: Run) -> tuple[str, str, str]:
    manifest = run.manifest
    queries = manifest["benchmark"].get("queries", 0)
    if not queries:
        return ("–", "–", "–")
    usage: Mapping[str, Any] = manifest.get("usage") or {}
    calls, tokens = "0", "0"
    if usage:
        calls = f"{usage.get('requested', 0) / queries:.3g}"
        spent = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        tokens = f"{spent / queries:,.0f}"
    seconds: Mapping[str, float] = manifest.get("seconds", {})
    needed = ("compose", "encode", "rank")
    if any(name not in seconds for name in needed):
        return (calls, tokens, "–")
    ways = max(1, len(run.variants))
    took = seconds["compose"] + seconds["encode"] + seconds["rank"] / ways
    return (calls, tokens, f"{took / queries:.3f}")
