"""Ways to fit a head of ``mini``. Each takes features (n, f) and texts, and returns a linear map.

All are closed forms or full batches from fixed seeds: the same input gives the same head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEVELS = ((0, 1280, 1.0), (1280, 1632, 1.0), (1632, 1752, 0.7))
"""Columns of the features' three levels, and the weight of each: as blocks they count alike."""


@dataclass(frozen=True)
class Scaling:
    """Features standardised, each level divided by the root of its size: (x − shift) · scale."""

    shift: Array
    scale: Array

    def __call__(self, features: NDArray[np.floating]) -> Array:
        """Scale features (n, f)."""
        return (features.astype(np.float64) - self.shift) * self.scale

    @classmethod
    def of(
        cls, features: NDArray[np.floating], levels: tuple[tuple[int, int, float], ...]
    ) -> Scaling:
        """Measure features (n, f)."""
        x = features.astype(np.float64)
        spread = x.std(axis=0)
        weights = np.concatenate(
            [np.full(end - start, weight / (end - start) ** 0.5) for start, end, weight in levels]
        )
        # a feature that hardly varies must not be blown up
        floors = np.concatenate(
            [np.full(e - s, 1e-3 * max(x[:, s:e].std(), 1e-9)) for s, e, _ in levels]
        )
        return cls(x.mean(axis=0), weights / (spread + floors))


def unit(rows: NDArray[np.floating]) -> Array:
    """Scale rows to length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))


def principal(x: Array, count: int) -> tuple[Array, Array]:
    """Return the largest singular values (k,) and right singular vectors (k, f)."""
    squares, left = np.linalg.eigh(x @ x.T)
    kept = [n for n in range(len(x) - 1, -1, -1) if squares[n] > 1e-9 * squares[-1]][:count]
    lengths = np.sqrt(squares[kept])
    return lengths, left[:, kept].T @ x / lengths[:, None]


def ridge(x: Array, y: Array, penalty: float = 1.0) -> Array:
    """Fit x → y − mean(y) with a penalty in units of the mean squared length of x: (f, d)."""
    gram = x @ x.T
    gram += penalty * np.trace(gram) / len(x) * np.eye(len(x))
    return x.T @ np.linalg.solve(gram, y - y.mean(axis=0))


def low_rank(x: Array, y: Array, rank: int) -> Array:
    """Fit a ridge map and keep the directions that carry most of its predictions."""
    full = ridge(x, y)
    _, directions = np.linalg.eigh((predictions := x @ full).T @ predictions)
    return np.asarray(full @ directions[:, -rank:] @ directions[:, -rank:].T)


def whitened(x: Array, y: Array, captions: Array, power: float) -> Array:
    """Fit a ridge map, then shrink the directions in which all captions differ anyway.

    That is what a contrastive loss learns, in closed form: a direction that tells captions of one
    image apart, or that every caption shares, says little of which image is meant.
    """
    centred = captions - captions.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    values = values + 0.1 * values.mean()
    return np.asarray(ridge(x, y) @ (vectors * (values / values.mean()) ** -power) @ vectors.T)


def contrastive(
    x: Array, y: Array, vectors: Array, *, share: float = 0.8, steps: int = 20, tau: float = 0.1
) -> Array:
    """Start from ridge in 256 directions, then descend InfoNCE between images and their captions.

    ``vectors`` (n, d) are the images' vectors to which the residual is added with weight ``share``.
    """
    lengths, directions = principal(x, 256)
    scale = 1 / np.sqrt(lengths**2 + (lengths**2).sum() / len(x))
    inputs = x @ directions.T * scale
    weights = inputs.T @ (y - y.mean(axis=0))
    size = np.linalg.norm(inputs @ weights, axis=1).mean()
    texts, momentum, square = unit(y), np.zeros_like(weights), 0.0
    for step in range(1, steps + 1):
        raw = inputs @ weights
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        residual = raw / length
        image = vectors + share * residual
        norm = np.linalg.norm(image, axis=1, keepdims=True)
        image = image / norm
        scores = np.exp((texts @ image.T - 1) / tau)
        pull = scores / scores.sum(1, keepdims=True) + scores / scores.sum(0) - 2 * np.eye(len(x))
        slope = pull.T @ texts / (2 * tau * len(x))
        slope = share * (slope - (slope * image).sum(1, keepdims=True) * image) / norm
        slope = (slope - (slope * residual).sum(1, keepdims=True) * residual) / length
        gradient = inputs.T @ slope
        momentum = 0.9 * momentum + 0.1 * gradient
        square = 0.999 * square + 0.001 * float((gradient**2).mean())
        pace = 0.03 * size * np.sqrt(len(x) / weights.size)
        weights -= pace * momentum / (1 - 0.9**step) / np.sqrt(square / (1 - 0.999**step))
    return np.asarray(directions.T * scale @ weights)


def two_layers(x: Array, y: Array, hidden: int = 128, steps: int = 120) -> Callable[[Array], Array]:
    """Fit 128 directions → tanh → text space by Adam on squared error, from a fixed seed."""
    generator = np.random.default_rng(0)
    lengths, directions = principal(x, 128)
    basis = directions.T * (len(x) ** 0.5 / (lengths + 0.1 * lengths[0]))
    inputs, goal = x @ basis, y - y.mean(axis=0)
    parts = [
        generator.normal(size=(inputs.shape[1], hidden)) / inputs.shape[1] ** 0.5,
        np.zeros((hidden, y.shape[1])),
    ]
    first, second = [np.zeros_like(p) for p in parts], [np.zeros_like(p) for p in parts]
    for step in range(1, steps + 1):
        middle = np.tanh(inputs @ parts[0])
        error = (middle @ parts[1] - goal) / len(x)
        slopes = [inputs.T @ (error @ parts[1].T * (1 - middle**2)), middle.T @ error]
        for n, slope in enumerate(slopes):
            slope += 1e-3 * parts[n]
            first[n] = 0.9 * first[n] + 0.1 * slope
            second[n] = 0.999 * second[n] + 0.001 * slope**2
            pace = 1e-2 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            parts[n] = parts[n] - pace * first[n] / (np.sqrt(second[n]) + 1e-8)
    return lambda rows: np.tanh(rows @ basis @ parts[0]) @ parts[1]
