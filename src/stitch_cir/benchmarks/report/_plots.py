"""Which plots a report has: controls, sweeps, kinds of query, places of the first right answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from stitch_cir.benchmarks._run_files import Top, VariantResult
from stitch_cir.benchmarks.report._contents import Section, family
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
    plain,
)
from stitch_cir.benchmarks.report._formats import number, percent, span
from stitch_cir.benchmarks.report._tables import KNOBS, name_of, sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plots_of"]


def plots_of(section: Section) -> list[Plot]:
    """Draw every plot that the section has data for. Raises ``SettingError`` sans matplotlib."""
    if not section.metrics:
        return []
    found = [_controls(section, metric) for metric in section.primary]
    found += [
        plot
        for knob in KNOBS
        for metric in section.primary
        if (plot := _sweep(section, knob, metric)) is not None
    ]
    found += [_kinds(section, label) for label, run in section.runs.items() if run.main.kinds]
    found += [plot] if (plot := _places(section)) is not None else []
    return found


def _slug(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text).strip("-")


def _look(number: int) -> tuple[str, str]:
    return COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]


def _controls(section: Section, metric: str) -> Plot:
    """Dots with intervals, main on top: a row a variant, a colour and shape a run."""
    pairs = [
        (label, one) for label, one in section.variants("main", "control") if metric in one.headline
    ]
    names = list(dict.fromkeys(name_of(one) for _, one in pairs))
    runs = list(section.runs)
    told = []
    with axes(5.6, 1.1 + 0.36 * len(names) * (1 + 0.45 * (len(runs) - 1))) as (figure, axis):
        for label, one in pairs:
            colour, marker = _look(runs.index(label))
            shift = (runs.index(label) - (len(runs) - 1) / 2) * 0.6 / len(runs)
            at = names.index(name_of(one)) + shift
            value, interval = one.headline[metric], one.intervals.get(metric)
            if interval is not None:
                axis.plot((interval.low, interval.high), (at, at), color=colour, linewidth=1.6)
            filled = colour if one.role == "main" else PAPER
            axis.plot(
                [value], [at], marker, color=colour, markerfacecolor=filled, markersize=7, mew=1.6
            )
            who = f"{label}, " if len(runs) > 1 else ""
            told.append(f"{who}{name_of(one)} {percent(value)} {span(interval)}".strip())
        axis.set_yticks(range(len(names)), [plain(name) for name in names], color=INK)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.grid(axis="y", visible=False)
        axis.set_xlabel("%, with 95 % interval")
        axis.set_title(metric)
        _legend_of_runs(axis, runs)
        return finish(
            figure,
            f"{section.key}-controls-{_slug(metric)}",
            f"Controls, {metric}",
            f"{metric} of main and its controls, in percent with 95 % intervals: "
            + "; ".join(told),
        )


def _legend_of_runs(axis: Axes, runs: list[str]) -> None:
    if len(runs) > 1:
        for place, label in enumerate(runs):
            colour, marker = _look(place)
            axis.plot([], [], marker, color=colour, label=plain(label))
        axis.legend(loc="best", fontsize=10)


def _sweep(section: Section, knob: str, first: str) -> Plot | None:
    """Lines with bands: every depth of one family, or with several runs the first depth of each."""
    several = len(section.runs) > 1
    metrics = (
        [first] if several else [name for name in section.metrics if family(name) == family(first)]
    )
    lines = []
    for label, run in section.runs.items():
        points = sweep(run, knob)
        for metric in metrics:
            own = [(x, one) for x, one in points if metric in one.headline]
            if len(own) > 1:
                lines.append((label if several else metric, metric, own, run.main))
    if not lines:
        return None
    sign = KNOBS[knob]
    told = []
    with axes(5.6, 3.7) as (figure, axis):
        ends = []
        for place, (name, metric, points, main) in enumerate(lines):
            colour, marker = _look(place)
            x = [value for value, _ in points]
            y = [one.headline[metric] for _, one in points]
            axis.plot(x, y, color=colour, marker=marker, markersize=4)
            if several or place == 0:  # bands over one another would hide what they are for
                _band(axis, points, metric, colour)
            here = next((value for value, one in points if one is main), None)
            if here is not None:
                axis.plot([here], [main.headline[metric]], marker, color=colour, markersize=10)
            ends.append((x[-1], y[-1], name, colour))
            best = int(np.argmax(y))
            told.append(
                f"{name} is highest, {percent(y[best])}, at {sign} {number(x[best])}"
                + (
                    f"; main {percent(main.headline[metric])} at {number(here)}"
                    if here is not None
                    else ""
                )
            )
        for value in {float(line[3].settings[knob]) for line in lines if _has(line[3], knob)}:
            axis.axvline(value, color=MUTED, linewidth=1, linestyle=":")
        if knob == "tau":
            axis.set_xscale("log")
            axis.minorticks_off()
        end_labels(axis, ends)
        what = "weight of the modification" if knob == "alpha" else "temperature on raw cosine"
        band = "" if several else f", band: 95 % interval of {first}"
        axis.set_xlabel(f"{sign} ({what})\ndotted: main{band}", fontsize=10)
        axis.set_ylabel("%")
        axis.set_title(f"{first if several else family(first)} against {sign}")
        return finish(
            figure,
            f"{section.key}-{knob}-{_slug(family(first))}",
            f"{first if several else family(first)} against {sign}",
            ". ".join(told) + ".",
        )


def _has(variant: VariantResult, knob: str) -> bool:
    return variant.settings.get(knob) is not None


def _band(axis: Axes, points: list[tuple[float, VariantResult]], metric: str, colour: str) -> None:
    known = [(x, one.intervals[metric]) for x, one in points if metric in one.intervals]
    if known:
        axis.fill_between(
            [x for x, _ in known],
            [own.low for _, own in known],
            [own.high for _, own in known],
            color=colour,
            alpha=0.14,
            linewidth=0,
        )


def _kinds(section: Section, label: str) -> Plot:
    """A row a kind; main and its controls as shapes on it."""
    run = section.runs[label]
    shown = [one for one in run.variants.values() if one.kinds and one.role in ("main", "control")]
    kinds = sorted(run.main.kinds, key=lambda kind: -run.main.kinds[kind][0])
    told = []
    with axes(6.2, 2.0 + 0.4 * len(kinds)) as (figure, axis):
        for place, one in enumerate(reversed(shown)):
            colour, marker = _look(len(shown) - 1 - place)
            own = [(one.kinds[kind][0], at) for at, kind in enumerate(kinds) if kind in one.kinds]
            axis.plot(
                [x for x, _ in own],
                [y for _, y in own],
                marker,
                color=colour,
                markerfacecolor=colour if one.role == "main" else "none",
                markersize=9 if one.role == "main" else 6,
                markeredgewidth=1.5,
                label=plain(name_of(one)),
            )
        for at, kind in enumerate(kinds):
            axis.axhline(at, color=LINE, linewidth=0.8, zorder=0)
            told.append(f"{kind} {percent(run.main.kinds[kind][0])}")
        axis.set_yticks(
            range(len(kinds)), [plain(f"{kind}  ({run.main.kinds[kind][1]:,})") for kind in kinds]
        )
        axis.tick_params(axis="y", colors=INK)
        axis.set_ylim(len(kinds) - 0.5, -0.5)
        axis.set_xlabel("mAP@10 in %, queries in brackets")
        who = f", {label}" if len(section.runs) > 1 else ""
        axis.set_title(plain(f"By kind of query{who}"))
        handles, names = axis.get_legend_handles_labels()
        # below, so that the plot stays legible on a narrow screen
        figure.legend(handles[::-1], names[::-1], loc="outside lower left", ncols=3)
        place = list(section.runs).index(label)
        return finish(
            figure,
            f"{section.key}-kinds-{place + 1}",
            f"By kind of query{who}",
            "mAP@10 of main by kind of query, in percent: " + "; ".join(told),
        )


def _places(section: Section) -> Plot | None:
    """How many first right answers stand at a place or better: a step a query, log places."""
    several = len(section.runs) > 1
    wanted = {"main"} if several else {"main", "image-only", "text-only"}
    lines = [
        (label if several else name_of(section.runs[label].variants[name]), found)
        for (label, name), tops in section.tops.items()
        if name in wanted and any(found := _found_at(tops))
    ]
    if not lines:
        return None
    last = max(max(found) for _, found in lines)
    told = []
    with axes(5.6, 3.7) as (figure, axis):
        for place, (name, found) in enumerate(lines):
            colour, _ = _look(place)
            known = np.sort([one for one in found if one])
            share = 100 * np.arange(1, len(known) + 1) / len(found)
            x, y = [1, *known, last], [0.0, *share, share[-1]]
            axis.step(
                x,
                y,
                where="post",
                color=colour,
                linewidth=2.4 if place == 0 else 1.6,
                label=plain(name),
            )
            within = {k: 100 * float((known <= k).sum()) / len(found) for k in (1, 10, 100)}
            told.append(
                f"{name}: {within[1]:.1f} % first, {within[10]:.1f} % within 10, "
                f"{within[100]:.1f} % within 100"
            )
        axis.set_xscale("log")
        axis.set_xlim(1, max(last, 2))
        axis.set_ylim(0, 102)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.legend(loc="best", fontsize=10)
        axis.set_xlabel("place of the first right answer")
        axis.set_ylabel("% of the queries")
        axis.set_title("Found at this place or better")
        return finish(
            figure,
            f"{section.key}-places",
            "Place of the first right answer",
            "Share of queries whose first right answer stands at a place or better. "
            + ". ".join(told)
            + ".",
        )


def _found_at(tops: Mapping[str, Top]) -> list[int]:
    """Places of all queries; 0 where the answer is in no ranking, so that it counts as a miss."""
    return [top.place or 0 for top in tops.values()]
