"""What to run, and what to expect, to reproduce published figures or those of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stitch_cir._hints import did_you_mean
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.datasets import (
    DataSet,
    LayoutEntry,
    PublishedRow,
    check_benchmark,
    load_dataset,
)
from stitch_cir.errors import SettingError
from stitch_cir.plugins import COMPOSERS, DATASETS, SCORERS
from stitch_cir.searcher import METHODS, PRESETS, Method, SearchSettings
from stitch_cir.views import ViewRecipe

__all__ = [
    "REPRODUCIBLE_PRESETS",
    "Expected",
    "Reproduction",
    "missing_files",
    "reproduction",
    "reproductions",
]

REPRODUCIBLE_PRESETS = tuple(
    name for name in PRESETS if name not in METHODS and name not in ("paper", "captions")
)
"""Presets that are a published setting and no method: ``paper`` is the method ``stitch``."""

_BIG_G = "ViT-bigG-14-laion2b-hf"
_MEASURED_WITH = "mini"
"""The encoder of the figures that this project measured."""
_WEIGHTS = {
    "ViT-B-32": ("OpenAI ViT-B/32",),
    "ViT-L-14": ("OpenAI ViT-L/14",),
    "ViT-L-14-laion2b-hf": ("OpenCLIP ViT-L/14",),
    _BIG_G: ("OpenCLIP ViT-bigG-14 laion2b_s39b_b160k", "OpenCLIP ViT-G/14"),
    "BGE-VL-base": ("BGE-VL-base (ViT-B/16)",),
    "BGE-VL-large": ("BGE-VL-large (ViT-L/14)",),
}
"""How tables of published figures name the weights of an encoder."""
_MODELS = {
    "Qwen2-VL-7B": "Qwen/Qwen2-VL-7B-Instruct",
    "Qwen3.6-27B": "Qwen/Qwen3.6-27B",
    "GPT-3.5": "gpt-3.5-turbo",
    "GPT-4o": "gpt-4o",
    "GPT-4.1": "gpt-4.1",
}
"""The names at an end point of the language models in tables of published figures."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A figure that is expected, in percent, beside the one that was measured, if it was."""

    metric: str
    expected: float
    measured: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run whose figures are known: data set and split, settings, weights, and these figures.

    ``method`` is the published method that the settings are of, ``None`` for a preset and for this
    project's own run; ``model`` the language model that the figures were measured with, empty where
    there is none or its name is not known; ``source`` says whose figures they are.
    """

    name: str
    dataset: str
    split: str
    method: Method | None
    settings: SearchSettings
    encoder: str
    composer: str
    model: str
    recipe: ViewRecipe
    figures: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

    @property
    def by_rules(self) -> bool:
        """Whether its captions are written by rules, without a language model."""
        return "model" not in COMPOSERS.options(self.composer)

    def compare(self, run: Run) -> list[Expected]:
        """Return every expected figure beside that of the run, with its interval."""
        main = run.main
        compared = []
        for metric, expected in self.figures.items():
            span = main.intervals.get(metric)
            ends = (None, None) if span is None else (span.low, span.high)
            compared.append(Expected(metric, expected, main.headline.get(metric), *ends))
        return compared


def reproductions() -> tuple[str, ...]:
    """Return the names of everything that can be reproduced.

    A data set's own name is a run with the encoder ``mini`` and the composer ``verbatim``, which
    needs neither weights nor a language model; ``METHOD-DATASET`` is a published method, and
    ``PRESET-DATASET`` a published setting of STiTch.
    """
    prefixes = ("", *(f"{name}-" for name in (*METHODS, *REPRODUCIBLE_PRESETS)))
    return tuple(f"{prefix}{name}" for name in DATASETS.built_in for prefix in prefixes)


def reproduction(
    name: str, *, split: str | None = None, encoder: str | None = None
) -> Reproduction:
    """Return what to run for a name. Raises ``SettingError`` for an unknown name or split.

    ``split`` is by default the one that figures are known of; ``encoder`` that of the best of them.
    A method on a data set without images, which this project measures itself, is run with ``mini``
    and the rules of ``verbatim``.
    """
    prefix, dataset = _parts(name)
    figures = dataset.measured if not prefix or dataset.measured else dataset.published
    chosen = split or next(iter(figures), next(iter(dataset.splits)))
    if chosen not in dataset.splits:
        raise SettingError(
            f"{dataset.name} has no split {chosen!r}.",
            hint=f"Splits: {', '.join(dataset.splits)}.",
        )
    if not prefix or dataset.measured:
        return _of_this_project(name, prefix, dataset, chosen, encoder or _MEASURED_WITH)
    return _of_a_paper(name, prefix, dataset, chosen, encoder)


def missing_files(plan: Reproduction, root: Path) -> list[LayoutEntry]:
    """Return the files and folders of the split that are missing below ``root``.

    Raises ``NotFoundError`` when there is no such root.
    """
    dataset = load_dataset(plan.dataset)
    others = tuple(f", {split}" for split in dataset.splits if split != plan.split)
    entries = check_benchmark(plan.dataset, root)
    return [entry for entry in entries if not entry.here and not entry.what.endswith(others)]


def _parts(name: str) -> tuple[str, DataSet]:
    """Return the method or preset that a name begins with, "" without one, and the data set."""
    for dataset in sorted(DATASETS.names(), key=len, reverse=True):
        prefix = name.removesuffix(dataset)
        if prefix == name or (prefix and not prefix.endswith("-")):
            continue
        prefix = prefix.removesuffix("-")
        if not prefix or prefix in METHODS or prefix in REPRODUCIBLE_PRESETS:
            return prefix, load_dataset(dataset)
    raise SettingError(
        f"There is nothing called {name!r} to reproduce.",
        hint=f"{did_you_mean(name, reproductions())}Names are DATASET, METHOD-DATASET and "
        f"PRESET-DATASET. Methods: {', '.join(METHODS)}. "
        f"Presets: {', '.join(REPRODUCIBLE_PRESETS)}. "
        f"Data sets: {', '.join(DATASETS.names())}.",
    )


def _of_this_project(
    name: str, prefix: str, dataset: DataSet, split: str, encoder: str
) -> Reproduction:
    """Return a run that needs neither weights nor a language model."""
    method = METHODS.get(prefix)
    preset = prefix or ("captions" if dataset.measured else "paper")
    settings = SearchSettings.from_preset(preset) if method is None else method.settings()
    runs = dataset.measured.get(split, {}) if encoder == _MEASURED_WITH else {}
    figures = dict(runs.get(prefix, {}))
    source = "this project, with mini and the composer verbatim" if figures else ""
    return Reproduction(
        name,
        dataset.name,
        split,
        method,
        settings,
        encoder,
        "verbatim",
        "",
        ViewRecipe(),
        figures,
        source,
    )


def _of_a_paper(
    name: str, prefix: str, dataset: DataSet, split: str, encoder: str | None
) -> Reproduction:
    """Return a run of a published method or preset, with the weights of its best row."""
    method = METHODS.get(prefix)
    rows = {} if method is None else _rows(dataset, split, method)
    usual = "BGE-VL-large" if prefix == "sum" else _BIG_G
    weights = encoder or next(iter(rows), usual)
    row = rows.get(weights)
    metrics = dataset.published[split].metrics if row is not None else ()
    values = () if row is None else row.values
    figures = {
        metric: float(value)
        for metric, value in zip(metrics, values, strict=True)
        if value is not None
    }
    llm = _language_model(row, next(iter(rows.values()), None))
    if method is None:
        settings, composer = SearchSettings.from_preset(prefix), "chat"
    else:
        settings = method.settings(**method.by_dataset.get(dataset.name, {}))
        # the phrases of roles are a model's in the paper, and a rule's by default here
        without = "chat" if settings.scores_roles else "verbatim"
        composer = method.route if method.needs_model else without
    stitch = method is None or prefix == "stitch"
    return Reproduction(
        name,
        dataset.name,
        split,
        method,
        settings,
        weights,
        composer,
        _MODELS["Qwen2-VL-7B"] if stitch else _MODELS.get(llm, ""),
        ViewRecipe(kind="random") if stitch else ViewRecipe(count=_views(settings)),
        figures,
        "" if row is None else f"published, with {row.weights}",
    )


def _rows(dataset: DataSet, split: str, method: Method) -> dict[str, PublishedRow]:
    """Return a method's published rows by the encoder of their weights, the best row first."""
    published = dataset.published.get(split)
    if published is None:
        return {}
    name = _letters(method.published_as or method.name)
    encoder_of = {weights: name for name, named in _WEIGHTS.items() for weights in named}
    rows = {
        encoder_of[row.weights]: row
        for row in published.rows
        if _letters(row.method) == name and row.weights in encoder_of
    }
    return dict(sorted(rows.items(), key=lambda each: -float(each[1].values[0] or 0)))


def _language_model(*rows: PublishedRow | None) -> str:
    """Return what the first of the rows that there is calls its language model; "" for none."""
    row = next((each for each in rows if each is not None), None)
    return "" if row is None or row.llm == "none" else row.llm


def _views(settings: SearchSettings) -> int:
    """Return how many views an image needs: the original alone, where no other is scored."""
    alone = getattr(SCORERS.load(settings.scorer.name), "original_alone", False)
    return 1 if alone else ViewRecipe().count


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
