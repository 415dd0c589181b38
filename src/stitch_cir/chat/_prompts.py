"""Prompts as versioned data files: wording, worked examples and their images.

A prompt is a TOML file. Its name is its version: a changed wording gets a new name, and the digest
of file and images goes into every composition. ``{image}`` stands for an image, any other
``{word}`` for a field.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir._hints import did_you_mean, first_problem
from stitch_cir.chat._messages import ImagePart, Message, Part
from stitch_cir.errors import NotFoundError, SettingError
from stitch_cir.images import open_image

__all__ = ["Prompt", "PromptKind", "load_prompt", "numbered", "prompt_names"]

PromptKind = Literal[
    "edit",
    "caption",
    "describe",
    "rewrite",
    "conversation",
    "conversation-text",
    "roles",
    "roles-text",
    "rerank",
    "rerank-text",
    "rank",
    "rank-grid",
    "rank-text",
]
_FIELD = re.compile(r"\{([a-z_]+)\}")
_FIELDS: dict[str, frozenset[str]] = {
    "edit": frozenset({"image", "modification"}),
    "caption": frozenset({"image"}),
    "describe": frozenset({"image"}),
    "rewrite": frozenset({"caption", "modification"}),
    "conversation": frozenset({"images", "instructions"}),
    "conversation-text": frozenset({"captions", "instructions"}),
    "roles": frozenset({"images", "instructions"}),
    "roles-text": frozenset({"captions", "instructions"}),
    "rerank": frozenset({"image", "modification", "candidate"}),
    "rerank-text": frozenset({"caption", "modification", "candidate"}),
    "rank": frozenset({"image", "modification", "checklist", "candidates"}),
    "rank-grid": frozenset({"sheet", "modification", "checklist", "count"}),
    "rank-text": frozenset({"caption", "modification", "checklist", "candidates"}),
}
"""Fields that a query of each kind fills in."""
_IMAGE_FIELDS: dict[str, tuple[str, ...]] = {
    "edit": ("image",),
    "caption": ("image",),
    "describe": ("image",),
    "rewrite": (),
    "conversation": ("images",),
    "conversation-text": (),
    "roles": ("images",),
    "roles-text": (),
    "rerank": ("image", "candidate"),
    "rerank-text": (),
    "rank": ("image",),
    "rank-grid": ("sheet",),
    "rank-text": (),
}
"""Those of them that are images."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    kind: PromptKind
    about: str
    system: str = ""
    intro: str = ""
    example: str = ""
    query: str = Field(min_length=1)
    turns: bool = False
    labels: list[str] = []
    max_words: int = Field(default=60, ge=1, le=400)
    examples: list[dict[str, str]] = []


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that was read and checked.

    ``digest`` (SHA-256) covers wording and images; ``labels`` are words a reply may begin with
    and that are dropped; ``max_words`` is the longest reply that is accepted.
    """

    name: str
    kind: PromptKind
    about: str
    digest: str
    labels: tuple[str, ...]
    max_words: int
    _file: _File = field(repr=False, compare=False)
    _images: Mapping[str, ImagePart] = field(repr=False, compare=False)
    without_examples: bool = False

    def shortened(self) -> Prompt | None:
        """Return the prompt without its worked examples; ``None`` when it has none.

        For end points that take one image a request, or have little context.
        """
        if not self._file.examples:
            return None
        file = self._file.model_copy(update={"examples": []})
        return replace(self, _file=file, without_examples=True)

    def messages(self, **fields: Part | tuple[Part, ...]) -> tuple[Message, ...]:
        """Fill in a query: ``fields`` are texts, or images (``image``, ``candidate``, ``sheet``).

        ``images`` are the parts of :func:`numbered`, and so may ``candidates`` be.
        One user message holds introduction, worked examples and query, images between the words
        (method §1); with ``turns`` the examples are turns of a conversation instead.
        """
        file = self._file
        messages = [Message("system", (file.system.strip(),))] if file.system else []
        parts: list[Part] = [file.intro.strip() + "\n\n"] if file.intro else []
        for example in file.examples:
            shown: dict[str, Any] = {
                name: self._example_images(name, value)
                if name in _IMAGE_FIELDS[file.kind]
                else value
                for name, value in example.items()
            }
            if file.turns:
                answer = shown.pop("answer")
                parts += _fill(file.query, shown)
                messages += [Message("user", _join(parts)), Message("assistant", (answer,))]
                parts = []
            else:
                parts += [*_fill(file.example, shown), "\n\n"]
        parts += _fill(file.query, fields)
        return (*messages, Message("user", _join(parts)))

    def _example_images(self, field: str, value: str) -> Part | tuple[Part, ...]:
        images = [self._images[file] for file in _example_files(field, value)]
        return numbered(images) if field == "images" else images[0]

    def preview(self) -> list[dict[str, str]]:
        """Return the messages as texts, with names in braces where a query fills in."""
        fields: dict[str, Part] = {name: "{" + name + "}" for name in _FIELDS[self.kind]}
        names = {image.content: f"<{name}>" for name, image in self._images.items()}
        return [
            {
                "role": message.role,
                "text": "".join(
                    names[part.content] if isinstance(part, ImagePart) else part
                    for part in message.parts
                ),
            }
            for message in self.messages(**fields)
        ]

    def to_dict(self) -> dict[str, str]:
        """Return name and digest of the prompt, recorded with every composition."""
        shortened = {"prompt_examples": "left out"} if self.without_examples else {}
        return {"prompt": self.name, "prompt_sha256": self.digest, **shortened}


def prompt_names(kind: str | None = None) -> tuple[str, ...]:
    """Return the names of the shipped prompts, all or those of one kind."""
    names = sorted(
        entry.name.removesuffix(".toml")
        for entry in resources.files(__package__).joinpath("prompts").iterdir()
        if entry.name.endswith(".toml")
    )
    return tuple(name for name in names if kind is None or load_prompt(name).kind == kind)


def load_prompt(name: str, kind: str | None = None) -> Prompt:
    """Read a shipped prompt by name, or another by the path of its TOML file.

    Raises ``NotFoundError`` when there is none, ``SettingError`` when the file cannot be understood
    or is of another ``kind`` than required.
    """
    prompt = _read(Path(name)) if name.endswith(".toml") else _shipped(name)
    if kind is not None and prompt.kind != kind:
        fitting = ", ".join(prompt_names(kind))
        raise SettingError(
            f"The prompt {name!r} is of kind {prompt.kind!r}; {kind!r} is needed here.",
            hint=f"Shipped prompts of that kind: {fitting}.",
        )
    return prompt


@cache
def _shipped(name: str) -> Prompt:
    folder = Path(str(resources.files(__package__).joinpath("prompts")))
    path = folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name) or not path.is_file():
        names = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise NotFoundError(
            f"There is no prompt {name!r}.",
            hint=f"{did_you_mean(name, names.split(', '))}Shipped are: {names}. For your own give "
            "the path of a .toml file.",
        )
    return _read(path)


def _read(path: Path) -> Prompt:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The prompt {path} cannot be read: {error.strerror}.",
            hint="Give the path of a .toml file, or the name of a shipped prompt.",
        ) from error
    try:
        file = _File.model_validate(tomllib.loads(content.decode()))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"The prompt {path} is no TOML: {error}.", hint=_HELP) from error
    except ValidationError as error:
        raise SettingError(f"The prompt {path}: {first_problem(error)}.", hint=_HELP) from error
    _check(file, path)
    digest = hashlib.sha256(content)
    images = {}
    for example in file.examples:
        for key in _IMAGE_FIELDS[file.kind]:
            for name in _example_files(key, example[key]) if key in example else ():
                if name not in images:
                    images[name] = _load_image(path.parent / name, path)
                    digest.update(bytes.fromhex(images[name].content))
    return Prompt(
        file.name,
        file.kind,
        file.about,
        digest.hexdigest(),
        tuple(file.labels),
        file.max_words,
        file,
        images,
    )


def _example_files(field: str, value: str) -> list[str]:
    """Return the files that a field of an example names: several in ``images``."""
    return value.split() if field == "images" else [value]


def _load_image(file: Path, prompt: Path) -> ImagePart:
    try:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise NotFoundError(
            f"The prompt {prompt} names the image {file}, which cannot be read.",
            hint="Images of a prompt lie beside its file.",
        ) from error
    image: Image.Image = open_image(file)
    return ImagePart(content, image)


def _check(file: _File, path: Path) -> None:
    allowed = _FIELDS[file.kind]
    used = set(_FIELD.findall(file.query))
    if not used or used - allowed:
        raise SettingError(
            f"The prompt {path}: the query uses {sorted(used)}.",
            hint=f"A prompt of kind {file.kind!r} may use {sorted(allowed)}.",
        )
    shown = file.query if file.turns else file.example
    for number, example in enumerate(file.examples, 1):
        needed = set(_FIELD.findall(shown)) | ({"answer"} if file.turns else set())
        if needed - set(example):
            raise SettingError(
                f"The prompt {path}: example {number} lacks {sorted(needed - set(example))}.",
                hint=_HELP,
            )


_HELP = "docs/composers.md describes the format of prompts."


def _fill(template: str, fields: Mapping[str, Any]) -> list[Part]:
    """Put fields into a template once: what a user wrote is never read as a template."""
    parts: list[Part] = []
    end = 0
    for match in _FIELD.finditer(template):
        value = fields[match[1]]
        parts += [template[end : match.start()], *(value if isinstance(value, tuple) else [value])]
        end = match.end()
    return [*parts, template[end:]]


def numbered(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return images or captions below each other, as "Picture 1: …"."""
    lines: list[Part] = []
    for number, part in enumerate(parts, 1):
        lines += [f"{'' if number == 1 else chr(10)}Picture {number}: ", part]
    return tuple(lines)


def _join(parts: list[Part]) -> tuple[Part, ...]:
    """Join neighbouring texts; the outer edges lose their white space."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    if joined and isinstance(joined[0], str):
        joined[0] = joined[0].lstrip()
    if joined and isinstance(joined[-1], str):
        joined[-1] = joined[-1].rstrip()
    return tuple(joined)
