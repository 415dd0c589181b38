"""Exact products of 8-bit integers, and others, on the inference engine that is installed anyway.

The graphs are written here byte by byte, since ``onnx`` is no dependency. Unsigned times signed
numbers have the fast kernels on every processor, but those without VNNI add two neighbouring
products in 16 bits and saturate. With the right side within ±63 the sum of two is at most
2 · 255 · 63 = 32130 < 2¹⁵, so nothing ever does.

What turns the products into similarities and bounds is in the graph too, so that one call computes
a block. Every call of NumPy asks for the interpreter's lock again, and with sixteen threads the
scan spent most of its time waiting for that.

Products of float32 come from another graph where several threads multiply at once: BLAS has threads
of its own, which wait for their next product by spinning, and so take a core from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LARGEST", "ZERO", "bounds", "float_product", "similarities"]

Arrays: TypeAlias = "Mapping[str, NDArray[Any]]"
Compute: TypeAlias = Callable[[Arrays], NDArray[np.float32]]
"""Runs a graph on arrays by name. One thread; safe to call from several."""

LARGEST = 63
"""Largest magnitude allowed on the right side."""
ZERO = 128
"""What stands for 0 on the left side."""
_FLOAT, _UINT8, _INT8, _INT64 = 1, 2, 3, 7


def similarities(*, finely: bool) -> Compute:
    """Return what computes similarities (B, M, K, Q, n) from coded views and captions.

    ``codes``: (B · n · M, d) uint8, B times n sets of M views; ``columns``: (d, C) int8 within ±63,
    a column of weight ``steps``: (C,) for each of K · Q captions, or if ``finely`` two, all first
    ones first, to be added; ``rows``: the whole numbers B, n and M · C; ``shape``: B, M, if
    ``finely`` 2, K, Q and n; ``scales``: (B, n, M), of the views; ``base``: (K, Q, 1), added to
    every similarity. The whole numbers are exact for d up to 4,096.

    One of B and n is a query's or set's worth of numbers that are next to each other in memory: n
    is best large, and B at least 2, for which the engine has faster maxima than for 1.
    """
    return _computing(similarity_graph(finely=finely))


def bounds(*, finely: bool) -> Compute:
    """Return what computes bounds (B, Q, n): weighted maxima of :func:`similarities`, and margins.

    Further arrays: ``p``: (K, Q, 1), weights of the captions; ``q``: (B, M, 1, n) or alike, of the
    views; ``errors``: (B, n, 2), two of each set, and ``margins``: (Q, 2), how much each counts;
    ``slack``: (1,), added to every bound.
    """
    return _computing(bound_graph(finely=finely))


def float_product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply ``left @ right.T``: (N, d) and (T, d), float32 and contiguous → (N, T) float32.

    One thread; safe to call from several.
    """
    return _computing(float_graph())({"left": left, "right": right})


@cache
def _computing(graph: bytes) -> Compute:
    # imported here: only a large gallery is searched with it
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def compute(arrays: Arrays) -> NDArray[np.float32]:
        computed: NDArray[np.float32] = session.run(None, arrays)[0]
        return computed

    return compute


@cache
def similarity_graph(*, finely: bool) -> bytes:
    """Return the graph of :func:`similarities` as an ONNX file."""
    nodes, inputs = _similarities(finely)
    return _graph(b"similarities", nodes, inputs, _tensor(b"s", _FLOAT, b"B M K Q n"))


@cache
def bound_graph(*, finely: bool) -> bytes:
    """Return the graph of :func:`bounds` as an ONNX file."""
    nodes, inputs = _similarities(finely)
    nodes += [
        _node(b"ReduceMax", b"s", b"of-captions", axes=(1,), keepdims=0),
        _node(b"ReduceMax", b"s", b"of-views", axes=(2,), keepdims=0),
        _node(b"Mul", b"of-captions p", b"captions"),
        _node(b"Mul", b"of-views q", b"views"),
        _node(b"ReduceSum", b"captions", b"forward", axes=(1,), keepdims=0),
        _node(b"ReduceSum", b"views", b"backward", axes=(1,), keepdims=0),
        _node(b"Add", b"forward backward", b"score"),
        _node(b"Transpose", b"errors", b"errors-by-sets", perm=(0, 2, 1)),
        _node(b"MatMul", b"margins errors-by-sets", b"margin"),
        _node(b"Add", b"score margin", b"raised"),
        _node(b"Add", b"raised slack", b"bounds"),
    ]
    inputs += [
        _tensor(b"p", _FLOAT, b"K Q 1"),
        _tensor(b"q", _FLOAT, b"b m 1 i"),
        _tensor(b"errors", _FLOAT, b"B n 2"),
        _tensor(b"margins", _FLOAT, b"Q 2"),
        _tensor(b"slack", _FLOAT, b"1"),
    ]
    return _graph(b"bounds", nodes, inputs, _tensor(b"bounds", _FLOAT, b"B Q n"))


@cache
def float_graph() -> bytes:
    """Return the graph of :func:`float_product` as an ONNX file."""
    node = _node(b"Gemm", b"left right", b"products", transB=1)
    inputs = [_tensor(b"left", _FLOAT, b"N d"), _tensor(b"right", _FLOAT, b"T d")]
    return _graph(b"float-product", [node], inputs, _tensor(b"products", _FLOAT, b"N T"))


def _similarities(finely: bool) -> tuple[list[bytes], list[bytes]]:
    """Write the nodes and inputs up to the similarities ``s``."""
    multiply = _node(b"MatMulIntegerToFloat", b"codes columns unit steps zero", b"products")
    nodes = [
        multiply + _field(7, _OF_THE_ENGINE),
        _node(b"Reshape", b"products rows", b"by-rows"),
        _node(b"Transpose", b"by-rows", b"by-sets", perm=(0, 2, 1)),
        _node(b"Reshape", b"by-sets shape", b"parts" if finely else b"sums"),
        *([_node(b"ReduceSum", b"parts", b"sums", axes=(2,), keepdims=0)] if finely else []),
        _node(b"Transpose", b"scales", b"of-sets", perm=(0, 2, 1)),
        _node(b"Unsqueeze", b"of-sets", b"factors", axes=(2, 3)),
        _node(b"Mul", b"sums factors", b"scaled"),
        _node(b"Add", b"scaled base", b"s"),
    ]
    inputs = [
        _tensor(b"codes", _UINT8, b"T d"),
        _tensor(b"columns", _INT8, b"d C"),
        _tensor(b"steps", _FLOAT, b"C"),
        _tensor(b"rows", _INT64, b"3"),
        _tensor(b"shape", _INT64, b"6" if finely else b"5"),
        _tensor(b"scales", _FLOAT, b"B n M"),
        _tensor(b"base", _FLOAT, b"K Q 1"),
    ]
    return nodes, inputs


_OF_THE_ENGINE = b"com.microsoft"


def _graph(name: bytes, nodes: list[bytes], inputs: list[bytes], output: bytes) -> bytes:
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, name)
    graph += _field(5, _number(2, _UINT8) + _field(8, b"zero") + _field(9, bytes([ZERO])))
    unit = np.float32(1).tobytes()
    graph += _field(5, _number(2, _FLOAT) + _field(8, b"unit") + _field(9, unit))
    graph += b"".join(_field(11, each) for each in inputs) + _field(12, output)
    # up to version 11 the axes of all nodes are attributes
    versions = ((b"", 11), (_OF_THE_ENGINE, 1))
    operators = b"".join(_field(8, _field(1, name) + _number(2, each)) for name, each in versions)
    return _number(1, 6) + _field(7, graph) + operators


def _node(
    operator: bytes, inputs: bytes, output: bytes, **attributes: int | tuple[int, ...]
) -> bytes:
    node = b"".join(_field(1, name) for name in inputs.split())
    node += _field(2, output) + _field(4, operator)
    for name, value in attributes.items():
        if isinstance(value, tuple):
            kind, content = 7, b"".join(_number(8, each) for each in value)
        else:
            kind, content = 2, _number(3, value)
        # field 20, the kind: one whole number, or several
        content += b"\xa0\x01" + bytes([kind])
        node += _field(5, _field(1, name.encode()) + content)
    return node


def _tensor(name: bytes, kind: int, sizes: bytes) -> bytes:
    shape = b"".join(
        _field(1, _number(1, int(size)) if size.isdigit() else _field(2, size))
        for size in sizes.split()
    )
    return _field(1, name) + _field(2, _field(1, _number(1, kind) + _field(2, shape)))


def _number(field: int, value: int) -> bytes:
    """Write a protocol-buffer number below 128."""
    return bytes([field << 3, value])


def _field(field: int, content: bytes) -> bytes:
    """Write a protocol-buffer field of bytes (below 16 KiB)."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([field << 3 | 2]) + length + content
