"""Benchmarks by name, and what of each is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks import (
    _circo,
    _cirr,
    _cirr_captions,
    _fashioniq,
    _genecis,
    _stamps,
)
from stitch_cir.benchmarks._data import Benchmark
from stitch_cir.benchmarks.stamps import FOLDER
from stitch_cir.errors import NotFoundError, SettingError
from stitch_cir.hints import did_you_mean

__all__ = ["BENCHMARKS", "Place", "check_benchmark", "load_benchmark", "where_to_get"]


@dataclass(frozen=True, slots=True)
class _Layout:
    folder: str
    load: Callable[[Path, str], Benchmark]
    splits: tuple[str, ...]
    places: Mapping[str, str]
    hint: str


BENCHMARKS: dict[str, _Layout] = {
    "circo": _Layout("CIRCO", _circo.load, _circo.SPLITS, _circo.PLACES, _circo.HINT),
    "cirr": _Layout("CIRR", _cirr.load, _cirr.SPLITS, _cirr.PLACES, _cirr.HINT),
    "cirr-captions": _Layout(
        "CIRR",
        _cirr_captions.load,
        _cirr_captions.SPLITS,
        _cirr_captions.PLACES,
        _cirr_captions.HINT,
    ),
    "fashioniq": _Layout(
        "FashionIQ", _fashioniq.load, _fashioniq.SPLITS, _fashioniq.PLACES, _fashioniq.HINT
    ),
    "genecis": _Layout("GENECIS", _genecis.load, _genecis.SPLITS, _genecis.PLACES, _genecis.HINT),
    "stamps": _Layout(FOLDER, _stamps.load, _stamps.SPLITS, _stamps.PLACES, _stamps.HINT),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One file or folder of a layout: where it is expected, whether it is there, what is in it."""

    what: str
    path: str
    here: bool
    holds: str

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return asdict(self)


def load_benchmark(name: str, root: Path | str, split: str | None = None) -> Benchmark:
    """Read a benchmark. ``root`` is the data set's folder or the one that holds it.

    Raises ``SettingError`` for unknown names and splits, ``NotFoundError`` and ``RecordError`` for
    files that are missing or odd.
    """
    layout = _layout(name)
    split = split or layout.splits[0]
    if split not in layout.splits:
        raise SettingError(
            f"{name} has no split {split!r}.", hint=f"Splits: {', '.join(layout.splits)}."
        )
    return layout.load(_root(layout, Path(root)), split)


def check_benchmark(name: str, root: Path | str) -> list[Place]:
    """Say file by file what is there. Raises ``NotFoundError`` when there is no such root."""
    layout = _layout(name)
    if not Path(root).is_dir():
        raise NotFoundError(f"There is no folder {root}.", hint=layout.hint)
    base = _root(layout, Path(root))
    places = []
    for names, what in layout.places.items():
        # a place with alternatives: the first that is there, or the first of all
        options = [base / name for name in names.split("|")]
        path = next((one for one in options if one.exists()), options[0])
        holds = "missing"
        if path.is_file():
            holds = f"{path.stat().st_size:,} bytes"
        elif path.is_dir():
            holds = f"{sum(1 for one in path.iterdir() if not one.name.startswith('.')):,} entries"
        places.append(Place(what, str(path), path.exists(), holds))
    return places


def where_to_get(name: str) -> str:
    """Return where a data set's files are published. Raises ``SettingError`` for another name."""
    return _layout(name).hint


def _layout(name: str) -> _Layout:
    if name not in BENCHMARKS:
        raise SettingError(
            f"There is no benchmark {name!r}.",
            hint=f"{did_you_mean(name, BENCHMARKS)}Benchmarks: {', '.join(BENCHMARKS)}.",
        )
    return BENCHMARKS[name]


def _root(layout: _Layout, root: Path) -> Path:
    return root / layout.folder if (root / layout.folder).is_dir() else root
