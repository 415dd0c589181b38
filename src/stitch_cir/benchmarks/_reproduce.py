"""What to run, and what to expect, to reproduce published figures or those of this project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stitch_cir._hints import did_you_mean
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.datasets import DataSet, LayoutEntry, check_benchmark, load_dataset
from stitch_cir.errors import SettingError
from stitch_cir.plugins import DATASETS
from stitch_cir.searcher import PRESETS
from stitch_cir.views import ViewRecipe

__all__ = ["Expected", "Reproduction", "missing_files", "reproduction", "reproductions"]

_PAPER = "stitch"
"""What the preset ``paper`` is called here: the paper's method."""
_WEIGHTS = {
    "ViT-B-32": "OpenAI ViT-B/32",
    "ViT-L-14": "OpenAI ViT-L/14",
    "ViT-bigG-14-laion2b-hf": "OpenCLIP ViT-bigG-14 laion2b_s39b_b160k",
}
"""How tables of published figures name the weights of an encoder."""
_MODEL = "Qwen/Qwen2-VL-7B-Instruct"
"""The language model of the paper."""


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

    ``model`` is the language model that the figures were measured with, empty where none was;
    ``source`` says whose figures they are.
    """

    name: str
    dataset: str
    split: str
    preset: str
    encoder: str
    composer: str
    model: str
    recipe: ViewRecipe
    figures: Mapping[str, float] = field(default_factory=dict)
    source: str = ""

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
    needs neither weights nor a language model; ``stitch-DATASET`` is the paper's method, and
    ``PRESET-DATASET`` that of another preset.
    """
    names = tuple(DATASETS.built_in)
    published = [name for name in names if load_dataset(name).published]
    prefixes = [_PAPER, *(preset for preset in PRESETS if preset not in ("paper", "captions"))]
    return (*names, *(f"{prefix}-{name}" for prefix in prefixes for name in published))


def reproduction(
    name: str, *, split: str | None = None, encoder: str | None = None
) -> Reproduction:
    """Return what to run for a name. Raises ``SettingError`` for an unknown name or split.

    ``split`` is by default the one that figures are known of; ``encoder`` that of the figures.
    """
    prefix, dataset = _parts(name)
    offline = not prefix
    chosen = split or _split_with_figures(dataset, offline=offline)
    if chosen not in dataset.splits:
        raise SettingError(
            f"{dataset.name} has no split {chosen!r}.",
            hint=f"Splits: {', '.join(dataset.splits)}.",
        )
    weights = encoder or ("mini" if offline else "ViT-bigG-14-laion2b-hf")
    preset = ("captions" if dataset.measured else "paper") if offline else prefix
    figures, source = dict[str, float](), ""
    if offline and weights == "mini":
        figures = dict(dataset.measured.get(chosen, {}))
        source = "this project, with mini and the composer verbatim" if figures else ""
    elif not offline:
        figures = dict(_published(dataset, chosen, prefix, weights))
        source = f"published, with {_WEIGHTS.get(weights, weights)}" if figures else ""
    return Reproduction(
        name,
        dataset.name,
        chosen,
        "paper" if preset == _PAPER else preset,
        weights,
        "verbatim" if offline else "chat",
        "" if offline else _MODEL,
        ViewRecipe() if offline else ViewRecipe(kind="random"),
        figures,
        source,
    )


def missing_files(plan: Reproduction, root: Path) -> list[LayoutEntry]:
    """Return the files and folders of the split that are missing below ``root``.

    Raises ``NotFoundError`` when there is no such root.
    """
    dataset = load_dataset(plan.dataset)
    others = tuple(f", {split}" for split in dataset.splits if split != plan.split)
    entries = check_benchmark(plan.dataset, root)
    return [entry for entry in entries if not entry.here and not entry.what.endswith(others)]


def _parts(name: str) -> tuple[str, DataSet]:
    """Return the preset that a name begins with, "" without one, and the data set."""
    for dataset in sorted(DATASETS.names(), key=len, reverse=True):
        prefix = name.removesuffix(dataset)
        if prefix == name or (prefix and not prefix.endswith("-")):
            continue
        prefix = prefix.removesuffix("-")
        if not prefix or prefix == _PAPER or prefix in PRESETS:
            return prefix, load_dataset(dataset)
    raise SettingError(
        f"There is nothing called {name!r} to reproduce.",
        hint=did_you_mean(name, reproductions()) + f"Names: {', '.join(reproductions())}.",
    )


def _split_with_figures(dataset: DataSet, *, offline: bool) -> str:
    """Return the split that figures are known of, else the data set's first one."""
    known_of = dataset.measured if offline else dataset.published
    return next(iter(known_of), next(iter(dataset.splits)))


def _published(
    dataset: DataSet, split: str, method: str, encoder: str
) -> Iterator[tuple[str, float]]:
    """Yield the figures that a method's paper reports for the encoder's weights, by metric."""
    published = dataset.published.get(split)
    for row in () if published is None else published.rows:
        if _letters(row.method) != _letters(method) or row.weights != _WEIGHTS.get(encoder):
            continue
        assert published is not None
        for metric, figure in zip(published.metrics, row.values, strict=True):
            if figure is not None:
                yield metric, float(figure)


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
