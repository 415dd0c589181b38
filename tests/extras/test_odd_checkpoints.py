"""Checkpoints of transformers as its versions and other tools leave them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    AutoModel,
    CLIPImageProcessorPil,
    CLIPProcessor,
    CLIPTokenizer,
    Siglip2Config,
)

from stitch_cir.encoders import export_model, load_encoder
from stitch_cir.errors import ModelError
from stitch_cir.views import ViewBox
from tests.extras.conftest import edit_json

TEXTS = ["a photo of a dog", "two red cars"]
WHOLE = [(ViewBox(),)]


def image() -> Image.Image:
    rng = np.random.default_rng(3)
    return Image.fromarray(rng.integers(0, 256, (45, 40, 3), dtype=np.uint8))


@pytest.fixture
def clip(clip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clip_folder, tmp_path / "clip"))


@pytest.fixture
def siglip(siglip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(siglip_folder, tmp_path / "siglip"))


def test_a_processor_saved_whole_is_loaded_and_exported(clip: Path, tmp_path: Path) -> None:
    before = load_encoder(str(clip))
    (clip / "preprocessor_config.json").unlink()
    processor = CLIPProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        CLIPTokenizer.from_pretrained(clip),
    )
    processor.save_pretrained(clip)
    if (clip / "preprocessor_config.json").is_file():  # versions before 5 write both
        (clip / "preprocessor_config.json").unlink()
    assert (clip / "processor_config.json").is_file()
    encoder = load_encoder(f"transformers:{clip}")
    assert encoder.preprocess == before.preprocess
    _, cosine = export_model(f"transformers:{clip}", tmp_path / "towers")
    assert cosine >= 0.9999


def test_a_sigmoid_model_is_filled_with_token_0(siglip: Path, tmp_path: Path) -> None:
    edit_json(siglip / "config.json")
    encoder = load_encoder(f"transformers:{siglip}")
    assert encoder.towers.pad == 0
    model = AutoModel.from_pretrained(siglip).eval()
    rows = torch.zeros((2, 16), dtype=torch.int64)
    for row, ids in enumerate(encoder.towers.tokenize(TEXTS)):
        rows[row, : len(ids)] = torch.tensor(ids)
    with torch.inference_mode():
        expected = model.get_text_features(input_ids=rows)
    expected = getattr(expected, "pooler_output", expected).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=2e-5)
    export_model(f"transformers:{siglip}", tmp_path / "towers")
    record = json.loads((tmp_path / "towers" / "stitch-model.json").read_text())
    assert record["towers"]["pad"] == 0
    np.testing.assert_allclose(
        load_encoder(str(tmp_path / "towers")).encode_texts(TEXTS), expected, atol=1e-4
    )


def test_a_tokenizer_without_a_pad_token_takes_the_configuration_s(siglip: Path) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (siglip / name).is_file():
            data = json.loads((siglip / name).read_text())
            data.pop("pad_token", None)
            (siglip / name).write_text(json.dumps(data))
    data = json.loads((siglip / "config.json").read_text())
    data["text_config"]["pad_token_id"] = 2
    (siglip / "config.json").write_text(json.dumps(data))
    assert load_encoder(f"transformers:{siglip}").towers.pad == 2


def test_special_tokens_in_a_text_are_letters(clip: Path) -> None:
    encoder = load_encoder(f"transformers:{clip}")
    (ids,) = encoder.towers.tokenize(["a dog <|endoftext|> on beach"])
    end = CLIPTokenizer.from_pretrained(clip).eos_token_id
    assert ids.count(end) == 1


def test_truncation_and_padding_baked_into_a_tokenizer_are_left_out(clip: Path) -> None:
    plain = load_encoder(f"transformers:{clip}").encode_texts(TEXTS)
    file = clip / "tokenizer.json"
    baked = {
        "truncation": {
            "direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0,
        },
        "padding": {
            "strategy": {"Fixed": 77}, "direction": "Left", "pad_to_multiple_of": None,
            "pad_id": 1, "pad_type_id": 0, "pad_token": "!",
        },
    }  # fmt: skip
    edit_json(file, **baked)
    edit_json(clip / "tokenizer_config.json", padding_side="left", truncation_side="left")
    np.testing.assert_allclose(
        load_encoder(f"transformers:{clip}").encode_texts(TEXTS), plain, atol=1e-6
    )


def test_shards_and_half_precision_checkpoints(clip: Path, tmp_path: Path) -> None:
    before = load_encoder(f"transformers:{clip}")
    model = AutoModel.from_pretrained(clip)
    sharded = Path(shutil.copytree(clip, tmp_path / "sharded"))
    (sharded / "model.safetensors").unlink()
    model.save_pretrained(sharded, max_shard_size="20KB")
    shards = sorted(sharded.glob("model-*.safetensors"))
    assert len(shards) > 2
    np.testing.assert_allclose(
        load_encoder(f"transformers:{sharded}").encode_texts(TEXTS), before.encode_texts(TEXTS)
    )
    shards[1].unlink()
    with pytest.raises(ModelError):
        load_encoder(f"transformers:{sharded}")
    halved = Path(shutil.copytree(clip, tmp_path / "halved"))
    model.to(torch.bfloat16).save_pretrained(halved)
    encoder = load_encoder(f"transformers:{halved}")  # computed in fp32 all the same
    assert encoder.encode_views([image()], WHOLE).shape == (1, 1, 24)
    cosines = (encoder.encode_texts(TEXTS) * before.encode_texts(TEXTS)).sum(1)
    assert cosines.min() > 0.999


def test_a_file_cut_short_is_one_error(clip: Path) -> None:
    file = clip / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(f"transformers:{clip}")


def test_images_of_any_shape_are_refused_by_name(siglip: Path) -> None:
    Siglip2Config().save_pretrained(siglip)
    with pytest.raises(ModelError, match="kind 'siglip2'") as raised:
        load_encoder(f"transformers:{siglip}")
    assert "NaFlex" in raised.value.hint


def test_code_of_a_checkpoint_is_never_run(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("the terminal was asked")

    monkeypatch.setattr("builtins.input", refuse)
    edit_json(clip / "config.json", model_type="unheard-of", auto_map={"AutoConfig": "own.Own"})
    (clip / "own.py").write_text("raise SystemExit('code was run')")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_encoder(f"transformers:{clip}")
