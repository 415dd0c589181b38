"""Ranking all candidates in one request, asked in two orders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from stitch_cir.chat import (
    Chat,
    Estimate,
    ImagePart,
    MalformedReplyError,
    Message,
    Prompt,
    Reply,
    Sampling,
    estimate,
    load_prompt,
    numbered,
)
from stitch_cir.errors import PromptTooLargeError, QueryError, SettingError
from stitch_cir.reranker._orders import (
    disagreement,
    is_ranking,
    mean_standing,
    orders,
    read_ranking,
)
from stitch_cir.reranker._protocol import Candidate, Checklist, Judgement, Verdict
from stitch_cir.reranker._sheet import contact_sheet

__all__ = ["JointJudge"]

Part: TypeAlias = str | ImagePart
_TRIES = 3
"""How often a ranking is requested, the first time included."""
_CAPTION_CHARACTERS = 300
_MOST_LISTED = 100
_TOKENS_A_NUMBER = 6
_POINTS = (
    ("must show", "must"),
    ("must keep from the reference", "keep"),
    ("must not show", "avoid"),
)


@dataclass(frozen=True, slots=True)
class _Ranked:
    """One order: the ranking of the candidates (``None`` where no reply could be read), replies."""

    ranking: tuple[int, ...] | None
    replies: tuple[Reply, ...]
    reason: str = ""


class JointJudge:
    """Has a model rank all candidates at once, twice: in a shuffled order, and in its reverse.

    ``sampling`` gives seed and least number of new tokens. The first reply is greedy; one that
    cannot be read is requested again, warmer.
    """

    def __init__(self, chat: Chat, sampling: Sampling) -> None:
        self._chat = chat
        self._sampling = sampling
        self._prompts = {
            kind: load_prompt(f"{kind}-1", kind) for kind in ("rank", "rank-grid", "rank-text")
        }
        self.notes: tuple[str, ...] = ()
        """What a user should know of the last judgement."""

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts, one for each way in which candidates are shown."""
        return tuple(self._prompts.values())

    def judge(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        mode: str,
    ) -> Judgement:
        """Rank the candidates in the mode ``"list"`` or ``"grid"``.

        Raises ``SettingError`` for another mode or too many candidates, ``QueryError`` when they
        cannot be shown in this mode, ``PromptTooLargeError`` when the end point takes fewer images
        and there are no captions to take their place.
        """
        self.notes = ()
        if not candidates:
            return Judgement(())
        ask = partial(self._ask, reference, modification, candidates, checklist)
        kind = _kind(mode, reference, candidates)
        try:
            ranked = ask(kind)
        except PromptTooLargeError as error:
            if kind != "rank":
                raise
            if not _all_captioned(reference, candidates):
                raise PromptTooLargeError(
                    f"The reranker shows {len(candidates) + 1} images a request. {error.message}",
                    hint="Use --verify-mode grid, which shows one, or rerank fewer hits.",
                    most_images=error.most_images,
                ) from None
            self.notes = (f"ranked from captions, not images: {error.message}",)
            ranked = ask("rank-text")
        return self._judgement(candidates, ranked)

    def estimate(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        mode: str,
    ) -> Estimate:
        """Return what :meth:`judge` would request, unless a reply must be requested again."""
        kind = _kind(mode, reference, candidates)
        sampling = self._sampling_of(len(candidates), 0)
        total = Estimate(queries=1)
        for order in orders(len(candidates), self._sampling.seed):
            shown = [candidates[number] for number in order]
            messages = self._messages(kind, reference, modification, shown, checklist)
            total += estimate(self._chat, messages, 1, sampling)
        return total

    def _ask(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        kind: str,
    ) -> list[_Ranked]:
        """Return the ranking of each order; both are requested at the same time."""

        def rank(order: Sequence[int]) -> _Ranked:
            shown = [candidates[number] for number in order]
            messages = self._messages(kind, reference, modification, shown, checklist)
            return self._rank(messages, order)

        both = orders(len(candidates), self._sampling.seed)
        with ThreadPoolExecutor(min(2, max(1, self._chat.backend.concurrency))) as pool:
            return list(pool.map(rank, both))

    def _rank(self, messages: Sequence[Message], order: Sequence[int]) -> _Ranked:
        count, replies, reason = len(order), list[Reply](), ""
        usable = partial(is_ranking, count=count)
        for number in range(_TRIES):
            sampling = self._sampling_of(count, number)
            (reply,) = self._chat.samples(messages, 1, sampling, number, usable=usable)
            replies.append(reply)
            try:
                ranking = read_ranking(reply, count)
            except MalformedReplyError as error:
                reason = str(error)
                continue
            return _Ranked(tuple(order[position] for position in ranking), tuple(replies))
        return _Ranked(None, tuple(replies), reason)

    def _sampling_of(self, count: int, number: int) -> Sampling:
        tokens = max(self._sampling.max_tokens, 24 + _TOKENS_A_NUMBER * count)
        return replace(self._sampling, temperature=0.7 if number else 0.0, max_tokens=tokens)

    def _judgement(self, candidates: Sequence[Candidate], ranked: Sequence[_Ranked]) -> Judgement:
        rankings = [each.ranking for each in ranked if each.ranking is not None]
        malformed = sum(len(each.replies) - (each.ranking is not None) for each in ranked)
        if malformed:
            reason = next((each.reason for each in ranked if each.reason), "")
            last = f", the last: {reason}" if reason else ""
            self.notes += (f"{malformed} malformed rankings{last}",)
        texts = tuple((each.replies[-1].text or "")[:400] for each in ranked)
        if not rankings:
            fallback = "no ranking could be read: the hits keep their order"
            return Judgement(
                tuple(Verdict(each.id, 0.5, texts) for each in candidates), None, fallback
            )
        fallback = "" if len(rankings) == 2 else "one of two rankings could be read: it decides"
        standing = mean_standing(rankings)
        verdicts = tuple(
            Verdict(each.id, yes, texts) for each, yes in zip(candidates, standing, strict=True)
        )
        differ = disagreement(*rankings) if len(rankings) == 2 else None
        return Judgement(verdicts, differ, fallback)

    def _messages(
        self,
        kind: str,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
    ) -> tuple[Message, ...]:
        fields: dict[str, Part | tuple[Part, ...]] = {
            "modification": _quoted(modification),
            "checklist": _points(checklist),
        }
        if kind == "rank-text":
            fields["caption"] = _caption(reference)
            fields["candidates"] = "\n".join(
                f"{number}. {_caption(each)}" for number, each in enumerate(candidates, 1)
            )
        elif kind == "rank":
            fields["image"] = _image(reference)
            fields["candidates"] = numbered([_image(each) for each in candidates])
        else:
            fields["sheet"] = contact_sheet(_image(reference), [_image(e) for e in candidates])
            fields["count"] = str(len(candidates))
        return self._prompts[kind].messages(**fields)


def _kind(mode: str, reference: Candidate, candidates: Sequence[Candidate]) -> str:
    """Return the kind of prompt by which a mode can show these candidates."""
    if mode not in ("list", "grid"):
        raise SettingError(f"verify_mode is {mode!r}.", hint="Hits are ranked by list or grid.")
    if mode == "list" and len(candidates) > _MOST_LISTED:
        raise SettingError(
            f"{len(candidates)} hits are too many for one request.",
            hint=f"Rerank at most {_MOST_LISTED} (--rerank), or use --verify-mode each.",
        )
    unseen = [each.id for each in (reference, *candidates) if each.image is None]
    if not unseen:
        return "rank-grid" if mode == "grid" else "rank"
    if mode == "list" and _all_captioned(reference, candidates):
        return "rank-text"
    lacking = "no image" if mode == "grid" else "neither images nor captions in common"
    raise QueryError(
        f"The hits cannot be ranked together: {unseen[0]!r} has {lacking}.",
        hint="Use --verify-mode list where all have captions, --verify-mode each, or no --rerank.",
    )


def _all_captioned(reference: Candidate, candidates: Sequence[Candidate]) -> bool:
    return all(each.captions for each in (reference, *candidates))


def _image(candidate: Candidate) -> ImagePart:
    assert candidate.image is not None
    return ImagePart.of(candidate.image, candidate.content)


def _caption(candidate: Candidate) -> str:
    return _quoted(" ".join(candidate.captions[:3]))


def _points(checklist: Checklist) -> str:
    """Return the checklist, one quoted point a line."""
    lines = [
        f"- {verb}: {_quoted(phrase)}"
        for verb, name in _POINTS
        for phrase in getattr(checklist, name)
    ]
    return "\n".join(lines) or "- (no points besides the instruction)"


def _quoted(text: str) -> str:
    """Return a text as one JSON string: no quote, line break or number of its own stands out."""
    return json.dumps(" ".join(text.split())[:_CAPTION_CHARACTERS], ensure_ascii=False)
