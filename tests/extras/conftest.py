"""Tiny models made by each library, saved in its own format, loaded by our own loaders.

These tests need packages that the default install does without; where such a package is missing,
its tests are not collected. ``make test-extras`` runs them, each library in its own environment.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

NEEDS = {
    "test_transformers.py": "transformers",
    "test_qwen.py": "transformers",
    "test_sentences.py": "sentence_transformers",
    "test_preprocess_equal.py": "transformers",
    "test_export.py": "transformers",
    "test_odd_checkpoints.py": "transformers",
    "test_torch_scores.py": "torch",
    "test_cuda.py": "transformers",
    "test_open_clip.py": "open_clip",
    "test_open_clip_tags.py": "open_clip",
    "test_llama.py": "xllamacpp",
    "test_mcp.py": "mcp",
    "test_mcp_arguments.py": "mcp",
    "test_parquet.py": "pyarrow",
    "test_cluster.py": "lance",
    "test_cluster_index.py": "ray",
    "test_cluster_failures.py": "ray",
    "test_cluster_cuda.py": "ray",
    "test_qdrant.py": "qdrant_edge",
    "test_catalog_schema.py": "ucp_sdk",
    "test_packages.py": "hatchling",
    "test_tutorials.py": "hatchling",
    "test_site.py": "zensical",
    "test_tour.py": "nbclient",
}
collect_ignore = [file for file, name in NEEDS.items() if importlib.util.find_spec(name) is None]

# all of Ray here shares a token, read when it is imported: without one, the first makes one in the
# user's home, and two that start at once make two
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "7" * 64}

WORDS = "a photo of the dog cat red blue dress on beach with long sleeves two cars street night ein hund am strand"


def bpe_files(folder: Path, start: str, end: str) -> None:
    """Write a small CLIP vocabulary: all bytes, all bytes that end a word, some merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    merges: list[tuple[str, str]] = []
    merged: set[str] = set()
    for word in WORDS.split():
        pieces = [*word[:-1], f"{word[-1]}</w>"]
        while len(pieces) > 1:
            pair = (pieces[0], pieces[1])
            pieces[:2] = ["".join(pair)]
            if pieces[0] not in merged:
                merged.add(pieces[0])
                merges.append(pair)
    tokens = [
        *letters,
        *(f"{letter}</w>" for letter in letters),
        *("".join(pair) for pair in merges),
    ]
    vocabulary = {
        token: number for number, token in enumerate([*dict.fromkeys(tokens), start, end])
    }
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random CLIP of a few hundred kilobytes, as transformers saves it."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("clip")
    bpe_files(folder, "<|startoftext|>", "<|endoftext|>")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    size = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={
            **size,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 77,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**size, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random SigLIP with a SentencePiece-like tokenizer, as transformers saves it."""
    import torch
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import (
        PreTrainedTokenizerFast,
        SiglipConfig,
        SiglipImageProcessorPil,
        SiglipModel,
    )

    folder = tmp_path_factory.mktemp("siglip")
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -2.0) for word in dict.fromkeys(WORDS.split())]
    pieces += [(letter, -6.0) for letter in "▁abcdefghijklmnopqrstuvwxyz0123456789"]
    made = Tokenizer(models.Unigram(pieces, unk_id=2))
    made.normalizer = normalizers.Replace(Regex(r"\s+"), " ")
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=16,
    )
    size = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    torch.manual_seed(0)
    config = SiglipConfig(
        text_config={
            **size,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 16,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 1,
        },
        vision_config={**size, "image_size": 32, "patch_size": 8},
    )
    SiglipModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def edit_json(file: Path, **changes: Any) -> None:
    """Change fields of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@functools.cache  # a namespace of operators is declared once in a process
def torchvision_stub() -> ModuleType | None:
    """Declare the operators whose absence keeps a CPU torchvision from being imported.

    open_clip imports torchvision for its transforms, which nothing here uses; the torchvision that
    goes with a CPU build of torch from a package index lacks its compiled operators.
    """
    import torch

    if torch.version.cuda is not None:
        return None  # a build for GPUs goes with a torchvision that brings its operators
    library = torch.library.Library("torchvision", "DEF")
    signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        library.define(name + signature)
    return library
