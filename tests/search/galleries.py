"""Packed galleries made of numbers, friendly and hostile, without a disk full of pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from stitch_cir.gallery import Codes, ViewMatrix, write_codes
from stitch_cir.search import Query

KINDS = ("smooth", "ties", "duplicates", "against", "close", "outlier", "axes", "one")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def draw(rng: np.random.Generator, kind: str, count: int, dim: int) -> np.ndarray:
    rows = rng.standard_normal((count, dim))
    if kind == "ties":
        rows = rng.integers(-1, 2, (count, dim)).astype(float)
        rows[:, 0] += rows.any(axis=1) == 0
    if kind == "duplicates":
        rows = rows[rng.integers(0, max(1, count // 8), count)]
    if kind == "against":  # every similarity is negative
        rows = -1.0 - 0.2 * rows
    if kind == "close":  # nearer to each other than eight bits can tell
        rows = 1.0 + 1e-4 * rows
    if kind == "outlier":
        rows[:, 0] += 30.0
    if kind == "axes":
        rows = np.eye(dim)[rng.integers(0, dim, count)] * rng.choice([-1.0, 1.0], (count, 1))
    if kind == "one":
        rows = np.ones((count, dim))
    return unit(rows)


def pack(vectors: np.ndarray, sizes: np.ndarray, scratch: Path | None = None) -> ViewMatrix:
    """Pack (T, d) unit rows as sets of these sizes; with a folder also in eight bits."""
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    means = np.add.reduceat(vectors.astype(np.float64), offsets[:-1]) / sizes[:, None]
    lengths = np.maximum(np.linalg.norm(means, axis=1), 1e-12)
    codes = None
    if scratch is not None:
        write_codes(scratch, vectors, offsets, vectors.mean(axis=0))
        codes = Codes(
            np.fromfile(scratch / "codes", np.uint8).reshape(vectors.shape),
            np.fromfile(scratch / "scales", np.float32),
            np.fromfile(scratch / "errors", np.float32).reshape(-1, 2),
            np.fromfile(scratch / "centre", np.float32),
        )
    return ViewMatrix(
        tuple(f"{number:05}" for number in range(len(sizes))),
        vectors,
        offsets,
        np.zeros(len(vectors), np.uint8),
        (means / lengths[:, None]).astype(np.float32),
        1,
        lengths.astype(np.float32),
        codes,
    )


def ask(
    vectors: np.ndarray, weights: np.ndarray | None = None, before: np.ndarray | None = None
) -> Query:
    if weights is None:
        weights = np.ones(len(vectors))
    shares = (weights / weights.sum()).astype(np.float32)
    return Query(vectors, shares, ("",) * len(vectors), None, None, None, before)


def problem(
    rng: np.random.Generator, kind: str, scratch: Path | None, *, ragged: bool
) -> tuple[ViewMatrix, Query]:
    """A gallery of 1 to 80 sets and a query, K and M from 1."""
    dim, count = int(rng.integers(2, 40)), int(rng.integers(1, 81))
    captions, most = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    sizes = rng.integers(1, most + 1, count) if ragged else np.full(count, most)
    matrix = pack(draw(rng, kind, int(sizes.sum()), dim), sizes, scratch)
    asked = draw(rng, "smooth" if kind == "against" else kind, captions, dim)
    if kind == "against":
        asked = unit(np.abs(asked) + 0.1)
    weights = None if rng.random() < 0.4 else rng.integers(0, 4, captions) + 1e-3
    if weights is not None and captions > 1 and rng.random() < 0.3:
        weights[rng.integers(captions)] = 0.0
    query = ask(asked, weights, draw(rng, kind, int(rng.integers(1, 4)), dim))
    if rng.random() < 0.3:  # something is taken off every image's score
        query = replace(query, handicap=rng.normal(0.2, 0.5, count).round(1))
    return matrix, query
