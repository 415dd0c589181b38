"""What ``stitch bench reproduce`` prints: all there is, and figures beside those expected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stitch_cir.cli._exit import printable
from stitch_cir.cli._output import console, emit_json

if TYPE_CHECKING:
    from stitch_cir.benchmarks import Reproduction, Run

__all__ = ["show_figures", "show_list"]


def show_list(plans: list[Reproduction], *, as_json: bool) -> None:
    """Print every name with its weights, its language model and the first figure expected."""
    if as_json:
        emit_json(
            [
                {
                    "name": plan.name,
                    "dataset": plan.dataset,
                    "split": plan.split,
                    "encoder": plan.encoder,
                    "composer": plan.composer,
                    "model": plan.model or None,
                    "figures": dict(plan.figures),
                }
                for plan in plans
            ]
        )
        return
    out = console()
    lines = [("name", "expected", "encoder", "captions by")]
    for plan in plans:
        figures = [f"{metric} {value:.2f}" for metric, value in plan.figures.items()]
        writer = plan.model or ("rules" if plan.by_rules else "a language model")
        if figures:
            lines.append((plan.name, figures[0], plan.encoder, writer))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        out.print("  ".join(cells).rstrip(), soft_wrap=True)
    methods = [plan.method.name for plan in plans if plan.method is not None]
    out.print(
        "\nEvery METHOD-DATASET can be run; of those not listed here, no figures are known. "
        f"Methods: {', '.join(dict.fromkeys(methods))}, and the preset public-code. "
        f"Data sets: {', '.join(dict.fromkeys(plan.dataset for plan in plans))}. "
        "A data set's own name is run with mini and rules.",
        soft_wrap=True,
    )


def show_figures(
    plan: Reproduction, run: Run, steps: list[dict[str, Any]], *, as_json: bool
) -> None:
    """Print the expected figures beside the measured ones, and why they may differ."""
    compared = plan.compare(run)
    gaps = run.composition_gap()
    if as_json:
        emit_json(
            {
                "name": plan.name,
                "steps": steps,
                "source": plan.source,
                "caveats": _caveats(plan, run),
                "figures": [asdict(each) for each in compared],
                "measured": dict(run.main.headline),
                "composition_gap": {name: asdict(gap) for name, gap in gaps.items()},
            }
        )
        return
    out = console()
    if compared:
        out.print(f"expected: {printable(plan.source)}", soft_wrap=True)
        out.print(f"{'metric':<14} {'expected':>9} {'measured':>9}  95 % interval")
    else:
        out.print(f"No figures are known of {plan.name} with {plan.encoder}.", soft_wrap=True)
    for each in compared:
        measured = "–" if each.measured is None else f"{each.measured:.2f}"
        ends = "" if each.low is None else f"[{each.low:.2f}, {each.high:.2f}]"
        out.print(f"{each.metric:<14} {each.expected:9.2f} {measured:>9}  {ends}")
    for caveat in _caveats(plan, run) if compared else ():
        out.print(caveat, soft_wrap=True)
    shown = {each.metric for each in compared}
    for metric, value in run.main.headline.items():
        if metric not in shown:
            out.print(f"{metric:<14} {'–':>9} {value:9.2f}")
    if not run.main.headline:
        out.print("The answers are not public: submit the files above to compare.")


def _caveats(plan: Reproduction, run: Run) -> list[str]:
    """Return why the figures may differ: what is not as in the paper, and what was left out."""
    caveats = []
    if run.manifest["benchmark"].get("sample"):
        caveats.append("expected are figures of all queries, measured those of the sample")
    if not (plan.by_rules or run.language_models):
        of_figures = plan.model or "a language model"
        caveats.append(f"expected are figures with captions by {of_figures}, measured by rules")
    if plan.method is not None:
        caveats.append(f"not as in the paper: {plan.method.differs}")
    return caveats
