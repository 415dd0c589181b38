"""Checkpoints into ONNX towers: exported, compared on golden vectors, and only then kept."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.encoders._registry import load_encoder
from stitch_cir.encoders.clip._export_parts import (
    ExportableTowers,
    ExportParts,
    Tower,
    check_tokenizer,
)
from stitch_cir.encoders.clip._onnx import load_onnx
from stitch_cir.encoders.clip._torch import loading
from stitch_cir.encoders.clip._towers import TowerEncoder
from stitch_cir.encoders.store import GOLDEN_TEXTS, ModelFile, file_sha256, golden_images
from stitch_cir.errors import ModelError, SettingError
from stitch_cir.views import ViewBox

__all__ = ["LEAST_COSINE", "check_golden", "export_model"]

LEAST_COSINE = 0.9999
"""An exported model whose golden vectors are less similar to the original's is not kept."""
OPSET = 17


def export_model(
    spec: str, folder: Path, *, least_cosine: float = LEAST_COSINE
) -> tuple[ModelFile, float]:
    """Export ``transformers:…`` or ``open_clip:…`` to ``folder``; return its record and the cosine.

    The folder then holds ``text.onnx``, ``vision.onnx`` (with patch vectors where the model has
    them), ``tokenizer.json``, ``preprocessor_config.json`` and ``stitch-model.json``.

    Raises
    ------
    SettingError
        The spec is no torch model, or the folder exists and is not empty.
    ModelError
        Loading or exporting failed, the tokenizer cannot be carried over, or a golden vector's
        cosine is below ``least_cosine``; nothing is then left behind.
    """
    folder = folder.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(f"{folder} exists and is not empty.", hint="Name a new folder.")
    encoder = load_encoder(spec, device="cpu", precision="fp32")
    towers = encoder.towers if isinstance(encoder, TowerEncoder) else None
    if not isinstance(encoder, TowerEncoder) or not isinstance(towers, ExportableTowers):
        raise SettingError(
            f"{spec} is no torch checkpoint.",
            hint="Export transformers:FOLDER-or-id or open_clip:MODEL/PRETRAINED.",
        )
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        record = _write(encoder, towers.export_parts, spec, part)
        cosine = check_golden(load_onnx(str(part)), record, least_cosine=least_cosine)
        folder.parent.mkdir(parents=True, exist_ok=True)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return record, cosine


def check_golden(
    encoder: DualEncoder, record: ModelFile, *, least_cosine: float = LEAST_COSINE
) -> float:
    """Compare an encoder with the kept golden vectors; return the least cosine.

    Raises ``ModelError`` when it is below ``least_cosine`` or there are none.
    """
    if not record.golden:
        raise ModelError(f"No golden vectors were kept with {record.name}.")
    least = 1.0
    for kind, vectors in _golden(encoder).items():
        kept = np.asarray(record.golden[kind], np.float64)
        if kept.shape != vectors.shape:
            raise ModelError(
                f"{record.name}: the golden {kind} have {kept.shape[1]} numbers, the model gives "
                f"{vectors.shape[1]}."
            )
        cosines = (kept * vectors).sum(1) / np.linalg.norm(kept, axis=1)
        least = min(least, float(cosines.min()))
    if least < least_cosine:
        raise ModelError(
            f"{record.name}: a golden vector has the cosine {least:.6f}, less than {least_cosine}.",
            hint="The model does not compute what it was exported from: export it again.",
        )
    return least


def _write(
    encoder: TowerEncoder, take_apart: Callable[[], ExportParts], spec: str, folder: Path
) -> ModelFile:
    with loading(f"Exporting {spec}", "export", "Known to work: CLIP and SigLIP checkpoints."):
        import torch

        parts = take_apart()
        check_tokenizer(encoder.towers, parts)
        (folder / "tokenizer.json").write_text(parts.tokenizer, encoding="utf-8")
        for name, tower in (("text", parts.text), ("vision", parts.vision)):
            _export(torch, tower, folder / f"{name}.onnx")
        version = str(torch.__version__)
    encoder.preprocess.write(folder / "preprocessor_config.json")
    record = ModelFile(
        name=folder.name.rsplit(".", 2)[0],
        weights_tag=encoder.weights_tag,
        source=spec,
        files={file.name: file_sha256(file) for file in sorted(folder.iterdir())},
        towers=parts.config,
        golden={
            kind: [[round(float(value), 6) for value in row] for row in vectors]
            for kind, vectors in _golden(encoder).items()
        },
        made={"opset": str(OPSET), "torch": version, "fingerprint": encoder.fingerprint},
    )
    record.write(folder)
    return record


def _export(torch: Any, tower: Tower, file: Path) -> None:
    free = {0: "batch", 1: "tokens"} if tower.any_length else {0: "batch"}
    axes = {name: {0: "batch"} for name in tower.outputs}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that are constants here
        torch.onnx.export(
            tower.module,
            tuple(tower.example.values()),
            str(file),
            input_names=list(tower.example),
            output_names=tower.outputs,
            dynamic_axes={**axes, **dict.fromkeys(tower.example, free)},
            opset_version=OPSET,
            dynamo=False,
        )


def _golden(encoder: DualEncoder) -> dict[str, NDArray[np.float32]]:
    images = golden_images()
    views = encoder.encode_views(images, [(ViewBox(),)] * len(images))[:, 0]
    # "pictures" is what files of models exported so far call them
    return {"texts": encoder.encode_texts(GOLDEN_TEXTS), "pictures": views}
