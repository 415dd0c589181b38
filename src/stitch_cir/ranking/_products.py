"""Exact products of 8-bit integers on the inference engine that is installed anyway.

The graph is one ``MatMulInteger`` node, written here byte by byte, since ``onnx`` is no dependency.
Its unsigned-times-signed kernels are the fast ones on every processor, but those without VNNI add
two neighbouring products in 16 bits and saturate. With the right side within ±63 the sum of two is
at most 2 · 255 · 63 = 32130 < 2¹⁵, so nothing ever does.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "ZERO", "integer_product"]

LARGEST = 63
"""Largest magnitude allowed on the right side."""
ZERO = 128
"""What stands for 0 on the left side."""
_UINT8, _INT8, _INT32 = 2, 3, 6


def integer_product(codes: NDArray[np.uint8], columns: NDArray[np.int8]) -> NDArray[np.int32]:
    """Multiply ``(codes − 128) @ columns``: (T, d) uint8 and (d, N) int8 within ±63 → (T, N) int32.

    Exact for d up to 260,000. One thread; safe to call from several.
    """
    inputs = {"codes": codes, "columns": columns}
    products: NDArray[np.int32] = _session().run(None, inputs)[0]
    return products


@cache
def _session() -> Any:
    # imported here: only a large gallery is searched with it
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model(), options, providers=["CPUExecutionProvider"])


def model() -> bytes:
    """Return the graph as an ONNX file (opset 13)."""
    node = b"".join(_field(1, name) for name in (b"codes", b"columns", b"zero"))
    node += _field(2, b"products") + _field(4, b"MatMulInteger")
    zero = _number(2, _UINT8) + _field(8, b"zero") + _field(9, bytes([ZERO]))
    graph = _field(1, node) + _field(2, b"integer-product") + _field(5, zero)
    graph += _field(11, _matrix(b"codes", _UINT8, b"T", b"d"))
    graph += _field(11, _matrix(b"columns", _INT8, b"d", b"N"))
    graph += _field(12, _matrix(b"products", _INT32, b"T", b"N"))
    return _number(1, 8) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 13))


def _matrix(name: bytes, kind: int, rows: bytes, columns: bytes) -> bytes:
    shape = b"".join(_field(1, _field(2, size)) for size in (rows, columns))
    return _field(1, name) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def _number(field: int, value: int) -> bytes:
    """Write a protocol-buffer number below 128."""
    return bytes([field << 3, value])


def _field(field: int, content: bytes) -> bytes:
    """Write a protocol-buffer field of bytes (below 16 KiB)."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([field << 3 | 2]) + length + content
