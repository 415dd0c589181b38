"""How plots look and become files: a single palette, light or dark, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from stitch_cir._hints import install_command
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "INK",
    "LINE",
    "MARKERS",
    "MUTED",
    "PAPER",
    "Plot",
    "axes",
    "end_labels",
    "finish",
    "percent_axis",
    "place_axis",
    "plain",
]

# Okabe and Ito's palette: distinct with any colour vision; shapes and labels repeat it
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8609a", "#a87800", "#3a9bd6", "#6f7782")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
INK, MUTED, LINE, PAPER = "#1c2026", "#5d6673", "#d8dde3", "#ffffff"
LEAST_SPAN = 2.0
"""Percentage points that an axis shows at least."""
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
    **{colour: f"var(--c{number})" for number, colour in enumerate(COLOURS, 1)},
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A finished plot. ``alt`` says in words what it shows, with its numbers."""

    key: str
    title: str
    alt: str
    svg: str
    png: bytes

    def inline(self, prefix: str) -> str:
        """Return the SVG for a page: its colours follow the page's, its ids are unique."""
        text = self.svg[self.svg.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
        text = re.sub(r'\bid="', f'id="{prefix}-', text)
        text = re.sub(r"url\(#", f"url(#{prefix}-", text)
        text = re.sub(r'href="#', f'href="#{prefix}-', text)
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, variable)
        # the page scales it and reads the title out; fonts are the page's
        text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
        text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
        return text.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def plain(text: str) -> str:
    """Return a name that is safe to draw: no dollar sign starts a formula, all is printable."""
    return "".join(c for c in text if c.isprintable()).replace("$", r"\$")


@contextmanager
def axes(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure of this size in inches with a pair of axes, in the reports' style.

    Raises ``SettingError`` when matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SettingError(
            "Plots need matplotlib, which is not installed.",
            hint=install_command("report"),
        ) from error
    with matplotlib.rc_context(_STYLE):  # the caller's own settings stay as they are
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots()


def percent_axis(axis: Axes, which: Literal["x", "y"]) -> None:
    """Show shares as shares: no tick below 0 or above 100, and no magnified nothing."""
    scale = axis.xaxis if which == "x" else axis.yaxis
    low, high = sorted(axis.get_xlim() if which == "x" else axis.get_ylim())
    if high - low < LEAST_SPAN:
        middle = (low + high) / 2
        low, high = middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2
    # markers at the ends keep their room
    margin = (high - low) * 0.04
    low, high = max(low, -margin), min(high, 100 + margin)
    if high - low < LEAST_SPAN:
        low, high = (low, low + LEAST_SPAN) if low < 0 else (high - LEAST_SPAN, high)
    axis.set(**{f"{which}lim": (low, high)})
    ticks = [at for at in scale.get_major_locator().tick_values(low, high) if 0 <= at <= 100]
    scale.set_ticks([at for at in ticks if low <= at <= high])


def place_axis(axis: Axes, last: int) -> None:
    """Show places from 1 to ``last`` by their logarithm, with ticks at whole round numbers."""
    last = max(last, 2)
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_xlim(1, last)
    ticks = [step * 10**power for power in range(7) for step in (1, 2, 5)]
    axis.set_xticks([at for at in ticks if at <= last])
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def finish(figure: Figure, key: str, title: str, alt: str) -> Plot:
    """Write the figure as SVG and PNG without a date or a version in it."""
    import matplotlib

    bitmap, drawing = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": key}), warnings.catch_warnings():
        # a name in a script that the font lacks: the SVG has it nevertheless
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
        figure.set_layout_engine("none")  # it is laid out; doing so again costs as much as drawing
        figure.savefig(bitmap, format="png", dpi=150, metadata={"Software": None})
    return Plot(key, title, alt, drawing.getvalue().decode("utf-8"), bitmap.getvalue())


def end_labels(axis: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Write (x, y, text, colour) to the right of lines' ends, spread where they overlap."""
    low, high = axis.get_ylim()
    gap = (high - low) * 0.065
    heights: list[float] = []
    for x, y, text, colour in sorted(labels, key=lambda label: label[1]):
        at = max(y, heights[-1] + gap) if heights else y
        heights.append(at)
        axis.annotate(
            plain(text),
            (x, at),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            annotation_clip=False,
        )
