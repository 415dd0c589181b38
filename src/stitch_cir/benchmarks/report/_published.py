"""Published figures, in a table of their own that says whose weights they are."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._formats import Cell, Table

__all__ = ["published_tables"]


def published_tables(section: Section) -> list[Table]:
    """Give what papers print for exactly this data set and split; nothing for any other."""
    data = json.loads(resources.files(__package__).joinpath("published.json").read_text("utf-8"))
    for entry in data["tables"]:
        if (entry["benchmark"], entry["split"]) == (section.benchmark, section.split):
            found = [_methods(entry, data)]
            return [*found, _ablation(entry, data)] if "ablation" in entry else found
    return []


def _methods(entry: dict[str, Any], data: dict[str, Any]) -> Table:
    columns = [f"{metric}, {data['weights'][size]}" for size, metric in entry["columns"]]
    rows = tuple(
        (Cell(method), Cell(data["sources"][method]), *map(_value, values))
        for method, values in entry["rows"].items()
    )
    return Table(
        "published",
        "Published, not measured here",
        ("Method", "Source", *columns),
        rows,
        heads=2,
        lead=data["label"],
    )


def _ablation(entry: dict[str, Any], data: dict[str, Any]) -> Table:
    ablation = entry["ablation"]
    rows = tuple(
        (Cell(transition), Cell(transport), *map(_value, ablation[name]))
        for name, transition, transport in (
            ("neither", "no", "no"),
            ("transition", "yes", "no"),
            ("transport", "no", "yes"),
            ("both", "yes", "yes"),
        )
    )
    return Table(
        "published-ablation",
        "STiTch's published ablation, not measured here",
        ("Transition", "Transport", *ablation["metrics"]),
        rows,
        heads=2,
        lead=f"Weights: {data['weights']['G']}.",
    )


def _value(printed: str | None) -> Cell:
    return Cell(printed or "–")
