"""The page: tables and plots in the file itself, queries and thumbnails beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._figure import Plot
from stitch_cir.benchmarks.report._formats import Table

__all__ = ["Part", "render_page"]


@dataclass(frozen=True, slots=True)
class Part:
    """A section with everything that is written of it. ``index`` is its query browser's."""

    section: Section
    facts: Sequence[Table]
    tables: Sequence[Table]
    plots: Sequence[Plot]
    notes: tuple[str, ...]
    index: Mapping[str, Any]

    @property
    def summary(self) -> str:
        """Say in a line what was measured with which weights: it goes with every figure."""
        told = []
        for label, run in self.section.runs.items():
            galleries = list(run.manifest.get("gallery", {}).values())
            encoders = dict.fromkeys(
                f"{one.get('encoder')} ({one.get('weights_tag')})" for one in galleries
            )
            composer = run.manifest.get("composer", {})
            names = dict.fromkeys(
                str(composer[name]) for name in ("composer", "name", "model") if composer.get(name)
            )
            who = f"{label}: " if len(self.section.runs) > 1 else ""
            asked = run.manifest["benchmark"].get("queries", 0)
            told.append(
                f"{who}{asked:,} queries, encoder {', '.join(encoders) or 'unknown'}"
                + (f", composer {', '.join(names)}" if names else "")
            )
        return f"{self.section.protocol}. {'; '.join(told)}."


def render_page(parts: Sequence[Part]) -> str:
    """Give ``index.html``; it needs no network and no server, only its neighbours on disk."""
    import jinja2  # only a page needs a template engine

    def read(name: str) -> str:
        return resources.files(__package__).joinpath(f"templates/{name}").read_text("utf-8")

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(read("page.html")).render(
        parts=parts, style=read("page.css"), script=read("page.js")
    )
