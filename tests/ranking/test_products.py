"""Products of whole numbers are exact, and all graphs are sound ONNX files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from stitch_cir.ranking import _products


def test_the_graphs_are_sound() -> None:
    for graph in (_products.model(), _products.model_by_sets()):
        model = onnx.load_from_string(graph)
        onnx.checker.check_model(model, full_check=True)
        assert model.graph.node[0].op_type == "MatMulInteger"
    onnx.checker.check_model(onnx.load_from_string(_products.float_model()), full_check=True)


@pytest.mark.parametrize(("rows", "dim", "columns"), [(1, 1, 1), (7, 513, 5), (300, 64, 33)])
def test_products_are_exact_at_random_and_at_the_extremes(
    rows: int, dim: int, columns: int
) -> None:
    rng = np.random.default_rng(0)
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
            assert np.array_equal(_products.integer_product(codes, right), expected)


@pytest.mark.parametrize(("sets", "width", "dim"), [(1, 1, 1), (3, 2, 513), (40, 7, 64)])
def test_products_come_by_sets_with_the_parts_of_a_caption_added(
    sets: int, width: int, dim: int
) -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (sets * width, dim), dtype=np.uint8)
    columns = rng.integers(-_products.LARGEST, _products.LARGEST + 1, (dim, 6), dtype=np.int8)
    mixture = np.kron([[64], [1]], np.eye(3)).astype(np.float32)
    whole = (codes.astype(np.int64) - 128) @ columns.astype(np.int64)
    expected = (64 * whole[:, :3] + whole[:, 3:]).reshape(sets, width, 3)
    products = _products.product_by_sets(codes, columns, mixture, width)
    assert np.array_equal(products.transpose(2, 0, 1), expected.astype(np.float32))


def test_products_of_float32_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    left, right = (rng.standard_normal((count, 384), dtype=np.float32) for count in (7, 901))
    expected = left.astype(np.float64) @ right.T
    np.testing.assert_allclose(_products.float_product(left, right), expected, atol=2e-4)
