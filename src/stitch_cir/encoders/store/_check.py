"""Looking after a model: its files, that it loads, and that it computes what it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stitch_cir.encoders._protocol import ShippedWeights
from stitch_cir.encoders._registry import load_encoder
from stitch_cir.encoders.clip import check_golden
from stitch_cir.encoders.store._catalogue import is_installed, model_dir
from stitch_cir.encoders.store._model_file import GOLDEN_TEXTS, read_model_file

__all__ = ["check_model"]


def check_model(name: str) -> dict[str, Any]:
    """Check a model: its record's checksums, loading, a text, and its golden vectors.

    Raises ``ModelError`` with what is wrong, ``SettingError`` for an unknown name.
    """
    record = None
    folder = _folder(name)
    if folder is not None:
        record = read_model_file(folder)
        if record is not None:
            record.check_files(folder, fresh=True)
    encoder = load_encoder(name)
    files = "no record of them"
    if isinstance(encoder, ShippedWeights):
        encoder.verify()
        files = "built in"
    encoder.encode_texts(GOLDEN_TEXTS)
    if record is not None and record.golden:
        golden = f"least cosine {check_golden(encoder, record):.6f}"
    else:
        golden = "none were kept with this model"
    if record is not None:
        files = f"{len(record.files)} checked"
    return {
        "name": encoder.name,
        "weights_tag": encoder.weights_tag,
        "dim": encoder.dim,
        "files": files,
        "golden": golden,
        "fingerprint": encoder.fingerprint,
    }


def _folder(name: str) -> Path | None:
    source = name.split("@")[0].rpartition(":")[2]
    if Path(source).is_dir():
        return Path(source)
    return model_dir(source) if is_installed(source) else None
