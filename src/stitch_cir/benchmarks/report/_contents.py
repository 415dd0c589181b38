"""What a report is about: runs grouped by data set, their comparisons, and what must be told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._compare import Comparison, compare_values
from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks._files import VARIANTS
from stitch_cir.benchmarks._load import load_benchmark
from stitch_cir.benchmarks._run_files import Run, Top, VariantResult, read_run
from stitch_cir.errors import RecordError, SettingError, StitchError

__all__ = ["Section", "family", "gather", "some"]

TITLES = {
    "circo": "CIRCO",
    "cirr": "CIRR",
    "cirr-captions": "CIRR by captions,",
    "fashioniq": "FashionIQ",
    "genecis": "GeneCIS",
    "stamps": "Stamps",
}


@dataclass(frozen=True)
class Section:
    """The runs of one data set, split and protocol. ``key`` is safe in file names and addresses.

    ``data`` is the data set itself, None when it cannot be read (``notes`` then say so).
    """

    key: str
    benchmark: str
    split: str
    protocol: str
    runs: Mapping[str, Run]
    data: Benchmark | None
    notes: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Data set and split, as papers write them."""
        return f"{TITLES.get(self.benchmark, self.benchmark)} {self.split}"

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Headline metrics of all runs; empty where the answers are not public."""
        names: dict[str, None] = {}
        for run in self.runs.values():
            names |= dict.fromkeys(run.main.headline)
        return tuple(names)

    @property
    def primary(self) -> tuple[str, ...]:
        """One metric of each family, the first: what plots with one line a run show."""
        return tuple({family(name): name for name in reversed(self.metrics)}.values())[::-1]

    def variants(self, *roles: str) -> Iterator[tuple[str, VariantResult]]:
        """Give (run's label, variant) of these roles, the same variant of all runs together."""
        order: dict[str, None] = {}
        for run in self.runs.values():
            order |= dict.fromkeys(one.name for one in run.variants.values() if one.role in roles)
        for name in order:
            for label, run in self.runs.items():
                if name in run.variants:
                    yield label, run.variants[name]

    @cached_property
    def tops(self) -> Mapping[tuple[str, str], Mapping[str, Top]]:
        """Heads of the rankings by (run's label, variant's name), sweeps left out."""
        return {
            (label, variant.name): _top(self.runs[label], variant.name)
            for label, variant in self.variants("main", "control", "ablation")
        }

    @cached_property
    def differences(self) -> Mapping[tuple[str, str], Mapping[str, Comparison]]:
        """Every variant minus its run's main, by (run's label, variant's name) and metric."""
        found = {}
        for label, run in self.runs.items():
            others = {
                one.name: one.values
                for one in run.variants.values()
                if one.role in ("control", "ablation") and one.values and one.ids == run.main.ids
            }
            if run.main.values:
                for name, comparisons in compare_values(run.main.values, others).items():
                    found[label, name] = {one.metric: one for one in comparisons}
        return found

    @cached_property
    def against_first(self) -> Mapping[str, Mapping[str, Comparison]]:
        """Every later run's main minus the first run's, by label; only for the same queries."""
        first = next(iter(self.runs.values()))
        if not first.main.values:
            return {}
        given = {
            label: run.main.values
            for label, run in self.runs.items()
            if run is not first and run.main.ids == first.main.ids and run.main.values
        }
        return {
            label: {one.metric: one for one in comparisons}
            for label, comparisons in compare_values(first.main.values, given).items()
        }


def _top(run: Run, variant: str) -> Mapping[str, Top]:
    place = run.folder / VARIANTS / variant
    try:
        return run.top(variant)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"The rankings of {variant} in {run.folder} cannot be read: {error}.",
            hint=f"Delete {place} and run the same stitch bench run again.",
        ) from error


def family(metric: str) -> str:
    """Give what a metric is without its depth: mAP, R, Rs; an average is its own."""
    return metric if metric.startswith("(") else metric.split("@")[0]


def gather(folders: Sequence[Path | str], *, root: Path | None = None) -> tuple[Section, ...]:
    """Read runs and group them. ``root`` says where the data sets lie now, if they were moved.

    Raises ``SettingError`` when no run or one run twice is given, ``NotFoundError`` and
    ``RecordError`` for folders that hold no run.
    """
    if not folders:
        raise SettingError("No run was given.", hint="stitch bench report RUN…")
    runs = [read_run(folder) for folder in folders]
    places = [run.folder.resolve() for run in runs]
    for place in places:
        if places.count(place) > 1:
            raise SettingError(f"The run {place} is given twice.", hint="Give each run once.")
    grouped: dict[tuple[str, str, str], dict[str, Run]] = {}
    for run in runs:
        facts = _facts(run)
        group = grouped.setdefault((facts["name"], facts["split"], facts["protocol"]), {})
        group[_label(run, group)] = run
    keys: dict[str, None] = {}
    return tuple(_section(*names, group, root, keys) for names, group in grouped.items())


def _facts(run: Run) -> dict[str, Any]:
    facts = run.manifest.get("benchmark")
    if not isinstance(facts, dict) or not {"name", "split", "protocol"} <= set(facts):
        raise RecordError(
            f"{run.folder}: the manifest does not say which data set it is of.",
            hint="Run it again: stitch bench run.",
        )
    return facts


def _label(run: Run, taken: Mapping[str, Run]) -> str:
    label, number = run.title, 1
    while label in taken:
        number += 1
        label = f"{run.title} ({number})"
    return label


def _section(
    benchmark: str,
    split: str,
    protocol: str,
    runs: Mapping[str, Run],
    root: Path | None,
    keys: dict[str, None],
) -> Section:
    key = "".join(c if c.isascii() and c.isalnum() else "-" for c in f"{benchmark}-{split}")
    while key in keys:
        key += "-x"
    keys[key] = None
    first = next(iter(runs.values()))
    notes = []
    data = None
    place = root or Path(str(_facts(first).get("root", "")))
    try:
        data = load_benchmark(benchmark, place, split)
    except StitchError as error:
        notes.append(
            f"The data set cannot be read at {place} ({error.message}) References, expected "
            "answers and pictures are missing from the queries below; say where it is with --root."
        )
    warned: dict[str, list[str]] = {}
    for label, run in runs.items():
        for note in _warnings(run, data):
            warned.setdefault(note, []).append(label)
    for note, labels in warned.items():
        notes.append(note if len(labels) == len(runs) else f"{', '.join(labels)}: {note}")
    for label, run in runs.items():
        if run is not first and run.main.ids != first.main.ids:
            notes.append(
                f"{label} was asked other queries than {next(iter(runs))}: their figures stand "
                "side by side, but no paired difference can be given."
            )
    return Section(key, benchmark, split, protocol, runs, data, tuple(notes))


def _warnings(run: Run, data: Benchmark | None) -> Iterator[str]:
    """Everything that a reader of the figures must know, said by the run or found here."""
    manifest, main = run.manifest, run.main
    if manifest.get("finished") is None:
        yield "This run is not finished: the variants below are those that are."
    listed = [str(one.get("name")) for one in manifest.get("variants", ())]
    missing = [name for name in listed if name not in run.variants]
    if missing:
        yield f"{len(missing)} of {len(listed)} variants have no results: {some(missing)}."
    sample = _facts(run).get("sample")
    if sample:
        yield (
            f"Only a sample of {sample.get('count'):,} queries was asked (seed "
            f"{sample.get('seed')})."
        )
    if not main.headline:
        yield "The answers of this split are not public: there are rankings, but no figures."
    for task, facts in manifest.get("gallery", {}).items():
        without = facts.get("without_vectors") or ()
        if without:
            reasons = facts.get("reasons") or {}
            why: dict[str, list[str]] = {}
            for id in without:
                why.setdefault(_reason(reasons.get(id)), []).append(str(id))
            told = "; ".join(
                f"{reason}: {some(ids)}" for reason, ids in list(why.items())[:_REASONS]
            )
            more = "" if len(why) <= _REASONS else f"; and {len(why) - _REASONS} other reasons"
            yield (
                f"{len(without):,} ids of the gallery {task} could not be indexed and rank behind "
                f"all others ({told}{more})."
            )
    if data is not None and dict(data.sources) != dict(_facts(run).get("sources", {})):
        yield (
            "The data set's files have changed since this run (their SHA-256 differ): what is "
            "shown below of queries and answers may not be what was asked."
        )
    said = {str(note) for note in manifest.get("notes", ())}
    yield from manifest.get("notes", ())
    counted = [
        f"{name.replace('_', ' ')} {count:,}"
        for name, count in {**manifest.get("counts", {}), **main.counts}.items()
        if count and name not in ("queries", "gallery")
    ]
    if counted:
        yield f"Counted: {', '.join(counted)}."
    for variant in run.variants.values():
        for note in variant.notes:
            if note not in said:
                said.add(note)
                yield note if variant is main else f"{variant.label}: {note}"


_REASONS = 4


def _reason(told: Any) -> str:
    """Give a reason without its file, so that equal reasons are told once."""
    if not told:
        return "no reason given"
    first = str(told).split(". ")[0].rstrip(".")
    return re.sub(r"^.*[/\\][^/\\]*? (?=is |has |cannot )", "the file ", first)


def some(ids: Sequence[str], count: int = 5) -> str:
    """Name the first few and say how many more there are."""
    rest = len(ids) - count
    return ", ".join(ids[:count]) + (f" and {rest:,} more" if rest > 0 else "")
