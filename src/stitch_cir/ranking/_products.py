"""Exact products of 8-bit integers, and others, on the inference engine that is installed anyway.

The graphs are written here byte by byte, since ``onnx`` is no dependency. ``MatMulInteger`` with
unsigned times signed numbers has the fast kernels on every processor, but those without VNNI add
two neighbouring products in 16 bits and saturate. With the right side within ±63 the sum of two is
at most 2 · 255 · 63 = 32130 < 2¹⁵, so nothing ever does.

For one query the product takes less time than turning it around in NumPy did, so a second graph
hands it over as it is needed: in float32, both parts of a caption added, sets on the last axis.

Products of float32 come from a third one where several threads multiply at once: BLAS has threads
of its own, which wait for their next product by spinning, and so take a core from these.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "ZERO", "float_product", "integer_product", "product_by_sets"]

LARGEST = 63
"""Largest magnitude allowed on the right side."""
ZERO = 128
"""What stands for 0 on the left side."""
_FLOAT, _UINT8, _INT8, _INT32, _INT64 = 1, 2, 3, 6, 7


def integer_product(codes: NDArray[np.uint8], columns: NDArray[np.int8]) -> NDArray[np.int32]:
    """Multiply ``(codes − 128) @ columns``: (T, d) uint8 and (d, N) int8 within ±63 → (T, N) int32.

    Exact for d up to 260,000. One thread; safe to call from several.
    """
    inputs = {"codes": codes, "columns": columns}
    products: NDArray[np.int32] = _session(model()).run(None, inputs)[0]
    return products


def product_by_sets(
    codes: NDArray[np.uint8],
    columns: NDArray[np.int8],
    mixture: NDArray[np.float32],
    width: int,
) -> NDArray[np.float32]:
    """Multiply ``(codes − 128) @ columns @ mixture`` and put sets last: (width, P, n) float32.

    ``codes``: (n · width, d) uint8, n sets of ``width`` views; ``columns``: (d, N) int8 within ±63;
    ``mixture``: (N, P) float32, with which the exact whole numbers are combined in float32. One
    thread; safe to call from several.
    """
    shape = np.array([len(codes) // width, width * mixture.shape[1]], np.int64)
    inputs = {"codes": codes, "columns": columns, "mixture": mixture, "shape": shape}
    products: NDArray[np.float32] = _session(model_by_sets()).run(None, inputs)[0]
    return products.reshape(width, mixture.shape[1], -1)


def float_product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply ``left @ right.T``: (N, d) and (T, d), float32 and contiguous → (N, T) float32.

    One thread; safe to call from several.
    """
    inputs = {"left": left, "right": right}
    products: NDArray[np.float32] = _session(float_model()).run(None, inputs)[0]
    return products


@cache
def _session(graph: bytes) -> Any:
    # imported here: only a large gallery is searched with it
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@cache
def model() -> bytes:
    """Return the graph of :func:`integer_product` as an ONNX file (opset 13)."""
    return _model(b"integer-product", [_PRODUCT], _INPUTS, _matrix(b"products", _INT32, b"T", b"N"))


@cache
def model_by_sets() -> bytes:
    """Return the graph of :func:`product_by_sets` as an ONNX file (opset 13)."""
    to_float = _field(1, b"to") + _number(3, _FLOAT) + b"\xa0\x01\x02"  # field 20: an integer
    nodes = [
        _PRODUCT,
        _node(b"Cast", [b"products"], b"floats") + _field(5, to_float),
        _node(b"MatMul", [b"floats", b"mixture"], b"mixed"),
        _node(b"Reshape", [b"mixed", b"shape"], b"sets"),
        _node(b"Transpose", [b"sets"], b"by-sets"),
    ]
    shape = _field(1, b"shape") + _field(2, _type(_INT64, [_number(1, 2)]))
    inputs = [*_INPUTS, _matrix(b"mixture", _FLOAT, b"N", b"P"), shape]
    return _model(b"product-by-sets", nodes, inputs, _matrix(b"by-sets", _FLOAT, b"V", b"n"))


@cache
def float_model() -> bytes:
    """Return the graph of :func:`float_product` as an ONNX file (opset 13)."""
    transposed = _field(1, b"transB") + _number(3, 1) + b"\xa0\x01\x02"  # field 20: an integer
    node = _node(b"Gemm", [b"left", b"right"], b"products") + _field(5, transposed)
    inputs = [_matrix(b"left", _FLOAT, b"N", b"d"), _matrix(b"right", _FLOAT, b"T", b"d")]
    return _model(b"float-product", [node], inputs, _matrix(b"products", _FLOAT, b"N", b"T"))


def _model(name: bytes, nodes: list[bytes], inputs: list[bytes], output: bytes) -> bytes:
    zero = _number(2, _UINT8) + _field(8, b"zero") + _field(9, bytes([ZERO]))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, name) + _field(5, zero)
    graph += b"".join(_field(11, each) for each in inputs) + _field(12, output)
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13))


def _node(operator: bytes, inputs: list[bytes], output: bytes) -> bytes:
    names = b"".join(_field(1, name) for name in inputs)
    return names + _field(2, output) + _field(4, operator)


def _matrix(name: bytes, kind: int, rows: bytes, columns: bytes) -> bytes:
    return _field(1, name) + _field(2, _type(kind, [_field(2, size) for size in (rows, columns)]))


def _type(kind: int, sizes: list[bytes]) -> bytes:
    shape = b"".join(_field(1, size) for size in sizes)
    return _field(1, _number(1, kind) + _field(2, shape))


def _number(field: int, value: int) -> bytes:
    """Write a protocol-buffer number below 128."""
    return bytes([field << 3, value])


def _field(field: int, content: bytes) -> bytes:
    """Write a protocol-buffer field of bytes (below 16 KiB)."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([field << 3 | 2]) + length + content


_PRODUCT = _node(b"MatMulInteger", [b"codes", b"columns", b"zero"], b"products")
_INPUTS = [_matrix(b"codes", _UINT8, b"T", b"d"), _matrix(b"columns", _INT8, b"d", b"N")]
