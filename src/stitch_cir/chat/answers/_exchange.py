"""Export and import of answers: a JSONL file with a manifest, to reproduce numbers elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir._hints import first_problem
from stitch_cir.chat.answers._cache import AnswerCache, answer_key
from stitch_cir.errors import CacheError, NotFoundError

__all__ = ["ImportReport", "export_answers", "import_answers"]

_FORMAT = "stitch-answers"
M = TypeVar("M", bound=BaseModel)

_EXPECTED = (
    "A file made by `stitch answers export` is expected: a manifest, then one request a line."
)


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: str
    version: int
    requests: int
    answers: int
    models: list[str]
    sha256: str


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sample: int = Field(ge=0)
    text: str | None
    finish: str
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    origin: dict[str, Any]
    created: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    key: str
    request: dict[str, Any]
    answers: list[_Answer] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Counts of an import: answers read, new ones, and those that differ from ours (kept)."""

    read: int
    added: int
    differing: int

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready data."""
        return {"read": self.read, "added": self.added, "differing": self.differing}


def export_answers(cache: AnswerCache, path: Path | str) -> dict[str, Any]:
    """Write every answer to a JSONL file and return the manifest; equal answers, equal bytes.

    Raises ``CacheError`` when the file cannot be written.
    """
    target = Path(path)
    lines: list[bytes] = []
    answers, models = 0, set()
    for key, rows in groupby(cache.rows(), key=lambda row: row[0]):
        group = list(rows)
        request = json.loads(group[0][1])
        models.add(str(request["model"]))
        answers += len(group)
        names = ("sample", "text", "finish", "prompt_tokens", "completion_tokens")
        data = {
            "key": key,
            "request": request,
            "answers": [
                {
                    **dict(zip(names, row[2:7], strict=True)),
                    "origin": json.loads(row[7]),
                    "created": row[8],
                }
                for row in group
            ],
        }
        lines.append(json.dumps(data, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    body = b"".join(lines)
    manifest = {
        "format": _FORMAT,
        "version": 1,
        "requests": len(lines),
        "answers": answers,
        "models": sorted(models),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    part = target.with_name(target.name + ".part")
    try:
        part.write_bytes(json.dumps(manifest, ensure_ascii=False).encode() + b"\n" + body)
        part.replace(target)
    except OSError as error:
        raise CacheError(
            f"{target} cannot be written: {error.strerror}.",
            hint="Check the folder, its permissions and the free space.",
        ) from error
    return manifest


def import_answers(cache: AnswerCache, path: Path | str) -> ImportReport:
    """Read an exported file into a cache, all of it or nothing; existing answers are kept.

    Raises ``NotFoundError`` without such a file, ``CacheError`` when it is cut short or altered.
    """
    source = Path(path)
    try:
        content = source.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {source}.", hint=_EXPECTED) from error
    except OSError as error:
        raise CacheError(f"{source} cannot be read: {error.strerror}.", hint=_EXPECTED) from error
    head, _, body = content.partition(b"\n")
    manifest = _check(_Manifest, head, f"{source}:1")
    if manifest.format != _FORMAT or manifest.version != 1:
        raise CacheError(f"{source} is no file of answers this version reads.", hint=_EXPECTED)
    if hashlib.sha256(body).hexdigest() != manifest.sha256:
        raise CacheError(
            f"{source} was cut short or altered: its checksum differs from its manifest.",
            hint="Fetch or export it again; nothing was imported.",
        )
    requests, answers, differing = [], [], 0
    for number, line in enumerate(_lines(body), 2):
        entry = _check(_Line, line, f"{source}:{number}")
        if answer_key(entry.request) != entry.key:
            raise CacheError(
                f"{source}:{number}: the key does not fit the request.", hint=_EXPECTED
            )
        text = json.dumps(entry.request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        requests.append((entry.key, str(entry.request.get("model", "")), text))
        for a in entry.answers:
            cached = cache.get(entry.key, a.sample)
            both = cached is not None and bool(cached.text) and bool(a.text)
            differing += cached is not None and both and cached.text != a.text
            origin = json.dumps(a.origin, sort_keys=True, ensure_ascii=False)
            answers.append(
                (
                    entry.key,
                    a.sample,
                    a.text,
                    a.finish,
                    a.prompt_tokens,
                    a.completion_tokens,
                    origin,
                    a.created,
                )
            )
    return ImportReport(len(answers), cache.insert(requests, answers), differing)


def _lines(body: bytes) -> Iterator[bytes]:
    return (line for line in body.split(b"\n") if line)


def _check(model: type[M], line: bytes, where: str) -> M:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        raise CacheError(f"{where}: {first_problem(error)}.", hint=_EXPECTED) from error
