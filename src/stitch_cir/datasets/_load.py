"""Data sets by name: reading a split, and checking what of the layout is on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stitch_cir.datasets._data import Benchmark
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.errors import NotFoundError
from stitch_cir.plugins import DATASETS

__all__ = ["LayoutEntry", "check_benchmark", "load_benchmark", "load_dataset"]


def load_dataset(name: str) -> DataSet:
    """Return the data set of that name, built-in or of another package.

    Raises ``SettingError`` for an unknown name and for a plug-in that cannot be imported or is not
    a ``DataSet``.
    """
    dataset: DataSet = DATASETS.load_object(name)
    return dataset


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
