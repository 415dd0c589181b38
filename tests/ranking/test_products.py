"""Products of whole numbers are exact, and all graphs are sound ONNX files."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from stitch_cir.ranking import _products


def test_the_graphs_are_sound() -> None:
    for finely in (False, True):
        for write in (_products.similarity_graph, _products.bound_graph):
            model = onnx.load_from_string(write(finely=finely))
            onnx.checker.check_model(model, full_check=True)
            assert model.graph.node[0].op_type == "MatMulIntegerToFloat"
    onnx.checker.check_model(onnx.load_from_string(_products.float_graph()), full_check=True)


def arrays(
    codes: np.ndarray, columns: np.ndarray, sets: int, width: int, captions: int, **others: Any
) -> dict[str, np.ndarray]:
    """What the graphs take: two parts of as many sets, one query, similarities as multiplied."""
    shape = [2, width, captions, 1, sets]
    if len(columns.T) == 2 * captions:
        shape.insert(2, 2)
    return {
        "codes": codes,
        "columns": columns,
        "steps": np.ones(len(columns.T), np.float32),
        "rows": np.array([2, sets, -1]),
        "shape": np.array(shape),
        "scales": np.ones((2, sets, width), np.float32),
        "base": np.zeros((captions, 1, 1), np.float32),
        **others,
    }


@pytest.mark.parametrize(("sets", "dim", "columns"), [(1, 1, 1), (7, 513, 5), (150, 64, 33)])
def test_products_are_exact_at_random_and_at_the_extremes(
    sets: int, dim: int, columns: int
) -> None:
    rng = np.random.default_rng(0)
    rows = 2 * sets
    for codes in (
        rng.integers(0, 256, (rows, dim), dtype=np.uint8),
        np.full((rows, dim), 255, np.uint8),
        np.zeros((rows, dim), np.uint8),
    ):
        for right in (
            rng.integers(-_products.LARGEST, _products.LARGEST + 1, (dim, columns), dtype=np.int8),
            np.full((dim, columns), _products.LARGEST, np.int8),
            np.full((dim, columns), -_products.LARGEST, np.int8),
        ):
            expected = (codes.astype(np.int64) - 128) @ right.astype(np.int64)
            compute = _products.similarities(finely=False)
            products = compute(arrays(codes, right, sets, 1, columns))
            products = products.transpose(0, 4, 1, 2, 3).reshape(rows, columns)
            assert np.array_equal(products, expected)


@pytest.mark.parametrize(("sets", "width", "dim"), [(1, 1, 1), (3, 2, 513), (20, 7, 64)])
def test_similarities_and_bounds_are_those_of_their_definition(
    sets: int, width: int, dim: int
) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (2 * sets * width, dim), dtype=np.uint8)
    columns = rng.integers(-_products.LARGEST, _products.LARGEST + 1, (dim, 6), dtype=np.int8)

    def some(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    steps, scales, base = 1e-6 * np.repeat([64.0, 1.0], 3), some(2, sets, width), some(3, 1, 1)
    p, q, errors, margins = some(3, 1, 1), some(2, width, 1, sets), some(2, sets, 2), some(1, 2)
    inputs: dict[str, Any] = {"steps": steps.astype(np.float32), "scales": scales, "base": base}
    inputs = arrays(codes, columns, sets, width, 3, **inputs)
    products = (codes.astype(np.int64) - 128) @ columns.astype(np.int64) * steps
    sums = (products[:, :3] + products[:, 3:]).reshape(2, sets, width, 3)
    s = (sums * scales[..., None]).transpose(0, 2, 3, 1)[:, :, :, None] + base
    close: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(_products.similarities(finely=True)(inputs), s, **close)
    expected = (s.max(axis=1) * p).sum(axis=1) + (s.max(axis=2) * q).sum(axis=1)
    expected += np.einsum("bne,qe->bqn", errors, margins) + 0.5
    inputs |= {"p": p, "q": q, "errors": errors, "margins": margins}
    inputs["slack"] = np.full(1, 0.5, np.float32)
    np.testing.assert_allclose(_products.bounds(finely=True)(inputs), expected, **close)


def test_products_of_float32_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    left, right = (rng.standard_normal((count, 384), dtype=np.float32) for count in (7, 901))
    expected = left.astype(np.float64) @ right.T
    np.testing.assert_allclose(_products.float_product(left, right), expected, atol=2e-4)
