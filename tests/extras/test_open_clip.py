"""open_clip checkpoints, saved by open_clip, through the real loading code.

This library insists on torchvision, so these tests have an environment of their own.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.extras.conftest import torchvision_stub

KEPT_ALIVE = torchvision_stub()

import open_clip  # noqa: E402
import torch  # noqa: E402

from stitch_cir.encoders import export_model, load_encoder  # noqa: E402
from stitch_cir.errors import ModelError  # noqa: E402
from stitch_cir.views import ViewBox, ViewRecipe  # noqa: E402

WHOLE = (ViewBox(),)
TEXTS = [
    "a photo of a dog",
    "Two  red cars, isn't it? 3.5 km",
    "",
    "ein Hund am Strand 🐕 naïve café",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("open_clip")
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 32,
            "heads": 4,
            "layers": 2,
        },
    }
    (folder / "tiny.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    model = open_clip.create_model("tiny")
    torch.save(model.state_dict(), folder / "tiny.pt")
    return "tiny", folder / "tiny.pt"


def spec(checkpoint: tuple[str, Path]) -> str:
    return f"open_clip:{checkpoint[0]}/{checkpoint[1]}"


def sample_images() -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8))
        for size in ((40, 45, 3), (60, 50, 3))
    ]


def test_vectors_are_those_of_the_library(checkpoint: tuple[str, Path]) -> None:
    encoder = load_encoder(spec(checkpoint))
    model = open_clip.create_model(checkpoint[0], pretrained=str(checkpoint[1]))
    model.eval()
    tokens = open_clip.get_tokenizer(checkpoint[0])(TEXTS)
    with torch.inference_mode():
        texts = model.encode_text(tokens, normalize=True).numpy()
        pixels = torch.from_numpy(encoder.preprocess(sample_images()))
        images = model.encode_image(pixels, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=2e-5)
    np.testing.assert_allclose(
        encoder.encode_views(sample_images(), [WHOLE] * 2)[:, 0], images, atol=2e-5
    )
    assert encoder.weights_tag == "tiny.pt"
    assert load_encoder(encoder.name).fingerprint == encoder.fingerprint


def test_preprocessing_is_that_of_open_clip_but_for_padding(checkpoint: tuple[str, Path]) -> None:
    encoder = load_encoder(spec(checkpoint))
    # its transform runs on torchvision; what is compared is its configuration
    config = open_clip.create_model(checkpoint[0]).visual.preprocess_cfg
    assert encoder.preprocess.side == 32
    np.testing.assert_allclose(encoder.preprocess.mean, config["mean"])
    np.testing.assert_allclose(encoder.preprocess.std, config["std"])


def test_dense_views_keep_the_whole_image(checkpoint: tuple[str, Path]) -> None:
    encoder = load_encoder(spec(checkpoint))
    boxes = [ViewRecipe().boxes(1, 1, b"")] * 2
    dense, real = (
        encoder.encode_dense_views(sample_images(), boxes),
        encoder.encode_views(sample_images(), boxes),
    )
    np.testing.assert_allclose(dense[:, 0], real[:, 0], atol=2e-5)
    assert np.abs(dense - real).max() > 1e-3


def test_long_texts_are_counted_and_cut(checkpoint: tuple[str, Path]) -> None:
    encoder = load_encoder(spec(checkpoint))
    long = "dress " * 100
    assert encoder.count_tokens([long]) == [102]
    assert encoder.encode_texts([long]).shape == (1, 24)


def test_bf16(checkpoint: tuple[str, Path]) -> None:
    full, half = load_encoder(spec(checkpoint)), load_encoder(spec(checkpoint), precision="bf16")
    assert half.name.endswith("@bf16")
    assert (full.encode_texts(TEXTS) * half.encode_texts(TEXTS)).sum(1).min() > 0.99


def test_export(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    _, cosine = export_model(spec(checkpoint), tmp_path / "towers")
    assert cosine >= 0.9999
    torch_encoder, onnx_encoder = (
        load_encoder(spec(checkpoint)),
        load_encoder(str(tmp_path / "towers")),
    )
    assert onnx_encoder.count_tokens(TEXTS) == torch_encoder.count_tokens(TEXTS)
    np.testing.assert_allclose(
        onnx_encoder.encode_texts(TEXTS), torch_encoder.encode_texts(TEXTS), atol=1e-4
    )
    boxes = [ViewRecipe().boxes(1, 1, b"")] * 2
    np.testing.assert_allclose(
        onnx_encoder.encode_dense_views(sample_images(), boxes),
        torch_encoder.encode_dense_views(sample_images(), boxes),
        atol=1e-4,
    )


def test_missing_tensors(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    state = torch.load(checkpoint[1])
    del state["visual.proj"]
    torch.save(state, tmp_path / "broken.pt")
    with pytest.raises(ModelError, match="visual.proj"):
        load_encoder(f"open_clip:tiny/{tmp_path / 'broken.pt'}")


def test_a_damaged_file(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(checkpoint[1].read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(f"open_clip:tiny/{tmp_path / 'cut.pt'}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open_clip:nothing/openai", "no model 'nothing'"),
        ("open_clip:ViT-B-32/nothing", "no weights 'nothing'"),
        ("open_clip:ViT-B-32/openai", "not on this machine"),
    ],
)
def test_what_is_not_here(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as raised:
        load_encoder(name)
    assert raised.value.hint
