"""Data sets by name, the package's and those of other packages, and what of each is on disk.

A package offers a data set through the entry-point group ``stitch_cir.datasets``: the address of a
``DataSet``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from stitch_cir.datasets._data import Benchmark
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.errors import NotFoundError, SettingError

__all__ = [
    "BUILT_IN",
    "GROUP",
    "LayoutEntry",
    "check_benchmark",
    "dataset_names",
    "load_benchmark",
    "load_dataset",
]

GROUP = "stitch_cir.datasets"
BUILT_IN = {
    "circo": "stitch_cir.datasets.circo:CIRCO",
    "cirr": "stitch_cir.datasets.cirr:CIRR",
    "cirr-captions": "stitch_cir.datasets.cirr_captions:CIRR_CAPTIONS",
    "fashioniq": "stitch_cir.datasets.fashioniq:FASHIONIQ",
    "genecis": "stitch_cir.datasets.genecis:GENECIS",
    "stamps": "stitch_cir.datasets.stamps:STAMPS",
}
"""Entry points of this package, repeated here so that a help text or a built-in data set does not
wait for the metadata of every installed package."""


def dataset_names() -> tuple[str, ...]:
    """Return the names of all data sets, the built-in ones first."""
    return (*BUILT_IN, *sorted(set(_plug_ins()) - set(BUILT_IN)))


def load_dataset(name: str) -> DataSet:
    """Return the data set of that name.

    Raises ``SettingError`` for an unknown name and for a plug-in that cannot be imported or is not
    a ``DataSet``.
    """
    address = BUILT_IN.get(name) or _plug_ins().get(name)
    if address is None:
        from stitch_cir.hints import did_you_mean

        names = dataset_names()
        raise SettingError(
            f"There is no benchmark {name!r}.",
            hint=f"{did_you_mean(name, names)}Benchmarks: {', '.join(names)}.",
        )
    module, _, attribute = address.partition(":")
    try:
        dataset = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingError(
            f"The data set {name!r} ({address}) cannot be loaded: {error}.",
            hint="Reinstall the package that brings it.",
        ) from error
    if not isinstance(dataset, DataSet):
        raise SettingError(
            f"The data set {name!r} ({address}) is not a DataSet but {type(dataset).__name__}.",
            hint="Ask the author of the package that brings it; see docs/evaluation.md.",
        )
    return dataset


def _plug_ins() -> dict[str, str]:
    from importlib.metadata import entry_points  # slow to import, and most commands need none

    return {point.name: point.value for point in entry_points(group=GROUP)}


@dataclass(frozen=True, slots=True)
class LayoutEntry:
    """One file or folder of a layout: what it is, where it belongs, if it exists, what it holds."""

    what: str
    path: str
    here: bool
    holds: str

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)


def load_benchmark(name: str, root: Path | str, split: str | None = None) -> Benchmark:
    """Read a split of a data set. ``root`` is the data set's folder or the one above it.

    Raises ``SettingError`` for unknown names and splits, ``NotFoundError`` and ``RecordError`` for
    files that are missing or invalid.
    """
    return load_dataset(name).read(Path(root), split)


def check_benchmark(name: str, root: Path | str) -> list[LayoutEntry]:
    """Return file by file what of a data set exists below ``root``.

    Raises ``NotFoundError`` when there is no such root.
    """
    dataset = load_dataset(name)
    if not Path(root).is_dir():
        raise NotFoundError(f"There is no folder {root}.", hint=dataset.source)
    base = dataset.base(Path(root))
    entries = []
    for what, expected in dataset.layout.items():
        candidates = [
            base / name for name in ([expected] if isinstance(expected, str) else expected)
        ]
        path = next((path for path in candidates if path.exists()), candidates[0])
        holds = "missing"
        if path.is_file():
            holds = f"{path.stat().st_size:,} bytes"
        elif path.is_dir():
            visible = sum(1 for child in path.iterdir() if not child.name.startswith("."))
            holds = f"{visible:,} entries"
        entries.append(LayoutEntry(what, str(path), path.exists(), holds))
    return entries
