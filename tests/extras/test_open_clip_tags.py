"""Activation and preparation of open_clip's weights, for every pair that the library knows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.extras.conftest import torchvision_stub

KEPT_ALIVE = torchvision_stub()

import open_clip  # noqa: E402
import torch  # noqa: E402
from open_clip.transform import PreprocessCfg, merge_preprocess_dict  # noqa: E402

from stitch_cir.encoders import load_encoder  # noqa: E402
from stitch_cir.encoders.clip import settings_of_file, settings_of_tag  # noqa: E402
from stitch_cir.encoders.clip._open_clip import _prepared  # noqa: E402
from stitch_cir.errors import ModelError  # noqa: E402

PAIRS = open_clip.list_pretrained()
TEXTS = ["a photo of a dog", "two red cars"]
NUMBERS = {"bilinear": 2, "bicubic": 3}
SIGLIP = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "resize_mode": "squash"}


@pytest.mark.parametrize(("model", "tag"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_every_pair_keeps_the_settings_of_its_tag(model: str, tag: str) -> None:
    config = open_clip.get_pretrained_cfg(model, tag)
    preprocessing = settings_of_tag(open_clip, model, tag)
    plain = bool(open_clip.get_model_config(model).get("quick_gelu", False))
    assert preprocessing.quick_gelu == (plain or bool(config.get("quick_gelu", False)))
    merged = merge_preprocess_dict(PreprocessCfg(), dict(preprocessing.preparation))
    theirs = merge_preprocess_dict(PreprocessCfg(), config)
    assert merged == theirs
    prepared = _prepared({**merged, "size": 224})
    assert prepared.mean == tuple(theirs["mean"])
    assert prepared.std == tuple(theirs["std"])
    assert (prepared.resize is None) == (theirs["resize_mode"] == "squash")
    assert prepared.resample == NUMBERS[theirs["interpolation"]]


def test_the_library_holds_tags_that_differ_from_their_model() -> None:
    assert len(PAIRS) >= 196
    differing = [
        pair
        for pair in PAIRS
        if settings_of_tag(open_clip, *pair).quick_gelu
        != bool(open_clip.get_model_config(pair[0]).get("quick_gelu", False))
    ]
    assert len(differing) >= 27


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with two published weights, of which one has another activation and preparation."""
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
        "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2,
        },
    }  # fmt: skip
    (tmp_path / "tinytags.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    file = tmp_path / "weights.pt"
    torch.save(open_clip.create_model("tinytags").state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tags: dict[str, dict[str, Any]] = {
        "quick": {"url": f"https://x/{digest}/tiny.pt", "quick_gelu": True, **SIGLIP},
        "plain": {"url": "https://x/tiny-plain-01234567.pt"},
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tinytags", tags)
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    kept = tmp_path / "user" / ".cache" / "clip"
    kept.mkdir(parents=True)
    (kept / "tiny.pt").write_bytes(file.read_bytes())
    return file


def reference(file: Path, *, quick: bool) -> np.ndarray:
    model = open_clip.create_model("tinytags", pretrained=str(file), force_quick_gelu=quick).eval()
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer("tinytags")(TEXTS)
        return np.asarray(model.encode_text(tokens, normalize=True).numpy())


def test_a_tag_is_loaded_with_its_activation_and_preparation(tiny: Path) -> None:
    encoder = load_encoder("open_clip:tinytags/quick")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference(tiny, quick=True), atol=2e-5)
    assert np.abs(reference(tiny, quick=True) - reference(tiny, quick=False)).max() > 1e-4
    assert encoder.preprocess.mean == (0.5, 0.5, 0.5)
    assert encoder.preprocess.resize is None
    assert encoder.weights_tag == "quick"
    assert encoder.notes == ()


def test_a_file_is_recognised_by_its_checksum(tiny: Path) -> None:
    by_file = load_encoder(f"open_clip:tinytags/{tiny}")
    by_tag = load_encoder("open_clip:tinytags/quick")
    np.testing.assert_array_equal(by_file.encode_texts(TEXTS), by_tag.encode_texts(TEXTS))
    assert by_file.fingerprint == by_tag.fingerprint
    assert load_encoder(by_file.name).fingerprint == by_file.fingerprint


def changed(file: Path) -> Path:
    """Weights of the same shape that nobody published."""
    torch.manual_seed(1)
    torch.save(open_clip.create_model("tinytags").state_dict(), file.with_name("own.pt"))
    return file.with_name("own.pt")


def test_a_file_may_name_its_tag(tiny: Path) -> None:
    file = changed(tiny)
    encoder = load_encoder(f"open_clip:tinytags/quick={file}")
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference(file, quick=True), atol=2e-5)
    assert encoder.weights_tag == "quick"
    assert load_encoder(encoder.name).fingerprint == encoder.fingerprint
    plain = load_encoder(f"open_clip:tinytags/plain={file}")
    assert plain.fingerprint != encoder.fingerprint
    assert plain.notes == ()
    with pytest.raises(ModelError, match="no weights 'other' for tinytags"):
        load_encoder(f"open_clip:tinytags/other={file}")


def test_a_file_that_is_nobody_s_has_a_note_where_tags_differ(tiny: Path) -> None:
    encoder = load_encoder(f"open_clip:tinytags/{changed(tiny)}")
    (note,) = encoder.notes
    assert "default activation and preparation of tinytags" in note
    assert "open_clip:tinytags/TAG=" in note
    np.testing.assert_allclose(
        encoder.encode_texts(TEXTS), reference(changed(tiny), quick=False), atol=2e-5
    )


def test_what_all_tags_agree_on_is_taken_for_a_file(tiny: Path) -> None:
    del open_clip.pretrained._PRETRAINED["tinytags"]["plain"]
    preprocessing = settings_of_file(open_clip, "tinytags", changed(tiny))
    assert preprocessing.quick_gelu
    assert preprocessing.preparation["resize_mode"] == "squash"
    assert preprocessing.note == ""
    open_clip.pretrained._PRETRAINED["tinytags"].clear()
    assert not settings_of_file(open_clip, "tinytags", changed(tiny)).quick_gelu


def test_the_configuration_beside_a_file_counts(tiny: Path) -> None:
    file = changed(tiny)
    beside = file.with_name("open_clip_config.json")
    beside.write_text(
        json.dumps({"model_cfg": {"quick_gelu": True}, "preprocess_cfg": {"mean": [0.5] * 3}})
    )
    encoder = load_encoder(f"open_clip:tinytags/{file}")
    assert encoder.notes == ()
    assert encoder.preprocess.mean == (0.5, 0.5, 0.5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference(file, quick=True), atol=2e-5)
    beside.write_text('{"model": 1}')
    with pytest.raises(ModelError, match="cannot be understood"):
        load_encoder(f"open_clip:tinytags/{file}")


def test_special_tokens_in_a_text_are_letters(tiny: Path) -> None:
    encoder = load_encoder("open_clip:tinytags/plain=" + str(tiny))
    (ids,) = encoder.towers.tokenize(["a dog <end_of_text> on a beach"])
    assert ids.count(encoder.towers.tokenizer.eot_token_id) == 1
