"""Messages to a language model and its replies, as plain data."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from PIL import Image

from stitch_cir.errors import SettingError

__all__ = ["SAMPLING_PRESETS", "ImagePart", "Message", "Part", "Reply", "Sampling"]

SAMPLING_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"temperature": 0.7, "top_p": 0.8, "top_k": 50, "max_tokens": 70},
    "public-code": {"temperature": 0.8, "top_p": 0.8, "top_k": 50, "max_tokens": 70},
}
"""How captions are sampled in the paper and in its public code (method §§1, 6)."""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image inside a message.

    ``content`` identifies it (SHA-256 of the file, else of the pixels) and stands for it in
    fingerprints; ``image`` is an upright RGB image, ``None`` when only answers already in the cache
    can be used.
    """

    content: str
    image: Image.Image | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, image: Image.Image, content: str | None = None) -> ImagePart:
        """Wrap an image; without ``content`` its pixels identify it."""
        if content is None:
            rgb = image.convert("RGB")
            content = hashlib.sha256(repr(rgb.size).encode() + rgb.tobytes()).hexdigest()
        return cls(content, image)


Part: TypeAlias = str | ImagePart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: text and images in their order."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data in which images are named by their content."""
        # "picture" is part of the key of every cached answer: another name would lose them all
        parts = [
            {"picture": part.content} if isinstance(part, ImagePart) else part
            for part in self.parts
        ]
        return {"role": self.role, "parts": parts}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws an answer. The defaults are the preset ``paper``.

    ``temperature`` in [0, 2] (0 is greedy), ``top_p`` in (0, 1], ``top_k`` ≥ 0 (0: no limit),
    ``max_tokens`` ≥ 1 new tokens, ``seed`` of the first sample in [0, 2³¹); sample i is drawn with
    ``seed + i`` where the model takes seeds. Raises ``SettingError`` outside these ranges.
    """

    temperature: float = 0.7
    top_p: float = 0.8
    top_k: int = 50
    max_tokens: int = 70
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, low, high in (("temperature", 0.0, 2.0), ("top_p", 0.0, 1.0)):
            value = getattr(self, name)
            fits = isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high
            if not fits or (name == "top_p" and value == 0):
                raise SettingError(
                    f"{name} is {value!r}.", hint=f"It must be between {low:g} and {high:g}."
                )
        for name, least, most in (
            ("top_k", 0, 1_000_000),
            ("max_tokens", 1, 100_000),
            ("seed", 0, (1 << 31) - 1),
        ):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value <= most:
                raise SettingError(
                    f"{name} is {value!r}.", hint=f"It must be a whole number, {least} … {most:,}."
                )

    @classmethod
    def from_preset(cls, preset: str = "paper", **overrides: Any) -> Sampling:
        """Take a preset and override single values; ``None`` keeps the preset's.

        Raises ``SettingError`` for an unknown preset or parameter.
        """
        if preset not in SAMPLING_PRESETS:
            raise SettingError(
                f"There is no sampling preset {preset!r}.",
                hint=f"Presets: {', '.join(SAMPLING_PRESETS)}.",
            )
        changes = {name: value for name, value in overrides.items() if value is not None}
        try:
            return replace(cls(**SAMPLING_PRESETS[preset]), **changes)
        except TypeError as error:
            raise SettingError(
                f"Sampling has no such parameter: {error}.",
                hint="Parameters: temperature, top_p, top_k, max_tokens, seed.",
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, recorded with every answer."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reply:
    """One sampled answer.

    ``text`` is ``None`` when the model gave no text; ``finish`` says why it stopped (``"stop"``,
    ``"length"``, …); token counts are the model's own, 0 where it reports none. The prompt's
    tokens are counted with the first sample of a request.
    """

    text: str | None
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def to_dict(self) -> Mapping[str, Any]:
        """Return JSON-ready data."""
        return asdict(self)
