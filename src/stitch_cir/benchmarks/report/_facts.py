"""What shaped each run, as a table with a column a run: never a figure without its weights tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._formats import Cell, Table, number

__all__ = ["fact_tables"]

Facts = Mapping[str, str]


def fact_tables(section: Section) -> list[Table]:
    """Give the settings, and folded away the origin: hashes, versions, machine, times, usage."""
    shaped = {label: _settings(run) for label, run in section.runs.items()}
    origin = {label: _origin(run) for label, run in section.runs.items()}
    return [
        _table("settings", "What shaped the results", shaped, folded=False),
        _table("origin", "Data, versions and machine", origin, folded=True),
    ]


def _table(key: str, title: str, facts: Mapping[str, Facts], *, folded: bool) -> Table:
    names: dict[str, None] = {}
    for own in facts.values():
        names |= dict.fromkeys(own)
    rows = []
    for name in names:
        told = [own.get(name, "–") for own in facts.values()]
        differ = len(set(told)) > 1
        rows.append((Cell(name, strong=differ), *(Cell(value, strong=differ) for value in told)))
    lead = "In bold: what differs between the runs." if len(facts) > 1 else ""
    return Table(key, title, ("", *facts), tuple(rows), lead=lead, numeric=False, folded=folded)


def _settings(run: Run) -> Facts:
    manifest = run.manifest
    galleries: Mapping[str, Any] = manifest.get("gallery", {})
    settings: Mapping[str, Any] = manifest.get("settings", {})
    composer: Mapping[str, Any] = manifest.get("composer", {})
    benchmark = manifest["benchmark"]
    sample = benchmark.get("sample")
    asked = f"{benchmark.get('queries', 0):,}"
    if sample:
        asked += f", a sample with seed {sample.get('seed')}"
    found = {
        "Protocol": str(benchmark["protocol"]),
        "Queries": asked,
        "Encoder": _each(galleries, lambda one: one.get("encoder")),
        "Weights tag": _each(galleries, lambda one: one.get("weights_tag")),
        "Dimension": _each(galleries, lambda one: one.get("dim")),
        "Composer": _list({**composer} if composer else {}),
        "Captions (K)": number(settings.get("captions")),
        "Transition": number(settings.get("transition")),
        "α": number(settings.get("alpha")),
        "Scorer": number(settings.get("scorer")),
        "τ on raw cosine": number(settings.get("tau")),
        "Gallery": _each(galleries, _size),
        "Views": _each(galleries, lambda one: _list(one.get("recipe", {}))),
        "Preset": number(settings.get("preset")),
    }
    shown = {"captions", "transition", "alpha", "scorer", "tau", "preset"}
    rest = {name: value for name, value in settings.items() if name not in shown}
    return {**found, "Other settings": _list(rest)}


def _origin(run: Run) -> Facts:
    manifest = run.manifest
    galleries: Mapping[str, Any] = manifest.get("gallery", {})
    sources: Mapping[str, Any] = manifest["benchmark"].get("sources", {})
    return {
        "Run": str(manifest.get("key", "–")),
        "Started": str(manifest.get("created", "–")),
        "Finished": str(manifest.get("finished") or "not finished"),
        "Seconds": _list(manifest.get("seconds", {})),
        "Counts": _list({**manifest.get("counts", {}), **run.main.counts}),
        **{f"SHA-256 of {name}": str(digest) for name, digest in sources.items()},
        "Vectors": _each(galleries, lambda one: one.get("fingerprint")),
        "Model usage": _list(manifest.get("usage", {})),
        "STiTch": str(manifest.get("stitch_version", "–")),
        "Versions": _list(manifest.get("versions", {})),
        "Machine": _list(manifest.get("machine", {})),
    }


def _size(gallery: Mapping[str, Any]) -> str:
    return f"{gallery.get('images', 0):,} images, {gallery.get('views', 0):,} views"


def _each(galleries: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Any]) -> str:
    """Say it once where all tasks agree, else task by task."""
    told = {task: number(read(one)) for task, one in galleries.items()}
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), "–")
    return "; ".join(f"{task}: {value}" for task, value in told.items())


def _is_range(data: list[Any] | tuple[Any, ...]) -> bool:
    return len(data) == 2 and all(isinstance(one, float) for one in data)


def _list(data: Any) -> str:
    """Write nested settings on one line: name value, …"""
    if not isinstance(data, Mapping):
        if isinstance(data, (list, tuple)):
            return (
                " to ".join(map(number, data)) if _is_range(data) else ", ".join(map(number, data))
            )
        return number(data)
    parts = []
    for name, value in data.items():
        if value is None or value == []:
            continue
        inner = _list(value)
        nested = isinstance(value, Mapping)
        parts.append(f"{name} ({inner})" if nested else f"{name} {inner}")
    return ", ".join(parts) or "–"
