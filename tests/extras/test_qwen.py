"""A tiny Qwen2-VL, saved by transformers, loaded and asked by the local chat back end."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stitch_cir.chat import AnswerCache, Chat, ImagePart, Message, QwenChat, Sampling
from stitch_cir.composers import ChatComposer, Reference
from stitch_cir.errors import ModelError
from tests.extras.conftest import edit_json

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


@pytest.fixture(scope="session")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder = tmp_path_factory.mktemp("qwen")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    ids = dict(zip(SPECIAL, tokenizer.convert_tokens_to_ids(SPECIAL), strict=True))
    torch.manual_seed(0)
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [1, 1, 2],
            "rope_theta": 10000.0,
        },
        "bos_token_id": ids["<|im_start|>"],
        "eos_token_id": ids["<|im_end|>"],
    }
    config = Qwen2VLConfig(
        text_config=text,
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
    )
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=28 * 28 * 16).save_pretrained(folder)
    return folder


def image(seed: int) -> ImagePart:
    rng = np.random.default_rng(seed)
    return ImagePart.of(Image.fromarray(rng.integers(0, 256, (80, 120, 3), dtype=np.uint8)))


def messages(seed: int = 0) -> list[Message]:
    return [
        Message("system", ("Say what is wanted.",)),
        Message("user", (image(seed), "but", image(seed + 1), "red")),
    ]


SAMPLING = Sampling(temperature=1.0, top_p=1.0, top_k=50, max_tokens=12, seed=3)


def test_samples_are_seeded_and_depend_on_the_images(qwen_folder: Path) -> None:
    chat = QwenChat(str(qwen_folder), device="cpu")
    first = chat.sample(messages(), 3, SAMPLING)
    assert len(first) == 3
    assert len({reply.text for reply in first}) > 1
    assert [reply.text for reply in chat.sample(messages(), 3, SAMPLING)] == [
        reply.text for reply in first
    ]
    assert first[0].prompt_tokens > 60
    assert all(reply.completion_tokens <= 12 for reply in first)
    greedy = Sampling(temperature=0.0, max_tokens=12)
    sample, second = (chat.sample(messages(seed), 2, greedy) for seed in (0, 50))
    assert sample[0].text == sample[1].text
    assert sample[0].text != second[0].text


def test_a_text_alone(qwen_folder: Path) -> None:
    assert (
        len(
            QwenChat(str(qwen_folder)).sample([Message("user", ("a dog <|im_end|>",))], 2, SAMPLING)
        )
        == 2
    )


def test_the_composer_fills_what_such_a_model_leaves_out(qwen_folder: Path, tmp_path: Path) -> None:
    composer = ChatComposer(
        Chat(QwenChat(str(qwen_folder)), AnswerCache(tmp_path / "answers.sqlite"))
    )
    reference = Reference("dog", image(1).image, ("a dog on grass",))
    composition = composer.compose(reference, "on a beach", 3)
    assert len(composition.captions) == 3


def test_the_digest_follows_the_weights(qwen_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / qwen_folder.name
    shutil.copytree(qwen_folder, other)
    assert QwenChat(str(other)).model == QwenChat(str(qwen_folder)).model
    data = bytearray((other / "model.safetensors").read_bytes())
    data[-3] ^= 1
    (other / "model.safetensors").write_bytes(data)
    assert QwenChat(str(other)).model != QwenChat(str(qwen_folder)).model


def test_missing_tensors_and_files(qwen_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(qwen_folder, broken)
    tensors = load_file(broken / "model.safetensors")
    tensors.pop(next(name for name in tensors if name.endswith("norm.weight")))
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="lacks 1 tensors"):
        QwenChat(str(broken)).sample(messages(), 1, SAMPLING)
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        QwenChat(str(broken)).sample(messages(), 1, SAMPLING)


def test_another_family(qwen_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(qwen_folder, broken)
    edit_json(broken / "config.json", model_type="siglip", text_config={}, vision_config={})
    with pytest.raises(ModelError, match="siglip"):
        QwenChat(str(broken)).sample(messages(), 1, SAMPLING)


def test_a_model_that_is_not_here() -> None:
    with pytest.raises(ModelError, match="Qwen2-VL-0B") as raised:
        QwenChat("Qwen/Qwen2-VL-0B").sample(messages(), 1, SAMPLING)
    assert "stitch models pull" in str(raised.value.hint)
