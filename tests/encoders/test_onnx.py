"""ONNX towers: loading, the contract, dense views, long texts, and files that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import (
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    TextLimits,
    check_model,
    load_encoder,
)
from stitch_cir.errors import GalleryMismatchError, ModelError, SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.searcher import SearchSettings, search
from stitch_cir.views import ViewBox, ViewRecipe
from tests.encoders.tiny_towers import DIM, write_towers

WHOLE = (ViewBox(),)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    return write_towers(tmp_path / "towers", patches=True)


def sample_images() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8))
        for size in ((40, 60, 3), (80, 50, 3), (33, 33, 3))
    ]


def test_keeps_the_contract(towers: Path) -> None:
    encoder = load_encoder(str(towers))
    for protocol in (DualEncoder, ConceptReader, DenseEncoder, TextLimits):
        assert isinstance(encoder, protocol)
    texts = encoder.encode_texts(["a dog", "", "a red dress on the beach"])
    views = encoder.encode_views(sample_images(), [(ViewBox(), ViewBox(0, 0, 0.5, 1))] * 3)
    assert texts.shape == (3, DIM)
    assert views.shape == (3, 2, DIM)
    for vectors in (texts, views):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)
    assert encoder.encode_texts([]).shape == (0, DIM)
    assert encoder.name == f"onnx:{towers.resolve()}"
    assert load_encoder(encoder.name).fingerprint == encoder.fingerprint


def test_padding_a_batch_changes_nothing(towers: Path) -> None:
    encoder = load_encoder(str(towers))
    texts = ["a dog", "a photo of the red dress on the beach", "cat"] * 30
    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode_texts(texts), alone, atol=1e-6)


def test_a_long_text_keeps_its_end_token_and_is_noted(towers: Path, tmp_path: Path) -> None:
    encoder: Any = load_encoder(str(towers))
    long = "red " * 30
    assert encoder.context_length == 10
    assert encoder.count_tokens(["a dog", long]) == [4, 32]
    np.testing.assert_allclose(
        encoder.encode_texts([long]), encoder.encode_texts(["red " * 8]), atol=1e-6
    )
    gallery = indexed(tmp_path, towers)
    results = search(gallery, reference="0.png", text=long, settings=SearchSettings(k=1))
    assert any("The modification was cut: 32 tokens" in note for note in results.notes)


def indexed(tmp_path: Path, towers: Path, kind: Any = "grid") -> Gallery:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(sample_images()):
        image.save(folder / f"{number}.png")
    index_folder(folder, encoder=load_encoder(str(towers)), recipe=ViewRecipe(kind=kind))
    return Gallery.open(folder)


@pytest.mark.parametrize("kind", ["grid", "random", "dense"])
def test_a_gallery_opens_the_same_towers_again(tmp_path: Path, towers: Path, kind: str) -> None:
    gallery = indexed(tmp_path, towers, kind)
    results = search(
        gallery, reference="1.png", settings=SearchSettings(k=3, include_reference=True)
    )
    assert results.hits[0].id == "1.png"
    assert results.hits[0].score == pytest.approx(2, abs=1e-3)  # both directions
    assert results.gallery["encoder"] == f"onnx:{towers.resolve()}"


def test_dense_views_pool_the_patches_they_cover(towers: Path) -> None:
    encoder: Any = load_encoder(str(towers))
    image = Image.new("RGB", (64, 64), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 32, 64))
    boxes = [(ViewBox(), ViewBox(0, 0, 0.5, 1), ViewBox(0.5, 0, 1, 1))]
    dense = encoder.encode_dense_views([image], boxes)[0]
    halves = [image.crop((0, 0, 20, 20)), image.crop((44, 0, 64, 20))]
    plain = encoder.encode_views(halves, [WHOLE] * 2)[:, 0]
    assert (dense[1:] * plain).sum(1).min() > 0.99
    np.testing.assert_allclose(dense[0], encoder.encode_views([image], [WHOLE])[0, 0], atol=1e-6)


def test_towers_without_patches_refuse_dense_views(tmp_path: Path) -> None:
    encoder: Any = load_encoder(str(write_towers(tmp_path / "plain")))
    assert not encoder.has_patches
    with pytest.raises(SettingError, match="patch"):
        encoder.encode_dense_views(sample_images(), [WHOLE] * 3)


def test_other_weights_are_refused_for_an_index(tmp_path: Path, towers: Path) -> None:
    indexed(tmp_path, towers)
    other = write_towers(tmp_path / "other", seed=1)
    with pytest.raises(GalleryMismatchError):
        Gallery.open(tmp_path / "photos", encoder=load_encoder(str(other)))
    (towers / "onnx" / "text_model.onnx").write_bytes(
        (other / "onnx" / "text_model.onnx").read_bytes()
    )
    with pytest.raises(GalleryMismatchError):
        search(Gallery.open(tmp_path / "photos"), text="a dog")


def test_towers_of_two_models(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="do not meet"):
        load_encoder(str(write_towers(tmp_path / "mixed", image_dim=6)))


@pytest.mark.parametrize(
    "file",
    [
        "onnx/text_model.onnx",
        "onnx/vision_model.onnx",
        "tokenizer.json",
        "preprocessor_config.json",
        "config.json",
    ],
)
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_missing_and_cut_files_are_named(towers: Path, file: str, how: str) -> None:
    if how == "missing":
        (towers / file).unlink()
    else:
        (towers / file).write_bytes((towers / file).read_bytes()[:30])
    with pytest.raises(ModelError) as raised:
        load_encoder(f"onnx:{towers}")
    assert Path(file).name.split("_")[0].split(".")[0] in str(raised.value)
    assert raised.value.hint


def test_the_preprocessor_must_be_usable(towers: Path) -> None:
    (towers / "preprocessor_config.json").write_text(
        json.dumps({"size": 16, "crop_size": 16, "do_normalize": False})
    )
    with pytest.raises(ModelError, match="do_normalize"):
        load_encoder(str(towers))
    (towers / "preprocessor_config.json").write_text(json.dumps({"crop_size": 16}))
    with pytest.raises(ModelError, match="how images are prepared"):
        load_encoder(str(towers))


def test_precision_and_device_belong_to_the_files(towers: Path) -> None:
    with pytest.raises(SettingError, match="bf16"):
        load_encoder(f"onnx:{towers}@bf16")
    with pytest.raises(SettingError, match="CUDA"):
        load_encoder(str(towers), device="cuda")


def test_check(towers: Path) -> None:
    assert check_model(str(towers))["golden"] == "none were kept with this model"


def test_damaged_weights_are_found_when_used(towers: Path) -> None:
    import onnx
    from onnx import numpy_helper

    file = towers / "onnx" / "text_model.onnx"
    model = onnx.load(str(file))
    table = numpy_helper.to_array(model.graph.initializer[0])
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(table * np.float32("nan"), "table"))
    onnx.save(model, str(file))
    with pytest.raises(ModelError, match="not finite"):
        load_encoder(str(towers)).encode_texts(["a dog"])
