"""What a report is about: runs grouped by data set, their comparisons, and their caveats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from stitch_cir._hints import counted
from stitch_cir.benchmarks._compare import Comparison, Interval, compare_values, composition_gap
from stitch_cir.benchmarks._predictions import VARIANTS
from stitch_cir.benchmarks._run_files import ALONE, QueryHead, Run, VariantResult, read_run
from stitch_cir.benchmarks._score import Values, with_averages
from stitch_cir.datasets import Benchmark, DataSet, load_dataset
from stitch_cir.errors import RecordError, SettingError, StitchError

__all__ = ["COMPARED", "SWEPT", "Section", "family", "gather", "name_of", "some", "sweep"]

COMPARED = ("main", "method")
"""Roles of the variants that are methods of their own and not controls of one."""
SWEPT = {"alpha": "α", "tau": "τ", "anchor_weight": "the image anchor"}
"""Parameters that a run sweeps over, and their signs."""


@dataclass(frozen=True)
class Section:
    """The runs of a data set, split and protocol. ``key`` is safe in file names and addresses.

    ``dataset`` is None for the runs of a plug-in that is not installed, ``data`` when the data set
    cannot be read (``notes`` then say so).
    """

    key: str
    benchmark: str
    split: str
    protocol: str
    runs: Mapping[str, Run]
    dataset: DataSet | None
    data: Benchmark | None
    notes: tuple[str, ...] = field(default=())

    @property
    def title(self) -> str:
        """Data set and split, as papers write them."""
        return f"{self.dataset.title if self.dataset else self.benchmark} {self.split}"

    @property
    def kind_metric(self) -> str:
        """The metric that is reported for each kind of query."""
        return next(iter(self.runs.values())).main.kind_metric

    @cached_property
    def drawn(self) -> str:
        """What intervals and tests were drawn from, such as ``"503 image sets"``."""
        kinds: dict[str, None] = {}
        for run in self.runs.values():
            kinds[run.main.clusters.describe()] = None
        text = " or ".join(kinds)
        return "the queries" if text == "queries" else text

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Headline metrics of all runs; empty where the answers are not public."""
        names: dict[str, None] = {}
        for run in self.runs.values():
            names |= dict.fromkeys(run.main.headline)
        return tuple(names)

    @property
    def primary(self) -> tuple[str, ...]:
        """The first metric of each family: what plots with one line per run show."""
        return tuple({family(name): name for name in reversed(self.metrics)}.values())[::-1]

    def variants(self, *roles: str) -> Iterator[tuple[str, VariantResult]]:
        """Yield (run's label, variant) of these roles, the same variant of all runs together."""
        order: dict[str, None] = {}
        for run in self.runs.values():
            order |= dict.fromkeys(
                variant.name for variant in run.variants.values() if variant.role in roles
            )
        for name in order:
            for label, run in self.runs.items():
                if name in run.variants:
                    yield label, run.variants[name]

    @cached_property
    def heads(self) -> Mapping[tuple[str, str], Mapping[str, QueryHead]]:
        """Heads of the rankings by (run's label, variant's name), sweeps left out."""
        return {
            (label, variant.name): _heads(self.runs[label], variant.name)
            for label, variant in self.variants("main", "control", "ablation")
        }

    @cached_property
    def differences(self) -> Mapping[tuple[str, str], Mapping[str, Comparison]]:
        """Every variant minus its run's main, by (run's label, variant's name) and metric."""
        differences = {}
        for label, run in self.runs.items():
            others = {
                variant.name: self._values(variant)
                for variant in run.variants.values()
                if variant.role in ("control", "ablation")
                and variant.values
                and variant.ids == run.main.ids
            }
            if run.main.values:
                compared = compare_values(self._values(run.main), others, run.main.clusters)
                for name, comparisons in compared.items():
                    differences[label, name] = {each.metric: each for each in comparisons}
        return differences

    @cached_property
    def against_first(self) -> Mapping[str, Mapping[str, Comparison]]:
        """Every later run's main minus the first run's, by label; only for the same queries."""
        first = next(iter(self.runs.values()))
        if not first.main.values:
            return {}
        others = {
            label: self._values(run.main)
            for label, run in self.runs.items()
            if run is not first and run.main.ids == first.main.ids and run.main.values
        }
        compared = compare_values(self._values(first.main), others, first.main.clusters)
        return {
            label: {each.metric: each for each in comparisons}
            for label, comparisons in compared.items()
        }

    @cached_property
    def gaps(self) -> Mapping[tuple[str, str], Mapping[str, Interval]]:
        """The composition gaps of main and of every method, by (run's label, variant's name)."""
        gaps = {}
        for label, variant in self.variants(*COMPARED):
            run = self.runs[label]
            alone = [run.variants[name] for name in ALONE if name in run.variants]
            if len(alone) < len(ALONE) or not variant.values:
                continue
            values = [self._values(each) for each in (variant, *alone)]
            by_metric = composition_gap(values[0], values[1:], variant.clusters)
            gaps[label, variant.name] = {
                metric: gap
                for metric, gap in by_metric.items()
                if metric in self.metrics and metric not in self.lower_is_better
            }
        return gaps

    @property
    def lower_is_better(self) -> frozenset[str]:
        """Names of the metrics that count what is wrong."""
        return self.dataset.lower_is_better if self.dataset else frozenset()

    def best(self, metric: str, figures: Iterable[float]) -> float | None:
        """Return the best of some figures of a metric; ``None`` of none."""
        values = list(figures)
        if not values:
            return None
        return min(values) if metric in self.lower_is_better else max(values)

    def _values(self, variant: VariantResult) -> Values:
        """Return the variant's per-query values, those of the data set's averages included."""
        return with_averages(variant.values, self.dataset.averages if self.dataset else {})


def _heads(run: Run, variant: str) -> Mapping[str, QueryHead]:
    try:
        return run.heads(variant)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"The rankings of {variant} in {run.folder} cannot be read: {error}.",
            hint=f"Delete {run.folder / VARIANTS / variant} and run the same stitch bench run "
            "again.",
        ) from error


def family(metric: str) -> str:
    """Return a metric's name without its depth: mAP, R, Rs; an average stays as it is."""
    return metric if metric.startswith("(") else metric.split("@")[0]


def gather(folders: Sequence[Path | str], *, root: Path | None = None) -> tuple[Section, ...]:
    """Read runs and group them. ``root`` says where the data sets are now, if they were moved.

    Raises ``SettingError`` when no run is given or a run twice, ``NotFoundError`` and
    ``RecordError`` for folders that hold no run.
    """
    if not folders:
        raise SettingError("No run was given.", hint="stitch bench report RUN…")
    runs = [read_run(folder) for folder in folders]
    resolved = [run.folder.resolve() for run in runs]
    for folder in resolved:
        if resolved.count(folder) > 1:
            raise SettingError(f"The run {folder} is given twice.", hint="Give each run once.")
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
    dataset, data = None, None
    root = root or Path(str(_facts(first).get("root", "")))
    try:
        dataset = load_dataset(benchmark)
        data = dataset.read(root, split)
    except StitchError as error:
        notes.append(
            f"The data set cannot be read at {root} ({error.message}) References, expected "
            "answers and images are missing from the queries below; say where it is with --root."
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
                f"{label} has other queries than {next(iter(runs))}: their figures are shown "
                "side by side, but without a paired difference."
            )
    return Section(key, benchmark, split, protocol, runs, dataset, data, tuple(notes))


def _warnings(run: Run, data: Benchmark | None) -> Iterator[str]:
    """Yield everything that a reader of the figures must know, recorded or noticed here."""
    manifest, main = run.manifest, run.main
    if manifest.get("finished") is None:
        yield "This run is not finished: the variants below are those that are."
    listed = [str(variant.get("name")) for variant in manifest.get("variants", ())]
    missing = [name for name in listed if name not in run.variants]
    if missing:
        yield f"{len(missing)} of {len(listed)} variants have no results: {some(missing)}."
    # what the figures are of comes before what was amiss
    recorded = [str(note) for note in manifest.get("notes", ())]
    yield from (note for note in recorded if note.startswith(_SELECTED))
    sample = _facts(run).get("sample")
    if sample and not any(str(note).startswith("A sample") for note in manifest.get("notes", ())):
        drawn = counted(sample.get("count", 0), "query")
        yield f"Only a sample of {drawn} was searched with (seed {sample.get('seed')})."
    if not main.headline:
        yield "The answers of this split are not public: there are rankings, but no figures."
    for task, facts in manifest.get("gallery", {}).items():
        without = facts.get("without_vectors") or ()
        if without:
            reasons = facts.get("reasons") or {}
            why: dict[str, list[str]] = {}
            for id in without:
                why.setdefault(_reason(reasons.get(id)), []).append(str(id))
            listed_reasons = "; ".join(
                f"{reason}: {some(ids)}" for reason, ids in list(why.items())[:_REASONS]
            )
            more = "" if len(why) <= _REASONS else f"; and {len(why) - _REASONS} other reasons"
            yield (
                f"{len(without):,} ids of the gallery {task} could not be indexed and rank behind "
                f"all others ({listed_reasons}{more})."
            )
    if data is not None and dict(data.sources) != dict(_facts(run).get("sources", {})):
        yield (
            "The data set's files have changed since this run (their SHA-256 differ): what is "
            "shown below of queries and answers may differ from those of the run."
        )
    printed = {str(note) for note in manifest.get("notes", ())}
    yield from (note for note in recorded if not note.startswith(_SELECTED))
    listed = [
        f"{name.replace('_', ' ')} {count:,}"
        for name, count in {**manifest.get("counts", {}), **main.counts}.items()
        if count and name not in ("queries", "gallery")
    ]
    if listed:
        yield f"Counted: {', '.join(listed)}."
    for variant in run.variants.values():
        for note in variant.notes:
            if note not in printed:
                printed.add(note)
                yield note if variant is main else f"{variant.label}: {note}"


_REASONS = 4
_SELECTED = ("A sample", "CIRCUS")
"""How notes begin that say which queries of a split these are."""


def _reason(recorded: Any) -> str:
    """Return a reason without its file, so that equal reasons are printed once."""
    if not recorded:
        return "no reason given"
    first = str(recorded).split(". ")[0].rstrip(".")
    return re.sub(r"^.*[/\\][^/\\]*? (?=is |has |cannot )", "the file ", first)


def some(ids: Sequence[str], count: int = 5) -> str:
    """Return the first few ids and how many more there are."""
    rest = len(ids) - count
    return ", ".join(ids[:count]) + (f" and {rest:,} more" if rest > 0 else "")


def name_of(variant: VariantResult) -> str:
    """Return the name that a reader knows a variant by."""
    return "main" if variant.role == "main" else variant.label


def sweep(run: Run, parameter: str) -> list[tuple[float, VariantResult]]:
    """Return (value, variant) of a sweep by value, main included; empty without a sweep."""
    swept = {
        float(variant.settings[parameter]): variant
        for variant in run.variants.values()
        if variant.role == "sweep" and variant.name.startswith(f"{parameter}-") and variant.headline
    }
    if swept and run.main.settings.get(parameter) is not None:
        swept[float(run.main.settings[parameter])] = run.main
    return sorted(swept.items(), key=lambda pair: pair[0])
