"""Captions by joining texts without a grammar: the modification's words, then the reference's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._text import clean, cut_characters, fold, unique
from stitch_cir.composers.rules._phrases import split_phrase
from stitch_cir.composers.rules._recaption import unframe_caption
from stitch_cir.composers.rules._wording import content_words
from stitch_cir.errors import QueryError, SettingError

__all__ = ["WORDING", "VerbatimComposer"]

WORDING = "verbatim-1"
"""Version of the patterns and forms together: another version, other captions."""
REFERENCES = 3
"""Most captions of the reference that are used."""
SUBJECT_SHARE = 0.6
"""Weight of all captions with the bare subject, against 1 for all with whole captions."""
CHARACTERS = 600


class VerbatimComposer:
    """Writes "<content words>, <caption of the reference>" for each caption of the reference.

    For galleries of captions, and modifications that no grammar covers. The content words are the
    modification without commands and without what it removes; they come first, since text encoders
    weigh the beginning most. Each caption of the reference is used whole, and as its first noun
    phrase. Without captions of the reference the content words are the only caption.
    """

    @property
    def name(self) -> str:
        """Return ``"verbatim"``."""
        return "verbatim"

    def settings(self) -> Mapping[str, Any]:
        """Return the version of the wording, and its numbers."""
        return {
            "composer": self.name,
            "wording": WORDING,
            "references": REFERENCES,
            "subject_share": SUBJECT_SHARE,
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose up to ``count`` different captions, those with whole captions first.

        Raises ``QueryError`` without modification and captions, ``SettingError`` for a ``count``
        below 1.
        """
        if count < 1:
            raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")
        text = cut_characters(clean(modification), CHARACTERS)
        plain = _distinct(() if reference is None else reference.captions)
        if not text and not plain:
            raise QueryError(
                "There is nothing to compose captions from: no modification, and no caption of the "
                "reference is known.",
                hint="Say what should change, or index the gallery with captions.",
            )
        content = content_words(text)
        notes = [f"verbatim: {content}"] if content else ["no modification"]
        if not plain:
            notes.append("nothing is known of the reference in words; only the modification counts")
        return Composition(
            captions=_captions(content, plain, count),
            modification=text,
            composer=self.name,
            reference_captions=tuple(plain),
            settings=self.settings(),
            notes=tuple(notes),
            intent=content,
        )


def _distinct(captions: Sequence[str]) -> list[str]:
    """Return the first cleaned captions, without those that only concatenate others."""
    cleaned = unique(unframe_caption(clean(caption)) for caption in captions)
    folded = [fold(caption) for caption in cleaned]
    kept = [
        caption
        for caption, text in zip(cleaned, folded, strict=True)
        if not any(other != text and other in text for other in folded)
    ]
    return [cut_characters(caption, CHARACTERS) for caption in kept[:REFERENCES]]


def _captions(content: str, plain: list[str], count: int) -> tuple[Caption, ...]:
    if not plain:
        return (Caption(content, 1.0, "verbatim:alone"),)
    if not content:
        return tuple(Caption(caption, 1.0, "verbatim:reference") for caption in plain[:count])
    subjects = unique(split_phrase(caption)[0].strip(" ,.").lower() for caption in plain)
    whole = plain[: count if count < 3 else max(1, count - len(subjects))]
    captions = [
        Caption(f"{content}, {caption}", 1.0 / len(whole), "verbatim:caption") for caption in whole
    ]
    subjects = subjects[: count - len(captions)]
    for subject in subjects:
        weight = SUBJECT_SHARE / len(subjects)
        captions.append(Caption(f"{content}, {subject}", weight, "verbatim:subject"))
    return tuple({fold(caption.text): caption for caption in reversed(captions)}.values())[::-1]
