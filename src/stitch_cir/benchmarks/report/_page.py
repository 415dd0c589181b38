"""The page: tables and plots in the file itself, queries and thumbnails beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._figure import Plot
from stitch_cir.benchmarks.report._formats import Table

__all__ = ["ReportPart", "render_page"]


FIRST = ("methods", "figures", "gap", "runs")
"""Tables that stand before the plots, on the first screen."""


@dataclass(frozen=True, slots=True)
class ReportPart:
    """A section with everything that is written about it. ``index`` is its query browser's."""

    section: Section
    facts: Sequence[Table]
    tables: Sequence[Table]
    plots: Sequence[Plot]
    notes: tuple[str, ...]
    index: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """One line that says what was measured with which weights: it goes with every figure.

        Runs of which all of that is the same are named together.
        """
        labels: dict[str, list[str]] = {}
        for label, run in self.section.runs.items():
            galleries = list(run.manifest.get("gallery", {}).values())
            encoders = dict.fromkeys(
                f"{gallery.get('encoder')} ({gallery.get('weights_tag')})" for gallery in galleries
            )
            composer = run.manifest.get("composer", {})
            names = dict.fromkeys(
                str(composer[name]) for name in ("composer", "name", "model") if composer.get(name)
            )
            count = run.manifest["benchmark"].get("queries", 0)
            words = f"{counted(count, 'query')}, encoder {', '.join(encoders) or 'unknown'}"
            words += f", composer {', '.join(names)}" if names else ""
            labels.setdefault(words, []).append(label)
        several = len(self.section.runs) > 1
        described = (
            f"{', '.join(same)}: {words}" if several else words for words, same in labels.items()
        )
        return f"{self.section.protocol}. {'; '.join(described)}."


def render_page(parts: Sequence[ReportPart]) -> str:
    """Return ``index.html``; it needs no network and no server, only the files beside it."""
    import jinja2  # only a page needs a template engine

    def read(name: str) -> str:
        return resources.files(__package__).joinpath(f"templates/{name}").read_text("utf-8")

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(read("page.html")).render(
        parts=parts, first=FIRST, style=read("page.css"), script=read("page.js")
    )
