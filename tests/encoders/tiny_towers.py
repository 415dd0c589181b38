"""Small ONNX towers written with onnx itself, as a hub publishes them: random, but real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

DIM, SIDE, VOCABULARY = 8, 16, 40
WORDS = ["<s>", "</s>", "<pad>", *"a photo of the dog cat red blue dress on beach".split()]


def write_towers(
    folder: Path, *, patches: bool = False, image_dim: int = DIM, seed: int = 0
) -> Path:
    """Write text and vision towers with tokenizer and configuration, as Xenova's repositories do."""
    rng = np.random.default_rng(seed)
    (folder / "onnx").mkdir(parents=True)
    _text(folder / "onnx" / "text_model.onnx", rng)
    _vision(folder / "onnx" / "vision_model.onnx", rng, patches, image_dim)
    made = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<pad>")
    )
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    (folder / "tokenizer.json").write_text(made.to_str())
    text = {"max_position_embeddings": 10, "pad_token_id": 2}
    vision = {"image_size": SIDE, "patch_size": 4}
    (folder / "config.json").write_text(
        json.dumps({"model_type": "clip", "text_config": text, "vision_config": vision})
    )
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "size": {"shortest_edge": SIDE},
                "crop_size": {"height": SIDE, "width": SIDE},
                "resample": 3,
            }
        )
    )
    return folder


def _save(
    file: Path,
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    weights: dict[str, np.ndarray],
) -> None:
    graph = helper.make_graph(
        nodes,
        "tower",
        inputs,
        outputs,
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


def _text(file: Path, rng: np.random.Generator) -> None:
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"])
    out = helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, ["batch", DIM])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["masks"]),
        helper.make_node("Mul", ["words", "masks"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "middle"], ["text_embeds"], keepdims=0),
    ]
    weights: dict[str, np.ndarray] = {
        "table": rng.normal(size=(VOCABULARY, DIM)).astype(np.float32),
        "last": np.array([2], np.int64),
        "middle": np.array([1], np.int64),
    }
    _save(file, nodes, [ids, mask], [out], weights)


def _vision(file: Path, rng: np.random.Generator, patches: bool, dim: int) -> None:
    pixels = helper.make_tensor_value_info(
        "pixel_values", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE]
    )
    outputs = [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["batch", dim])]
    nodes = [
        helper.make_node("Conv", ["pixel_values", "kernel"], ["map"], strides=[4, 4]),
        helper.make_node("ReduceMean", ["map"], ["image_embeds"], axes=[2, 3], keepdims=0),
    ]
    weights: dict[str, np.ndarray] = {
        "kernel": rng.normal(size=(dim, 3, 4, 4)).astype(np.float32),
        "flat": np.array([0, dim, -1], np.int64),
    }
    if patches:
        outputs.append(
            helper.make_tensor_value_info("patch_embeds", TensorProto.FLOAT, ["batch", 16, dim])
        )
        nodes.append(helper.make_node("Reshape", ["map", "flat"], ["rows"]))
        nodes.append(helper.make_node("Transpose", ["rows"], ["patch_embeds"], perm=[0, 2, 1]))
    _save(file, nodes, [pixels], outputs, weights)
