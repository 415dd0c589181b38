"""Which plots a report has: controls, sweeps, kinds of query, ranks of the first right answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from stitch_cir.benchmarks._run_files import QueryHead, VariantResult
from stitch_cir.benchmarks.report._contents import SWEPT, Section, family, name_of, sweep
from stitch_cir.benchmarks.report._figure import (
    COLOURS,
    INK,
    LINE,
    MARKERS,
    MUTED,
    PAPER,
    Plot,
    axes,
    end_labels,
    finish,
    percent_axis,
    place_axis,
    plain,
)
from stitch_cir.benchmarks.report._formats import number, percent, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plots_of"]


def plots_of(section: Section) -> list[Plot]:
    """Draw every plot that the section has data for.

    Raises ``SettingError`` without matplotlib.
    """
    if not section.metrics:
        return []
    plots = [_controls(section, metric) for metric in section.primary]
    plots += [
        plot
        for parameter in SWEPT
        for metric in section.primary
        if (plot := _sweep(section, parameter, metric)) is not None
    ]
    plots += [_kinds(section, label) for label, run in section.runs.items() if run.main.kinds]
    plots += [plot] if (plot := _ranks(section)) is not None else []
    return plots


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text).strip("-")


def _style(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]


def _controls(section: Section, metric: str) -> Plot:
    """Draw dots with intervals, main on top: one row per variant, one colour and shape per run."""
    pairs = [
        (label, variant)
        for label, variant in section.variants("main", "control")
        if metric in variant.headline
    ]
    names = list(dict.fromkeys(name_of(variant) for _, variant in pairs))
    runs = list(section.runs)
    described = []
    with axes(5.6, 1.1 + 0.36 * len(names) * (1 + 0.45 * (len(runs) - 1))) as (figure, axis):
        for label, variant in pairs:
            colour, marker = _style(runs.index(label))
            shift = (runs.index(label) - (len(runs) - 1) / 2) * 0.6 / len(runs)
            at = names.index(name_of(variant)) + shift
            value, interval = variant.headline[metric], variant.intervals.get(metric)
            if interval is not None:
                axis.plot((interval.low, interval.high), (at, at), color=colour, linewidth=1.6)
            filled = colour if variant.role == "main" else PAPER
            axis.plot(
                [value], [at], marker, color=colour, markerfacecolor=filled, markersize=7, mew=1.6
            )
            who = f"{label}, " if len(runs) > 1 else ""
            described.append(f"{who}{name_of(variant)} {percent(value)} {span(interval)}".strip())
        axis.set_yticks(range(len(names)), [plain(name) for name in names], color=INK)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
        percent_axis(axis, "x")
        axis.set_xlabel("%, with 95 % interval")
        axis.set_title(metric)
        _legend_of_runs(axis, runs)
        return finish(
            figure,
            f"{section.key}-controls-{_slug(metric)}",
            f"Controls, {metric}",
            f"{metric} of main and its controls, in percent with 95 % intervals: "
            + "; ".join(described),
        )


def _legend_of_runs(axis: Axes, runs: list[str]) -> None:
    if len(runs) > 1:
        for number, label in enumerate(runs):
            colour, marker = _style(number)
            axis.plot([], [], marker, color=colour, label=plain(label))
        axis.legend(loc="best", fontsize=10)


def _sweep(section: Section, parameter: str, first: str) -> Plot | None:
    """Draw lines with bands: every depth of a family, or of each of several runs the first."""
    several = len(section.runs) > 1
    metrics = (
        [first] if several else [name for name in section.metrics if family(name) == family(first)]
    )
    lines = []
    for label, run in section.runs.items():
        points = sweep(run, parameter)
        for metric in metrics:
            drawn = [(x, variant) for x, variant in points if metric in variant.headline]
            if len(drawn) > 1:
                lines.append((label if several else metric, metric, drawn, run.main))
    if not lines:
        return None
    sign = SWEPT[parameter]
    described = []
    with axes(5.6, 3.7) as (figure, axis):
        ends = []
        for line, (name, metric, points, main) in enumerate(lines):
            colour, marker = _style(line)
            x = [value for value, _ in points]
            y = [variant.headline[metric] for _, variant in points]
            axis.plot(x, y, color=colour, marker=marker, markersize=4)
            if several or line == 0:  # overlapping bands would hide what they are for
                _band(axis, points, metric, colour)
            here = next((value for value, variant in points if variant is main), None)
            if here is not None:
                axis.plot([here], [main.headline[metric]], marker, color=colour, markersize=10)
            ends.append((x[-1], y[-1], name, colour))
            best = int(np.argmax(y))
            described.append(
                f"{name} is highest, {percent(y[best])}, at {sign} {number(x[best])}"
                + (
                    f"; main {percent(main.headline[metric])} at {number(here)}"
                    if here is not None
                    else ""
                )
            )
        mains = [main.settings.get(parameter) for *_, main in lines]
        for value in {float(value) for value in mains if value is not None}:
            axis.axvline(value, color=MUTED, linewidth=1, linestyle=":")
        if parameter == "tau":
            axis.set_xscale("log")
            axis.minorticks_off()
        percent_axis(axis, "y")
        end_labels(axis, ends)
        what = "weight of the modification" if parameter == "alpha" else "temperature on raw cosine"
        band = "" if several else f", band: 95 % interval of {first}"
        axis.set_xlabel(f"{sign} ({what})\ndotted: main{band}", fontsize=10)
        axis.set_ylabel("%")
        axis.set_title(f"{first if several else family(first)} against {sign}")
        return finish(
            figure,
            f"{section.key}-{parameter}-{_slug(family(first))}",
            f"{first if several else family(first)} against {sign}",
            ". ".join(described) + ".",
        )


def _band(axis: Axes, points: list[tuple[float, VariantResult]], metric: str, colour: str) -> None:
    spans = [(x, variant.intervals[metric]) for x, variant in points if metric in variant.intervals]
    if spans:
        axis.fill_between(
            [x for x, _ in spans],
            [ends.low for _, ends in spans],
            [ends.high for _, ends in spans],
            color=colour,
            alpha=0.14,
            linewidth=0,
        )


def _kinds(section: Section, label: str) -> Plot:
    """Draw one row per kind; main and its controls as shapes on it."""
    run = section.runs[label]
    shown = [
        variant
        for variant in run.variants.values()
        if variant.kinds and variant.role in ("main", "control")
    ]
    kinds = sorted(run.main.kinds, key=lambda kind: -run.main.kinds[kind][0])
    described = []
    with axes(6.2, 2.0 + 0.4 * len(kinds)) as (figure, axis):
        for number, variant in enumerate(reversed(shown)):
            colour, marker = _style(len(shown) - 1 - number)
            points = [
                (variant.kinds[kind][0], at)
                for at, kind in enumerate(kinds)
                if kind in variant.kinds
            ]
            axis.plot(
                [x for x, _ in points],
                [y for _, y in points],
                marker,
                color=colour,
                markerfacecolor=colour if variant.role == "main" else "none",
                markersize=9 if variant.role == "main" else 6,
                markeredgewidth=1.5,
                label=plain(name_of(variant)),
            )
        for at, kind in enumerate(kinds):
            axis.axhline(at, color=LINE, linewidth=0.8, zorder=0)
            described.append(f"{kind} {percent(run.main.kinds[kind][0])}")
        axis.set_yticks(
            range(len(kinds)), [plain(f"{kind}  ({run.main.kinds[kind][1]:,})") for kind in kinds]
        )
        axis.tick_params(axis="y", colors=INK)
        axis.set_ylim(len(kinds) - 0.5, -0.5)
        percent_axis(axis, "x")
        axis.set_xlabel(f"{section.kind_metric} in %, queries in brackets")
        who = f", {label}" if len(section.runs) > 1 else ""
        axis.set_title(plain(f"By kind of query{who}"))
        handles, names = axis.get_legend_handles_labels()
        # below, so that the plot stays legible on a narrow screen
        figure.legend(handles[::-1], names[::-1], loc="outside lower left", ncols=3)
        number = list(section.runs).index(label)
        return finish(
            figure,
            f"{section.key}-kinds-{number + 1}",
            f"By kind of query{who}",
            f"{section.kind_metric} of main by kind of query, in percent: " + "; ".join(described),
        )


def _ranks(section: Section) -> Plot | None:
    """Draw how many first right answers are at a rank or better: one step per query, log ranks."""
    several = len(section.runs) > 1
    names = {"main"} if several else {"main", "image-only", "text-only"}
    lines = [
        (label if several else name_of(section.runs[label].variants[name]), ranks)
        for (label, name), heads in section.heads.items()
        if name in names and any(ranks := _first_ranks(heads))
    ]
    if not lines:
        return None
    last = max(max(ranks) for _, ranks in lines)
    described = []
    with axes(5.6, 3.7) as (figure, axis):
        for number, (name, ranks) in enumerate(lines):
            colour, _ = _style(number)
            reached = np.sort([rank for rank in ranks if rank])
            share = 100 * np.arange(1, len(reached) + 1) / len(ranks)
            x, y = [1, *reached, last], [0.0, *share, share[-1]]
            axis.step(
                x,
                y,
                where="post",
                color=colour,
                linewidth=2.4 if number == 0 else 1.6,
                label=plain(name),
            )
            within = {k: 100 * float((reached <= k).sum()) / len(ranks) for k in (1, 10, 100)}
            described.append(
                f"{name}: {within[1]:.1f} % first, {within[10]:.1f} % within 10, "
                f"{within[100]:.1f} % within 100"
            )
        place_axis(axis, last)
        axis.set_ylim(0, 102)
        axis.legend(loc="best", fontsize=10)
        axis.set_xlabel("place of the first right answer")
        axis.set_ylabel("% of the queries")
        axis.set_title("Found at this place or better")
        return finish(
            figure,
            f"{section.key}-places",
            "Place of the first right answer",
            "Share of queries whose first right answer stands at a place or better. "
            + ". ".join(described)
            + ".",
        )


def _first_ranks(heads: Mapping[str, QueryHead]) -> list[int]:
    """Return the ranks of all queries; 0 where the answer is in no ranking and counts as a miss."""
    return [head.rank or 0 for head in heads.values()]
