"""Tokenizers as encoders use them: no padding, no truncation, and a user's words are words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["pad_token_id", "plain_tokenizer"]


def plain_tokenizer(content: str) -> Any:
    """Read a ``tokenizer.json``; whatever padding and truncation it holds is left out.

    Special tokens in a text ("a dog [SEP] x", "<|endoftext|>") are letters like any other: what a
    user types must not end a sentence for the model. Raises what ``tokenizers`` raises.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def pad_token_id(folder: Path) -> int | None:
    """Return the id that a model's tokenizer pads with, ``None`` where its files do not say.

    What the tokenizer itself would do counts before what is written about it: ``padding`` in
    ``tokenizer.json``, else the ``pad_token`` of ``tokenizer_config.json`` or
    ``special_tokens_map.json``.
    """
    data = _json(folder / "tokenizer.json")
    padding = data.get("padding")
    if isinstance(padding, dict) and isinstance(padding.get("pad_id"), int):
        return int(padding["pad_id"])
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = _json(folder / name).get("pad_token")
        word = token.get("content") if isinstance(token, dict) else token
        if isinstance(word, str):
            id = _id_of(data, word)
            if id is not None:
                return id
    return None


def _id_of(data: dict[str, Any], word: str) -> int | None:
    """Return the id of a token in the content of a ``tokenizer.json``."""
    for added in data.get("added_tokens") or ():
        if isinstance(added, dict) and added.get("content") == word:
            return int(added["id"])
    model = data.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        id = vocabulary.get(word)
        return None if id is None else int(id)
    if isinstance(vocabulary, list):  # of a unigram model: pairs of piece and score
        pieces = [entry[0] for entry in vocabulary if isinstance(entry, list) and entry]
        return pieces.index(word) if word in pieces else None
    return None


def _json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
