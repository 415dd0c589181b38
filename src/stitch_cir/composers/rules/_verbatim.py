"""Captions by joining words, not by understanding them: what is wanted beside what is known."""

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
    """Writes "<what is wanted>, <what is known of the reference>", for each that is known.

    For galleries of captions, and requests that no grammar follows. What is wanted are the
    modification's own words without commands and what is to go; known are the reference's
    captions, whole and their first noun phrases alone. What is wanted comes first, since
    text encoders weigh the beginning most. A query without captions of the reference is what is
    wanted alone.
    """

    @property
    def name(self) -> str:
        """Give ``"verbatim"``."""
        return "verbatim"

    def settings(self) -> Mapping[str, Any]:
        """Name the version of the wording, and its numbers."""
        return {
            "composer": self.name,
            "wording": WORDING,
            "references": REFERENCES,
            "subject_share": SUBJECT_SHARE,
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Write up to ``count`` different captions, those with whole captions first.

        Raises ``QueryError`` without modification and captions, ``SettingError`` for a ``count``
        below 1.
        """
        if count < 1:
            raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")
        text = cut_characters(clean(modification), CHARACTERS)
        known = _known(() if reference is None else reference.captions)
        if not text and not known:
            raise QueryError(
                "There is nothing to compose captions from: no modification, and no caption of the "
                "reference is known.",
                hint="Say what should change, or index the gallery with captions.",
            )
        wanted = content_words(text)
        notes = [f"verbatim: {wanted}"] if wanted else ["no modification"]
        if not known:
            notes.append("nothing is known of the reference in words; only the modification counts")
        return Composition(
            captions=_captions(wanted, known, count),
            modification=text,
            composer=self.name,
            reference_captions=tuple(known),
            settings=self.settings(),
            notes=tuple(notes),
            intent=wanted,
        )


def _known(captions: Sequence[str]) -> list[str]:
    """Clean and pick captions; one that only strings others together says nothing new."""
    cleaned = unique(unframe_caption(clean(one)) for one in captions)
    folded = [fold(one) for one in cleaned]
    kept = [
        one
        for one, own in zip(cleaned, folded, strict=True)
        if not any(other != own and other in own for other in folded)
    ]
    return [cut_characters(one, CHARACTERS) for one in kept[:REFERENCES]]


def _captions(wanted: str, known: list[str], count: int) -> tuple[Caption, ...]:
    if not known:
        return (Caption(wanted, 1.0, "verbatim:alone"),)
    if not wanted:
        return tuple(Caption(one, 1.0, "verbatim:reference") for one in known[:count])
    subjects = unique(split_phrase(one)[0].strip(" ,.").lower() for one in known)
    whole = known[: count if count < 3 else max(1, count - len(subjects))]
    captions = [Caption(f"{wanted}, {one}", 1.0 / len(whole), "verbatim:caption") for one in whole]
    subjects = subjects[: count - len(captions)]
    for subject in subjects:
        weight = SUBJECT_SHARE / len(subjects)
        captions.append(Caption(f"{wanted}, {subject}", weight, "verbatim:subject"))
    return tuple({fold(caption.text): caption for caption in reversed(captions)}.values())[::-1]
