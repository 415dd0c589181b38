"""CLIP-like models: ONNX files, transformers and open_clip behind one encoder of two towers."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.encoders.clip._export import check_golden, export_model
    from stitch_cir.encoders.clip._onnx import OnnxTowers, has_towers, load_onnx
    from stitch_cir.encoders.clip._open_clip import load_open_clip
    from stitch_cir.encoders.clip._open_clip_tags import settings_of_file, settings_of_tag
    from stitch_cir.encoders.clip._preprocess import CLIP_MEAN, CLIP_STD, Geometry, Preprocess
    from stitch_cir.encoders.clip._tokenizer import pad_token_id, plain_tokenizer
    from stitch_cir.encoders.clip._torch import check_choices, loading, placed
    from stitch_cir.encoders.clip._transformers import load_transformers

__all__ = [
    "CLIP_MEAN",
    "CLIP_STD",
    "Geometry",
    "OnnxTowers",
    "Preprocess",
    "check_choices",
    "check_golden",
    "export_model",
    "has_towers",
    "load_onnx",
    "load_open_clip",
    "load_transformers",
    "loading",
    "pad_token_id",
    "placed",
    "plain_tokenizer",
    "settings_of_file",
    "settings_of_tag",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "CLIP_MEAN": "_preprocess",
        "CLIP_STD": "_preprocess",
        "Geometry": "_preprocess",
        "OnnxTowers": "_onnx",
        "Preprocess": "_preprocess",
        "check_golden": "_export",
        "check_choices": "_torch",
        "export_model": "_export",
        "has_towers": "_onnx",
        "load_onnx": "_onnx",
        "load_open_clip": "_open_clip",
        "load_transformers": "_transformers",
        "loading": "_torch",
        "pad_token_id": "_tokenizer",
        "placed": "_torch",
        "plain_tokenizer": "_tokenizer",
        "settings_of_file": "_open_clip_tags",
        "settings_of_tag": "_open_clip_tags",
    },
)
