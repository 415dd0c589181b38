"""What the exact search is compared with: formulas and libraries that answer the same, or less."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.vectors import Captions
from stitch_cir.gallery import ViewMatrix

TAU = 0.001


def is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def product(matrix: ViewMatrix, query: Captions) -> np.ndarray:
    """The float32 matrix product alone: (T, K)."""
    return np.asarray(matrix.vectors @ query.vectors.T)


def textbook(matrix: ViewMatrix, query: Captions, k: int = 10) -> np.ndarray:
    """Conditional transport as it is written, over all sets at once; the best k rows."""
    s = product(matrix, query).reshape(len(matrix.ids), -1, len(query.vectors))

    def attention(axis: int) -> np.ndarray:
        pull = np.exp((s - s.max(axis=axis, keepdims=True)) / np.float32(TAU))
        pull /= pull.sum(axis=axis, keepdims=True)
        return np.asarray((pull * s).sum(axis=axis).mean(axis=1))

    return np.argsort(-(attention(1) + attention(2)), kind="stable")[:k]


def textbook_torch(matrix: ViewMatrix) -> Callable[[Captions], np.ndarray]:
    """The same in torch, vectors already a tensor on the map."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the map cannot be written, and nobody will
        vectors = torch.from_numpy(np.asarray(matrix.vectors))
    sets = len(matrix.ids)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def ask(query: Captions, k: int = 10) -> np.ndarray:
        s = (vectors @ torch.from_numpy(query.vectors).T).view(sets, -1, len(query.vectors))
        score = sum(((s / TAU).softmax(dim=axis) * s).sum(dim=axis).mean(dim=1) for axis in (1, 2))
        best: Any = torch.topk(score, k).indices
        return np.asarray(best)

    return ask


def pot_batch(matrix: ViewMatrix, query: Captions, epsilon: float = 0.01) -> np.ndarray:
    """POT's batched Sinkhorn over all sets."""
    from ot.batch import solve_batch

    s = product(matrix, query).reshape(len(matrix.ids), -1, len(query.vectors))
    solved = solve_batch(1.0 - s, reg=epsilon, method="log_sinkhorn")
    return np.asarray(solved.value_linear)


def pot_loop(matrix: ViewMatrix, query: Captions, epsilon: float = 0.01) -> np.ndarray:
    """POT's Sinkhorn, one set after the other."""
    import ot

    costs = 1.0 - product(matrix, query).astype(np.float64)
    costs = costs.reshape(len(matrix.ids), -1, len(query.vectors))
    p, q = np.full(costs.shape[1], 1 / costs.shape[1]), np.full(costs.shape[2], 1 / costs.shape[2])
    return np.array([ot.sinkhorn2(p, q, cost, epsilon, method="sinkhorn_log") for cost in costs])


def faiss_flat(matrix: ViewMatrix) -> Callable[[Captions], np.ndarray]:
    """faiss' exact search on one mean vector an image: a coarser answer."""
    import faiss

    index = faiss.IndexFlatIP(matrix.means.shape[1])
    index.add(np.ascontiguousarray(matrix.means))

    def ask(query: Captions, k: int = 10) -> np.ndarray:
        mean = (query.weights @ query.vectors)[None]
        return np.asarray(index.search(np.ascontiguousarray(mean, np.float32), k)[1][0])

    return ask
