"""Models as other tools write them: tokenizers, preparation, types and files of other kinds."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from tokenizers import Tokenizer

import stitch_cir as st
from stitch_cir.encoders import load_encoder, pull_model
from stitch_cir.encoders.clip import (
    CLIP_MEAN,
    OnnxTowers,
    Preprocess,
    _onnx,
    pad_token_id,
    plain_tokenizer,
)
from stitch_cir.encoders.store import _hub
from stitch_cir.errors import ModelError
from stitch_cir.views import ViewBox
from tests.conftest import noise
from tests.encoders.tiny_towers import write_towers

WHOLE = [(ViewBox(),)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    return write_towers(tmp_path / "model")


def edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


# -- padding, truncation, special tokens -------------------------------------------------------------


def fill_of(folder: Path) -> int:
    return OnnxTowers(folder, None, 16)._pad


def test_the_pad_token_of_a_sigmoid_model_may_be_0(towers: Path) -> None:
    edit(towers / "config.json", model_type="siglip", text_config={"pad_token_id": 0})
    assert fill_of(towers) == 0
    edit(towers / "config.json", text_config={})
    assert fill_of(towers) == 1  # SigLIP's own, where nothing else is said


def test_the_tokenizer_s_padding_counts_before_the_configuration(towers: Path) -> None:
    edit(towers / "config.json", model_type="siglip", text_config={"pad_token_id": 1})
    tokenizer = Tokenizer.from_file(str(towers / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=0, pad_token="<s>", length=64)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(towers / "tokenizer.json"))
    assert fill_of(towers) == 0
    # what else the file bakes in is left out
    assert load_encoder(str(towers)).count_tokens(["a photo of the dog cat"]) == [8]  # type: ignore[attr-defined]


@pytest.mark.parametrize("token", ["<pad>", {"content": "<pad>", "lstrip": False}])
@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
def test_the_pad_token_may_be_named_beside_the_tokenizer(
    towers: Path, name: str, token: object
) -> None:
    (towers / name).write_text(json.dumps({"pad_token": token}))
    edit(towers / "config.json", text_config={"pad_token_id": 1})
    assert pad_token_id(towers) == 2
    assert fill_of(towers) == 2


def test_pieces_of_a_unigram_tokenizer_are_looked_up(tmp_path: Path) -> None:
    model = {"type": "Unigram", "vocab": [["<pad>", 0.0], ["</s>", 0.0]]}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": []}))
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": "<pad>"}')
    assert pad_token_id(tmp_path) == 0
    (tmp_path / "tokenizer_config.json").write_text('{"pad_token": "<none>"}')
    assert pad_token_id(tmp_path) is None


def test_special_tokens_in_a_text_are_words(towers: Path) -> None:
    tokenizer = Tokenizer.from_file(str(towers / "tokenizer.json"))
    tokenizer.add_special_tokens(["</s>", "<s>"])
    ended = plain_tokenizer(tokenizer.to_str()).encode("a dog </s> on beach").ids
    assert ended.count(1) == 1  # the one at the end


def test_mini_reads_what_a_user_types_as_words() -> None:
    mini = load_encoder("mini")
    typed, plain = mini.count_tokens(["a dog [SEP] x", "a dog x"])  # type: ignore[attr-defined]
    assert typed == plain + 3
    vectors = mini.encode_texts(["a dog [SEP] x", "a dog x"])
    assert float(vectors[0] @ vectors[1]) < 0.999


# -- texts that are too long -------------------------------------------------------------------------


def test_the_context_is_one_number_in_code_and_docs() -> None:
    mini = load_encoder("mini")
    docs = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
    assert f"`mini` {mini.context_length}" in docs  # type: ignore[attr-defined]


def captioned(folder: Path, captions: dict[str, list[str]]) -> Path:
    file = folder / "captions.jsonl"
    lines = [json.dumps({"image": id, "captions": texts}) for id, texts in captions.items()]
    file.write_text("\n".join(lines))
    return file


def test_captions_that_are_cut_are_reported_when_indexing(tmp_path: Path, towers: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        noise(len(name), 20, 20).save(folder / name)
    encoder = load_encoder(str(towers))
    long = " ".join(["dog"] * 30)
    captions = captioned(tmp_path, {"a.png": ["a dog", long], "b.png": ["a cat"]})
    report = st.index_folder(folder, encoder=encoder, captions=captions)
    (note,) = report.notes
    assert note.startswith("1 caption(s) were cut: ")
    assert note.endswith("reads 10 tokens. Longer are those of a.png (32).")
    assert st.index_folder(folder, encoder=encoder, captions=captions).notes == ()


def test_many_cut_captions_are_one_note(tmp_path: Path, towers: Path) -> None:
    long = [f"{word} " * 12 for word in "a photo of the dog cat red blue".split()]
    captions = captioned(tmp_path, {f"{n}.png": [text] for n, text in enumerate(long)})
    report = st.index_captions(captions, tmp_path / "gallery", encoder=load_encoder(str(towers)))
    (note,) = report.notes
    assert "8 caption(s) were cut" in note
    assert "0.png (14), 1.png (14)" in note
    assert note.endswith("and 3 more.")
    gallery = st.Gallery.open(tmp_path / "gallery", encoder=load_encoder(str(towers)))
    results = st.search(gallery, text="dog " * 20, settings=st.SearchSettings(k=1))
    assert any("was cut" in note for note in results.notes)


# -- how images are prepared -----------------------------------------------------------------------


def test_the_one_file_of_transformers_5_is_read(towers: Path) -> None:
    before = load_encoder(str(towers)).preprocess  # type: ignore[attr-defined]
    alone = towers / "preprocessor_config.json"
    whole = {"image_processor": json.loads(alone.read_text()), "processor_class": "CLIPProcessor"}
    alone.unlink()
    with pytest.raises(ModelError, match=r"preprocessor_config\.json nor processor_config\.json"):
        load_encoder(str(towers))
    (towers / "processor_config.json").write_text(json.dumps(whole))
    assert load_encoder(str(towers)).preprocess == before  # type: ignore[attr-defined]
    (towers / "processor_config.json").write_text('{"processor_class": "CLIPProcessor"}')
    with pytest.raises(ModelError, match="says nothing of image_processor"):
        load_encoder(str(towers))


def test_the_hub_s_copy_of_it_is_fetched() -> None:
    names = ["config.json", "processor_config.json", "tokenizer.json", "model.safetensors"]
    assert "processor_config.json" in _hub._choose("some/model", names, "transformers")
    sharded = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "model.fp16.safetensors.bak",
    ]
    assert set(_hub._choose("some/model", sharded, "transformers")) == set(sharded[:4])


@pytest.mark.parametrize(
    ("crop", "size"),
    [
        (16, 16),
        (16, {"shortest_edge": 16}),
        ({"height": 16, "width": 16}, {"shortest_edge": 16}),
        ({"height": 16, "width": 16}, 16),
    ],
)
def test_sizes_are_numbers_or_objects(crop: object, size: object) -> None:
    made = Preprocess.from_config({"crop_size": crop, "size": size}, "here")
    assert (made.side, made.resize) == (16, 16)


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), ("bicubic", 3), ("PILImageResampling.BILINEAR", 2), ("lanczos", 1), (None, 3)],
)
def test_filters_are_numbers_or_names(value: object, number: int) -> None:
    made = Preprocess.from_config({"size": 16, "crop_size": 16, "resample": value}, "here")
    assert made.resample == number


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"resample": "sharpest"}, "does not say how images are prepared"),
        ({"resample": 17}, "no resampling filter 17"),
        ({"rescale_factor": 1 / 127.5}, "instead of 1/255"),
        ({"rescale_factor": "half"}, "instead of 1/255"),
        ({"size": {"longest_edge": 16}, "crop_size": None}, "does not say how"),
        ({"do_normalize": False}, "do_normalize is false"),
    ],
)
def test_what_cannot_be_honoured_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        Preprocess.from_config({"size": 16, "crop_size": 16, **changes}, "here")


def test_other_modes_than_rgb_are_always_converted() -> None:
    config = {"size": 16, "crop_size": 16, "do_convert_rgb": False, "image_mean": CLIP_MEAN}
    prepare = Preprocess.from_config(config, "here")
    assert prepare([Image.new("LA", (20, 20)), Image.new("P", (9, 30))]).shape == (2, 3, 16, 16)


# -- towers of other types and ages ------------------------------------------------------------------


def test_float16_towers_and_int32_ids_are_fed_what_they_take(towers: Path) -> None:
    reference = load_encoder(str(towers))
    images = [noise(3, 40, 30)]
    views, texts = reference.encode_views(images, WHOLE), reference.encode_texts(["a red dog"])
    vision, text = towers / "onnx" / "vision_model.onnx", towers / "onnx" / "text_model.onnx"
    _cast_input(vision, "pixel_values", TensorProto.FLOAT16, TensorProto.FLOAT)
    _cast_input(text, "input_ids", TensorProto.INT32, TensorProto.INT64)
    halved = load_encoder(str(towers))
    np.testing.assert_allclose(halved.encode_views(images, WHOLE), views, atol=2e-3)
    np.testing.assert_allclose(halved.encode_texts(["a red dog"]), texts, atol=1e-6)


def _cast_input(file: Path, name: str, taken: int, used: int) -> None:
    """Make a tower take another type, which it casts itself."""
    model = onnx.load(str(file))
    for node in model.graph.node:
        node.input[:] = [f"{name}_cast" if name_in == name else name_in for name_in in node.input]
    model.graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}_cast"], to=used))
    for declared in model.graph.input:
        if declared.name == name:
            declared.type.tensor_type.elem_type = taken
    onnx.save(model, str(file))


def test_vectors_whose_length_the_exporter_left_open_are_measured(towers: Path) -> None:
    reference = load_encoder(str(towers))
    _open_length(towers / "onnx" / "text_model.onnx", "text_embeds", "input_ids")
    _open_length(towers / "onnx" / "vision_model.onnx", "image_embeds", "pixel_values")
    opened = load_encoder(str(towers))
    assert opened.dim == reference.dim
    np.testing.assert_array_equal(opened.encode_texts(["a dog"]), reference.encode_texts(["a dog"]))
    edit(towers / "preprocessor_config.json", size=1, crop_size=1)
    with pytest.raises(ModelError, match="cannot be run"):
        load_encoder(str(towers))


def _open_length(file: Path, output: str, taken: str) -> None:
    """Set an output's shape to one that only a run can tell, since it depends on the input's values."""
    model = onnx.load(str(file))
    for node in model.graph.node:
        node.output[:] = ["fixed" if name_out == output else name_out for name_out in node.output]
    model.graph.node.extend(
        [
            helper.make_node("Cast", [taken], ["whole"], to=TensorProto.INT64),
            helper.make_node("ReduceMin", ["whole"], ["least"], keepdims=0),
            helper.make_node("Sub", ["least", "least"], ["zero"]),
            helper.make_node("Shape", ["fixed"], ["shape"]),
            helper.make_node("Add", ["shape", "zero"], ["measured"]),
            helper.make_node("Reshape", ["fixed", "measured"], [output]),
        ]
    )
    (declared,) = [each for each in model.graph.output if each.name == output]
    declared.type.tensor_type.shape.dim[1].dim_param = "numbers"
    onnx.save(model, str(file))


def test_a_tower_that_cuts_patches_itself_is_refused(towers: Path) -> None:
    file = towers / "onnx" / "vision_model.onnx"
    model = onnx.load(str(file))
    shape = helper.make_tensor_value_info("spatial_shapes", TensorProto.INT64, ["batch", 2])
    model.graph.input.append(shape)
    onnx.save(model, str(file))
    with pytest.raises(ModelError, match="takes pixel_values, spatial_shapes, not pixels alone"):
        load_encoder(str(towers))


def test_what_a_tower_cannot_run_is_one_error(towers: Path) -> None:
    edit(towers / "preprocessor_config.json", size=1, crop_size=1)
    with pytest.raises(ModelError, match=r"vision_model\.onnx cannot be run") as raised:
        load_encoder(str(towers)).encode_views([noise(1, 9, 9)], WHOLE)
    assert "stitch models check" in raised.value.hint


def _add_input(file: Path, name: str) -> None:
    model = onnx.load(str(file))
    model.graph.input.append(
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
    )
    onnx.save(model, str(file))


def test_text_towers_may_take_positions_and_types(towers: Path) -> None:
    reference = load_encoder(str(towers)).encode_texts(["a dog", "a red cat on beach"])
    file = towers / "onnx" / "text_model.onnx"
    for name in ("token_type_ids", "position_ids"):
        _add_input(file, name)
    vectors = load_encoder(str(towers)).encode_texts(["a dog", "a red cat on beach"])
    np.testing.assert_array_equal(vectors, reference)
    _add_input(file, "pixel_values")
    with pytest.raises(ModelError, match="pixel_values, position_ids, token_type_ids, not"):
        load_encoder(str(towers))


def test_a_gpu_that_does_not_start_is_never_the_cpu(
    towers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[Any] = []

    class OnTheCpu:
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    def opened(file: Path, *, providers: Any, quiet: bool) -> OnTheCpu:
        requested.extend(providers)
        return OnTheCpu()

    monkeypatch.setattr(_onnx, "open_session", opened)
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPU"]
    )
    with pytest.raises(ModelError, match="could not start it on cuda:1"):
        load_encoder(str(towers), device="cuda:1")
    assert requested[0] == ("CUDAExecutionProvider", {"device_id": "1"})


def test_weights_in_a_second_file_are_part_of_the_model(towers: Path) -> None:
    file = towers / "onnx" / "vision_model.onnx"
    model = onnx.load(str(file))
    onnx.save(
        model,
        str(file),
        save_as_external_data=True,
        location="vision_model.onnx_data",
        size_threshold=0,
    )
    before = load_encoder(str(towers))
    data = file.with_name("vision_model.onnx_data")
    content = bytearray(data.read_bytes())
    content[1] ^= 32
    data.write_bytes(content)
    assert load_encoder(str(towers)).fingerprint != before.fingerprint
    data.unlink()
    with pytest.raises(ModelError, match="cannot be opened") as raised:
        load_encoder(str(towers))
    assert "second file" in raised.value.hint


def test_towers_that_are_too_new_are_refused(towers: Path) -> None:
    file = towers / "onnx" / "text_model.onnx"
    model = onnx.load(str(file))
    model.opset_import[0].version = 99
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="opset") as raised:
        load_encoder(str(towers))
    assert "newer than this onnxruntime" in raised.value.hint


def test_links_as_the_hub_client_s_cache_makes_them(towers: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    for number, file in enumerate(sorted(towers.rglob("*.*"))):
        blob = blobs / f"{number:040x}"
        blob.write_bytes(file.read_bytes())
        link = snapshot / file.relative_to(towers)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    assert load_encoder(str(snapshot)).fingerprint == load_encoder(str(towers)).fingerprint
    next(blobs.glob("*0")).unlink()
    with pytest.raises(ModelError):
        load_encoder(str(snapshot))


# -- fetching ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "No space left"),
        (errno.EACCES, "Permission denied"),
        (errno.EROFS, "Read-only file system"),
        (errno.EDQUOT, "quota"),
    ],
)
def test_a_full_or_closed_disk_is_not_blamed_on_the_connection(number: int, said: str) -> None:
    with (
        pytest.raises(ModelError, match=f"cannot be written to /models/x.*{said}") as raised,
        _hub._reaching("some/model", None),
    ):
        raise OSError(number, "fault", "/models/x")
    assert "STITCH_HOME" in raised.value.hint


def test_being_offline_on_purpose_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids it"):
        pull_model("some/model", quiet=True)
