"""Tiny embedding models that read images, saved by sentence-transformers, through our loader."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import ComposedEncoder, ComposedInput, load_encoder
from stitch_cir.errors import GalleryMismatchError, ModelError, QueryError
from stitch_cir.testing import check_composed_encoder, check_encoder

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PROMPTS = {"query": "Represent the query.", "document": "Represent the document."}
ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}


def tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        extra_special_tokens={"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"},
        chat_template=TEMPLATE,
    )


def save(folder: Path, model: Any, processor: Any, *, dim: int) -> Path:
    """Save a model with last-token pooling, as Qwen3-VL-Embedding is, and return its folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    model.save_pretrained(folder / "bare")
    processor.save_pretrained(folder / "bare")
    modules = [Transformer(str(folder / "bare")), Pooling(dim, "lasttoken"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", prompts=PROMPTS).save(str(folder / "whole"))
    return folder / "whole"


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LLaVA that reads image and text in one message."""
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaModel,
        LlavaProcessor,
    )

    made = tokenizer()
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**size, num_attention_heads=4, image_size=32, patch_size=8),
        text_config=LlamaConfig(
            **size,
            vocab_size=len(made),
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            pad_token_id=made.pad_token_id,
        ),
        image_token_index=made.convert_tokens_to_ids("<|image_pad|>"),
        vision_feature_layer=-1,
    )
    processor = LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        made,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        image_token="<|image_pad|>",
        num_additional_image_tokens=1,
    )
    return save(tmp_path_factory.mktemp("llava"), LlavaModel(config), processor, dim=32)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Qwen3-VL, the family of Qwen3-VL-Embedding; its processor needs torchvision."""
    pytest.importorskip("torchvision", reason="the video processor of Qwen3-VL needs it")
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLModel, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    made = tokenizer()
    ids = dict(zip(SPECIAL, made.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    torch.manual_seed(0)
    text = {"vocab_size": len(made), "hidden_size": 32, "intermediate_size": 64}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = Qwen3VLConfig(
        text_config={
            **text, "head_dim": 8, "max_position_embeddings": 4096, "rope_parameters": ROPE,
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "patch_size": 8,
            "out_hidden_size": 32, "num_position_embeddings": 64, "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    images = Qwen2VLImageProcessorPil(patch_size=8, min_pixels=256, max_pixels=4096)
    processor = Qwen3VLProcessor(
        images, made, Qwen3VLVideoProcessor(patch_size=8), chat_template=TEMPLATE
    )
    return save(tmp_path_factory.mktemp("qwen3"), Qwen3VLModel(config), processor, dim=32)


@pytest.fixture(scope="module")
def colqwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ColQwen2: a vector for each token, of an image or of a text."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from transformers import ColQwen2Config, ColQwen2ForRetrieval, ColQwen2Processor, Qwen2VLConfig
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder = tmp_path_factory.mktemp("colqwen")
    made = tokenizer()
    ids = dict(zip(SPECIAL, made.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    torch.manual_seed(0)
    text = {"vocab_size": len(made), "hidden_size": 32, "intermediate_size": 64}
    text |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    language = Qwen2VLConfig(
        text_config={**text, "max_position_embeddings": 4096, "rope_parameters": ROPE},
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2,
            "patch_size": 14,
        },
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
    )  # fmt: skip
    model = ColQwen2ForRetrieval(ColQwen2Config(vlm_config=language, embedding_dim=16))
    images = Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=28 * 28 * 16)
    model.save_pretrained(folder / "bare")
    ColQwen2Processor(images, made).save_pretrained(folder / "bare")
    MultiVectorEncoder(str(folder / "bare"), device="cpu").save(str(folder / "whole"))
    return folder / "whole"


def load(folder: Path) -> Any:
    return load_encoder(f"sentence-transformers:{folder}", device="cpu")


@pytest.mark.parametrize("family", ["llava", "qwen", "colqwen"])
def test_every_family_is_an_encoder_and_a_composed_query_encoder(
    family: str, request: pytest.FixtureRequest
) -> None:
    encoder = load(request.getfixturevalue(family))
    check_encoder(encoder)
    assert isinstance(encoder, ComposedEncoder)
    check_composed_encoder(encoder, encoder.dim)


def test_the_vectors_are_the_librarys(llava: Path) -> None:
    from sentence_transformers import SentenceTransformer

    red = Image.new("RGB", (40, 30), "red")
    (ours,) = load(llava).encode_composed([ComposedInput(red, "in blue")])
    theirs = SentenceTransformer(str(llava), device="cpu").encode_query(
        {"image": red, "text": "in blue"}, convert_to_numpy=True
    )
    np.testing.assert_allclose(ours[0], theirs, atol=1e-5)


def test_an_instruction_changes_the_vector(llava: Path) -> None:
    red = Image.new("RGB", (40, 30), "red")
    plain, instructed, other = load(llava).encode_composed(
        [ComposedInput(red, "in blue", each) for each in ("", "Find the edit.", "Find the edit.")]
    )
    assert np.abs(plain - instructed).max() > 1e-4
    np.testing.assert_allclose(instructed, other, atol=1e-5)


def test_a_query_of_a_model_of_many_vectors_is_a_set(colqwen: Path) -> None:
    encoder = load(colqwen)
    (rows,) = encoder.encode_composed([ComposedInput(Image.new("RGB", (60, 60), "red"), "in blue")])
    assert len(rows) > 8
    assert rows.shape[1] == encoder.dim == 16
    assert encoder.composed_settings()["vectors"] == "one a token"
    with pytest.raises(QueryError, match="needs the reference's image"):
        encoder.encode_composed([ComposedInput(None, "in blue")])


def test_a_gallery_is_searched_with_its_model(llava: Path, tmp_path: Path) -> None:
    encoder = load(llava)
    for colour in ("red", "green", "blue"):
        Image.new("RGB", (48, 48), colour).save(tmp_path / f"{colour}.png")
    st.index_folder(tmp_path, encoder=encoder)
    gallery = st.Gallery.open(tmp_path, encoder=encoder)
    settings = st.SearchSettings.from_preset(composed_weight=1.0)
    results = st.search(gallery, reference="red.png", text="in blue", settings=settings)
    assert len(results) == 2
    assert results.query.to_dict()["composed"]["composed"] == encoder.name
    gallery.close()
    assert st.Gallery.open(tmp_path).encoder.fingerprint == encoder.fingerprint


def test_other_weights_are_another_encoder(llava: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(llava, copy)
    weights = load_file(copy / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] + torch.tensor(0.1)}, copy / "model.safetensors")
    first, second = load(llava), load(copy)
    assert first.fingerprint != second.fingerprint
    Image.new("RGB", (48, 48), "red").save(tmp_path / "red.png")
    st.index_folder(tmp_path, tmp_path / "index", encoder=first)
    with pytest.raises(GalleryMismatchError):
        st.Gallery.open(tmp_path / "index", encoder=second)


def test_what_is_missing_is_one_clear_error(llava: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        load(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    shutil.copytree(llava, broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(broken)
