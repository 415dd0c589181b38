"""Torch checkpoints turned into ONNX towers that give the same vectors without torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import check_model, export_model, load_encoder
from stitch_cir.encoders.clip import check_golden
from stitch_cir.errors import ModelError, SettingError
from stitch_cir.views import ViewBox, ViewRecipe

TEXTS = ["a dog", "", "Two Red CARS on a street, isn't it? " * 9, "ein Hund am Strand 🐕"]


@pytest.fixture(scope="module", params=["clip_folder", "siglip_folder"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    source = request.getfixturevalue(request.param)
    target = tmp_path_factory.mktemp("export") / "towers"
    record, cosine = export_model(f"transformers:{source}", target)
    assert cosine >= 0.9999
    assert set(record.files) == {
        "text.onnx",
        "vision.onnx",
        "tokenizer.json",
        "preprocessor_config.json",
    }
    return source, target


def test_both_give_the_same(pair: tuple[Path, Path]) -> None:
    torch_encoder, onnx_encoder = (load_encoder(str(folder)) for folder in pair)
    assert onnx_encoder.name.startswith("onnx:")
    assert onnx_encoder.context_length == torch_encoder.context_length
    assert onnx_encoder.count_tokens(TEXTS) == torch_encoder.count_tokens(TEXTS)
    np.testing.assert_allclose(
        onnx_encoder.encode_texts(TEXTS), torch_encoder.encode_texts(TEXTS), atol=1e-4
    )
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (70, 45, 3), dtype=np.uint8))
    boxes = [(ViewBox(), ViewBox(0, 0, 1, 0.5, flip=True))]
    np.testing.assert_allclose(
        onnx_encoder.encode_views([image], boxes),
        torch_encoder.encode_views([image], boxes),
        atol=1e-4,
    )
    assert onnx_encoder.has_patches == torch_encoder.has_patches
    if onnx_encoder.has_patches:
        grid = [ViewRecipe().boxes(1, 1, b"")]
        np.testing.assert_allclose(
            onnx_encoder.encode_dense_views([image], grid),
            torch_encoder.encode_dense_views([image], grid),
            atol=1e-4,
        )


def test_check(pair: tuple[Path, Path]) -> None:
    assert (
        "least cosine 1.0" in check_model(str(pair[1]))["golden"]
        or "0.9999" in check_model(str(pair[1]))["golden"]
    )


def test_golden_vectors_of_another_model_are_refused(pair: tuple[Path, Path]) -> None:
    from stitch_cir.encoders.store import read_model_file

    record = read_model_file(pair[1])
    assert record is not None
    wrong = record.model_copy(
        update={
            "golden": {
                kind: [[-v for v in row] for row in rows] for kind, rows in record.golden.items()
            }
        }
    )
    with pytest.raises(ModelError, match="cosine"):
        check_golden(load_encoder(str(pair[1])), wrong)


def test_an_altered_file_is_found(clip_folder: Path, tmp_path: Path) -> None:
    export_model(f"transformers:{clip_folder}", tmp_path / "out")
    file = tmp_path / "out" / "tokenizer.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data))
    with pytest.raises(ModelError, match=r"tokenizer\.json was altered"):
        check_model(str(tmp_path / "out"))


def test_refuses_a_folder_in_use(clip_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(SettingError, match="not empty"):
        export_model(f"transformers:{clip_folder}", tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_refuses_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no torch checkpoint"):
        export_model("mini", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_left_when_export_fails(clip_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cosine"):
        export_model(f"transformers:{clip_folder}", tmp_path / "out", least_cosine=1.1)
    assert list(tmp_path.iterdir()) == []
