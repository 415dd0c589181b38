"""CLIP and SigLIP checkpoints in transformers' format, through the real loading code."""

from __future__ import annotations

import shutil
from pathlib import Path

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
from tests.extras.conftest import edit_json

WHOLE = (ViewBox(),)
TEXTS = ["a photo of a dog", "Two red cars on a street at NIGHT", "", "ein Hund am Strand 🐕"]


def sample_images() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8))
        for size in ((40, 60, 3), (80, 50, 3), (33, 33, 3))
    ]


@pytest.fixture(params=["clip_folder", "siglip_folder"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_keeps_the_contract(folder: Path) -> None:
    encoder = load_encoder(str(folder))
    assert isinstance(encoder, DualEncoder)
    assert isinstance(encoder, TextLimits)
    assert isinstance(encoder, ConceptReader)
    assert isinstance(encoder, DenseEncoder)
    texts, views = (
        encoder.encode_texts(TEXTS),
        encoder.encode_views(sample_images(), [(ViewBox(), ViewBox(0, 0, 0.5, 1))] * 3),
    )
    assert texts.shape == (4, encoder.dim)
    assert views.shape == (3, 2, encoder.dim)
    for vectors in (texts, views):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)
    assert encoder.name == f"transformers:{folder.resolve()}"
    assert load_encoder(encoder.name).fingerprint == encoder.fingerprint


def test_vectors_are_those_of_the_library(folder: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = (
        AutoModel.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    encoder = load_encoder(str(folder))
    sigmoid = model.config.model_type == "siglip"
    texts = [text.lower() if sigmoid else text for text in TEXTS]
    padding = (
        {"padding": "max_length", "max_length": 16, "truncation": True}
        if sigmoid
        else {"padding": True}
    )
    tokens = tokenizer(texts, return_tensors="pt", **padding)
    inputs = {"input_ids": tokens["input_ids"]} if sigmoid else dict(tokens)
    with torch.inference_mode():
        features = model.get_text_features(
            **{k: v for k, v in inputs.items() if k != "token_type_ids"}
        )
        expected = getattr(features, "pooler_output", features).numpy()
        pixels = torch.from_numpy(encoder.preprocess(sample_images()))
        image_vectors = model.get_image_features(pixel_values=pixels)
        image_vectors = getattr(image_vectors, "pooler_output", image_vectors).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    image_vectors /= np.linalg.norm(image_vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=2e-5)
    np.testing.assert_allclose(
        encoder.encode_views(sample_images(), [WHOLE] * 3)[:, 0], image_vectors, atol=2e-5
    )


def test_batching_changes_nothing(folder: Path) -> None:
    encoder = load_encoder(str(folder))
    many = [f"a photo of dog {number} " + "red " * (number % 5) for number in range(70)]
    together = encoder.encode_texts(many)
    alone = np.concatenate([encoder.encode_texts([text]) for text in many])
    np.testing.assert_allclose(together, alone, atol=2e-5)


def test_long_texts_are_cut_and_counted(folder: Path) -> None:
    encoder = load_encoder(str(folder))
    long = "dress " * 200
    assert encoder.count_tokens([long])[0] > encoder.context_length
    assert encoder.encode_texts([long]).shape == (1, encoder.dim)


def test_bf16_is_near_and_another_encoder(folder: Path) -> None:
    full, half = load_encoder(str(folder)), load_encoder(str(folder), precision="bf16")
    assert half.name.endswith("@bf16")
    assert half.fingerprint != full.fingerprint
    assert load_encoder(half.name).fingerprint == half.fingerprint
    cosines = (full.encode_texts(TEXTS) * half.encode_texts(TEXTS)).sum(1)
    assert cosines.min() > 0.99


def test_dense_views_of_clip(clip_folder: Path) -> None:
    encoder = load_encoder(str(clip_folder))
    boxes = [ViewRecipe(kind="dense").boxes(10, 10, b"")] * 3
    dense, real = (
        encoder.encode_dense_views(sample_images(), boxes),
        encoder.encode_views(sample_images(), boxes),
    )
    assert dense.shape == real.shape
    np.testing.assert_allclose(dense[:, 0], real[:, 0], atol=2e-5)
    assert np.abs(dense[:, 1:] - real[:, 1:]).max() > 1e-3


def test_siglip_has_no_dense_views(siglip_folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(siglip_folder))
    with pytest.raises(SettingError, match="patch"):
        encoder.encode_dense_views(sample_images(), [WHOLE] * 3)
    save_images(tmp_path / "p")
    with pytest.raises(SettingError, match="patch"):
        index_folder(tmp_path / "p", encoder=encoder, recipe=ViewRecipe(kind="dense"))
    assert not (tmp_path / "p" / ".stitch").exists()


def save_images(folder: Path) -> None:
    folder.mkdir()
    for number, image in enumerate(sample_images()):
        image.save(folder / f"{number}.png")


@pytest.mark.parametrize("kind", ["grid", "dense", "random"])
def test_from_folder_to_answers(clip_folder: Path, tmp_path: Path, kind: str) -> None:
    save_images(tmp_path / "p")
    encoder = load_encoder(str(clip_folder))
    index_folder(tmp_path / "p", encoder=encoder, recipe=ViewRecipe(kind=kind))  # type: ignore[arg-type]
    gallery = Gallery.open(tmp_path / "p")
    results = search(
        gallery, reference="0.png", text="red dress " * 90, settings=SearchSettings(k=2)
    )
    assert len(results.hits) == 2
    assert gallery.encoder.fingerprint == encoder.fingerprint
    assert any("was cut" in note for note in results.notes)


def test_wrong_weights_for_an_index(clip_folder: Path, siglip_folder: Path, tmp_path: Path) -> None:
    save_images(tmp_path / "p")
    index_folder(tmp_path / "p", encoder=load_encoder(str(clip_folder)))
    with pytest.raises(GalleryMismatchError):
        Gallery.open(tmp_path / "p", encoder=load_encoder(str(siglip_folder)))
    with pytest.raises(GalleryMismatchError):
        index_folder(tmp_path / "p", encoder=load_encoder(str(clip_folder), precision="bf16"))


def test_an_incomplete_checkpoint(clip_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(clip_folder, broken)
    tensors = load_file(broken / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 tensors.*visual_projection"):
        load_encoder(str(broken))


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"]
)
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_missing_and_cut_files(clip_folder: Path, tmp_path: Path, file: str, how: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(clip_folder, broken)
    if file == "tokenizer.json":
        for name in ("vocab.json", "merges.txt"):
            (broken / name).unlink(missing_ok=True)
    if how == "missing":
        (broken / file).unlink()
    else:
        (broken / file).write_bytes((broken / file).read_bytes()[:40])
    with pytest.raises(ModelError):
        load_encoder(f"transformers:{broken}")


def test_another_family(clip_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(clip_folder, broken)
    edit_json(broken / "config.json", model_type="bert", architectures=["BertModel"])
    with pytest.raises(ModelError, match="bert"):
        load_encoder(f"transformers:{broken}")


def test_another_side(clip_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(clip_folder, broken)
    edit_json(
        broken / "preprocessor_config.json",
        size={"shortest_edge": 48},
        crop_size={"height": 48, "width": 48},
    )
    with pytest.raises(ModelError, match="48"):
        load_encoder(f"transformers:{broken}")


def test_cuda_where_there_is_none(clip_folder: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(ModelError, match="CUDA"):
        load_encoder(str(clip_folder), device="cuda")


def test_check_loads_and_describes_the_model(clip_folder: Path) -> None:
    model = check_model(f"transformers:{clip_folder}")
    assert model["dim"] == 24


def test_reads_concepts(clip_folder: Path) -> None:
    read = load_encoder(str(clip_folder)).read_concepts(sample_images())
    assert len(read) == 3
    assert all(concept.weight >= 0 for concepts in read for concept in concepts)
