"""Packed galleries made of numbers, friendly and hostile, without a disk full of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stitch_cir.gallery import Codes, Ids, ViewMatrix, write_codes
from stitch_cir.ranking import RankingProblem
from stitch_cir.transport import Chamfer, Scorer

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
        Ids.of(f"{number:05}" for number in range(len(sizes))),
        vectors,
        offsets,
        np.zeros(len(vectors), np.uint8),
        (means / lengths[:, None]).astype(np.float32),
        1,
        lengths.astype(np.float32),
        codes,
    )


def captions(
    matrix: ViewMatrix, vectors: np.ndarray, scorer: Scorer | None = None, **fields: Any
) -> RankingProblem:
    """Rank the whole gallery for these captions, evenly weighted unless the fields say otherwise."""
    weights = fields.pop("weights", None)
    weights = np.ones(len(vectors)) if weights is None else weights
    shares = (weights / weights.sum()).astype(np.float32)
    rows = fields.pop("rows", np.arange(len(matrix.ids)))
    return RankingProblem(matrix, rows, vectors, shares, scorer or Chamfer(), **fields)


def random_problem(
    rng: np.random.Generator, kind: str, scratch: Path | None, *, ragged: bool
) -> RankingProblem:
    """A gallery of 1 to 80 sets and a query, K and M from 1, with captions of a reference."""
    dim, count = int(rng.integers(2, 40)), int(rng.integers(1, 81))
    size, most = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    sizes = rng.integers(1, most + 1, count) if ragged else np.full(count, most)
    matrix = pack(draw(rng, kind, int(sizes.sum()), dim), sizes, scratch)
    vectors = draw(rng, "smooth" if kind == "against" else kind, size, dim)
    if kind == "against":
        vectors = unit(np.abs(vectors) + 0.1)
    weights = None if rng.random() < 0.4 else rng.integers(0, 4, size) + 1e-3
    if weights is not None and size > 1 and rng.random() < 0.3:
        weights[rng.integers(size)] = 0.0
    reference = draw(rng, kind, int(rng.integers(1, 4)), dim)
    penalty = rng.normal(0.2, 0.5, count).round(1) if rng.random() < 0.3 else None
    return captions(matrix, vectors, weights=weights, reference_vectors=reference, penalty=penalty)
