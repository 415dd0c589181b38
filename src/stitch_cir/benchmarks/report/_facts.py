"""What shaped each run, one column per run: never a figure without its weights tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._formats import Cell, Table, number

__all__ = ["fact_tables"]

Facts = Mapping[str, str]


def fact_tables(section: Section) -> list[Table]:
    """Return the settings, and folded away the origin: hashes, versions, machine, times, usage."""
    shaped = {label: _settings(run) for label, run in section.runs.items()}
    origin = {label: _origin(run) for label, run in section.runs.items()}
    return [
        _table("settings", "What shaped the results", shaped, folded=False),
        _table("origin", "Data, versions and machine", origin, folded=True),
    ]


def _table(key: str, title: str, facts: Mapping[str, Facts], *, folded: bool) -> Table:
    names: dict[str, None] = {}
    for column in facts.values():
        names |= dict.fromkeys(column)
    rows = []
    for name in names:
        values = [column.get(name, "–") for column in facts.values()]
        differ = len(set(values)) > 1
        rows.append((Cell(name, strong=differ), *(Cell(value, strong=differ) for value in values)))
    lead = "In bold: what differs between the runs." if len(facts) > 1 else ""
    return Table(key, title, ("", *facts), tuple(rows), lead=lead, numeric=False, folded=folded)


def _settings(run: Run) -> Facts:
    manifest = run.manifest
    galleries: Mapping[str, Any] = manifest.get("gallery", {})
    settings: Mapping[str, Any] = manifest.get("settings", {})
    composer: Mapping[str, Any] = manifest.get("composer", {})
    benchmark = manifest["benchmark"]
    sample = benchmark.get("sample")
    queries = f"{benchmark.get('queries', 0):,}"
    if sample:
        queries += f", a sample with seed {sample.get('seed')}"
    shaped = {
        "Protocol": str(benchmark["protocol"]),
        "Queries": queries,
        "Encoder": _each(galleries, lambda gallery: gallery.get("encoder")),
        "Weights tag": _each(galleries, lambda gallery: gallery.get("weights_tag")),
        "Dimension": _each(galleries, lambda gallery: gallery.get("dim")),
        "Composer": _list({**composer} if composer else {}),
        "Captions (K)": number(settings.get("num_captions", settings.get("captions"))),
        "Transition": number(settings.get("transition")),
        "α": number(settings.get("alpha")),
        "Scorer": number(settings.get("scorer")),
        "τ on raw cosine": number(settings.get("tau")),
        "Gallery": _each(galleries, _size),
        "Views": _each(galleries, lambda gallery: _list(gallery.get("recipe", {}))),
        "Preset": number(settings.get("preset")),
    }
    shown = {"captions", "transition", "alpha", "scorer", "tau", "preset"}
    rest = {name: value for name, value in settings.items() if name not in shown}
    return {**shaped, "Other settings": _list(rest)}


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
        "Vectors": _each(galleries, lambda gallery: gallery.get("fingerprint")),
        "Model usage": _list(manifest.get("usage", {})),
        "STiTch": str(manifest.get("stitch_version", "–")),
        "Versions": _list(manifest.get("versions", {})),
        "Machine": _list(manifest.get("machine", {})),
    }


def _size(gallery: Mapping[str, Any]) -> str:
    return (
        f"{counted(gallery.get('images', 0), 'image')}, {counted(gallery.get('views', 0), 'view')}"
    )


def _each(galleries: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Any]) -> str:
    """Return the value once where all tasks agree, else task by task."""
    values = {task: number(read(gallery)) for task, gallery in galleries.items()}
    if len(set(values.values())) <= 1:
        return next(iter(values.values()), "–")
    return "; ".join(f"{task}: {value}" for task, value in values.items())


def _is_range(data: list[Any] | tuple[Any, ...]) -> bool:
    return len(data) == 2 and all(isinstance(value, float) for value in data)


def _list(data: Any) -> str:
    """Return nested settings in one line: name value, …"""
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
