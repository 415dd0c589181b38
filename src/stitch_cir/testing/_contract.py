"""What all contract suites need: an error that names the rule, and checks of arrays and data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.plugins import Registry

__all__ = [
    "ContractError",
    "require",
    "require_close",
    "require_plug_in",
    "require_rows",
    "require_settings",
    "unit_rows",
]


class ContractError(AssertionError):
    """A plug-in breaks a rule of its kind's contract (``stitch_cir.plugins``)."""


def require(holds: bool, rule: str) -> None:
    """Raise ``ContractError`` with the ``rule`` unless it holds."""
    if not holds:
        raise ContractError(rule)


def require_plug_in(registry: Registry, plug_in: object) -> None:
    """Require every member of the protocol of a kind."""
    missing = registry.missing_members(plug_in)
    require(not missing, f"{type(plug_in).__name__} is no {registry.kind}: it lacks {missing}")


def require_settings(settings: Any, **expected: str) -> None:
    """Require JSON-ready settings that hold the ``expected`` values."""
    require(isinstance(settings, Mapping), f"settings() returns a mapping, not {settings!r}")
    try:
        same = json.loads(json.dumps(dict(settings), allow_nan=False)) == dict(settings)
    except (TypeError, ValueError) as error:
        raise ContractError(f"settings() is JSON-ready data: {error}") from error
    require(same, f"settings() is the same after JSON: no tuples, no keys but texts ({settings!r})")
    for key, value in expected.items():
        require(settings.get(key) == value, f"settings()[{key!r}] is {value!r}, the plug-in's name")


def require_rows(what: str, rows: Any, shape: tuple[int, ...]) -> None:
    """Require finite float32 unit rows of a shape."""
    require(
        isinstance(rows, np.ndarray), f"{what} returns a NumPy array, not {type(rows).__name__}"
    )
    require(rows.shape == shape, f"{what} has the shape {shape}, not {rows.shape}")
    require(rows.dtype == np.float32, f"{what} is float32, not {rows.dtype}")
    require(bool(np.isfinite(rows).all()), f"{what} holds no NaN and no infinity")
    lengths = np.linalg.norm(rows.astype(np.float64), axis=-1)
    require_close(lengths, np.ones_like(lengths), f"{what} has rows of length 1", 1e-3)


def require_close(values: ArrayLike, others: ArrayLike, rule: str, tolerance: float) -> None:
    """Require two arrays to be equal within an absolute ``tolerance``."""
    a, b = np.asarray(values, np.float64), np.asarray(others, np.float64)
    require(a.shape == b.shape, f"{rule} (shapes {a.shape} and {b.shape})")
    off = float(np.abs(a - b).max(initial=0.0))
    require(off <= tolerance, f"{rule} (off by {off:.2g}, allowed are {tolerance:g})")


def unit_rows(seed: int, *shape: int) -> NDArray[np.float32]:
    """Draw random unit rows of a shape: float32, the same for a seed everywhere."""
    rows = np.random.Generator(np.random.PCG64(seed)).standard_normal(shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)
