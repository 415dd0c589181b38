"""The integer product is exact, and its graph is a sound ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from stitch_cir.ranking import _products


def test_the_graph_is_sound() -> None:
    model = onnx.load_from_string(_products.model())
    onnx.checker.check_model(model, full_check=True)
    (node,) = model.graph.node
    assert node.op_type == "MatMulInteger"


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
