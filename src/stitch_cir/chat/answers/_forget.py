"""Deletion of cached answers: those without text, or all of a model."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stitch_cir.chat._chat import has_text
from stitch_cir.chat._messages import Reply
from stitch_cir.chat.answers._cache import AnswerCache
from stitch_cir.errors import NotFoundError

__all__ = ["ForgetReport", "forget_answers"]


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """How many answers were deleted, and how many are left in the cache."""

    forgotten: int
    kept: int

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready data."""
        return {"forgotten": self.forgotten, "kept": self.kept}


def forget_answers(
    cache: AnswerCache, *, model: str | None = None, everything: bool = False
) -> ForgetReport:
    """Delete answers that hold no text, or with ``everything`` all; of one model where named.

    Raises ``NotFoundError`` when the cache has no answer of that model.
    """
    models: set[str] = set()
    chosen: list[tuple[str, int]] = []
    total = 0
    for key, request, sample, text, finish, *_ in cache.rows():
        total += 1
        author = str(json.loads(request)["model"])
        models.add(author)
        if model not in (None, author):
            continue
        if everything or not has_text(Reply(text, finish)):
            chosen.append((key, sample))
    if model is not None and model not in models:
        raise NotFoundError(
            f"{cache.path} holds no answers of {model!r}.",
            hint=f"It holds answers of: {', '.join(sorted(models)) or 'no model'}.",
        )
    forgotten = cache.forget(chosen)
    return ForgetReport(forgotten, total - forgotten)
