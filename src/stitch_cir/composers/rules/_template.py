"""The default composer: captions by rules, without a model, deterministic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._text import clean, cut_characters, cut_words, fold, unique
from stitch_cir.composers.rules._claims import checked_notes
from stitch_cir.composers.rules._edits import Reading
from stitch_cir.composers.rules._forms import (
    Candidate,
    append_phrases,
    from_captions,
    from_scenes,
    from_text,
    reworded,
    unchanged,
)
from stitch_cir.composers.rules._parser import read_modification
from stitch_cir.composers.rules._realise import noun_phrase
from stitch_cir.composers.rules._scene import Scene, apply_edits, prefer_named_object, scenes_of
from stitch_cir.concepts import Concept
from stitch_cir.errors import QueryError, SettingError

__all__ = ["GRAMMAR", "TemplateComposer"]

GRAMMAR = "template-2"
"""Version of parser, word lists and caption forms together: another version, other captions."""

_CHARACTERS_A_WORD = 8
_REFERENCE_CAPTIONS = 64


class TemplateComposer:
    """Writes captions from the captions or concepts of the reference and the modification.

    Parameters
    ----------
    max_words:
        Most words of one caption, 5 … 200; the reference's words give way to the modification's.
    max_characters:
        Most characters of a modification that are read, 20 … 10,000; the rest is cut off with a
        note.
    hypotheses:
        How many of the encoder's guesses at the object may appear, 1 … 10.
    """

    def __init__(
        self, *, max_words: int = 40, max_characters: int = 600, hypotheses: int = 3
    ) -> None:
        for name, value, least, most in (
            ("max_words", max_words, 5, 200),
            ("max_characters", max_characters, 20, 10_000),
            ("hypotheses", hypotheses, 1, 10),
        ):
            if not least <= value <= most:
                raise SettingError(
                    f"{name} is {value}.", hint=f"It must be between {least} and {most}."
                )
        self._max_words = max_words
        self._max_characters = max_characters
        self._hypotheses = hypotheses

    @property
    def name(self) -> str:
        """Return ``"template"``."""
        return "template"

    def settings(self) -> Mapping[str, Any]:
        """Return the version of the grammar and the limits."""
        return {
            "composer": self.name,
            "grammar": GRAMMAR,
            "max_words": self._max_words,
            "max_characters": self._max_characters,
            "hypotheses": self._hypotheses,
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose up to ``count`` different captions; the first is the most complete.

        Raises ``QueryError`` when there is no modification and nothing is known of the reference,
        ``SettingError`` when ``count`` is below 1.
        """
        if count < 1:
            raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")
        notes: list[str] = []
        text = clean(modification)
        if len(text) > self._max_characters:
            notes.append(
                f"the modification was cut from {len(text):,} to {self._max_characters:,} characters"
            )
            text = cut_characters(text, self._max_characters)
        described = _cleaned(reference)
        if not text and described is None:
            raise QueryError(
                "There is nothing to compose captions from: no modification, and nothing is known "
                "of the reference.",
                hint="Say what should change, or give a reference with captions or a picture.",
            )
        reading = read_modification(text)
        scenes = scenes_of(described, self._hypotheses)
        if reference is not None and described is None:
            notes.append("nothing is known of the reference in words; only the modification counts")
        captions = self._write(described, scenes, reading, count)
        notes += _understood(
            reading, scenes[0], () if described is None else described.captions, captions
        )
        return Composition(
            captions=captions,
            modification=text,
            composer=self.name,
            reference_captions=self._reference_captions(described, _named(scenes), count),
            settings=self.settings(),
            notes=tuple(notes),
        )

    def _write(
        self, described: Reference | None, scenes: list[Scene], reading: Reading, count: int
    ) -> tuple[Caption, ...]:
        """Write the best forms for what is known, then paraphrases until there are K."""
        captions = described.captions if described is not None else ()
        after = apply_edits(scenes, reading.edits)
        pool: Iterable[Candidate]
        if not reading.text:
            pool = unchanged(captions, _named(scenes))
        elif described is None:
            pool = from_text(reading, after)
        elif not reading.english:
            pool = _word_for_word(captions, scenes, reading)
        elif captions:
            pool = from_captions(captions, after, reading, count)
        else:
            # the user's name for the object also precedes their text
            if any(edit.kind == "keep" for edit in reading.edits):
                scenes = prefer_named_object(scenes, reading.edits)
            nameless = not any(scene.object for scene in after)
            pool = from_scenes(_named(scenes) if nameless else scenes, _named(after), reading)
        first = list(pool)
        chosen: dict[str, Caption] = {}
        for text, weight, form in chain(first, reworded(first)):
            short = self._cut(text)
            if short and fold(short) not in chosen:
                chosen[fold(short)] = Caption(short, weight, f"template:{form}")
            if len(chosen) == count:
                break
        return tuple(chosen.values())

    def _cut(self, text: str) -> str:
        cut = cut_words(clean(text), self._max_words)
        return cut_characters(cut, self._max_words * _CHARACTERS_A_WORD)

    def _reference_captions(
        self, described: Reference | None, scenes: list[Scene], count: int
    ) -> tuple[str, ...]:
        if described is None:
            return ()
        texts = [self._cut(text) for text, _, _ in unchanged(described.captions, scenes)]
        return tuple(unique(texts)[:count])


def _word_for_word(
    captions: tuple[str, ...], scenes: list[Scene], reading: Reading
) -> Iterable[Candidate]:
    """Yield a text that was not understood as it is, after captions of the reference."""
    for caption in captions[:3]:
        yield append_phrases(caption, [reading.text]), 1.0, "words"
    for scene in scenes:
        if scene.object:
            yield f"{noun_phrase(scene, plain=True)}, {reading.text}", 1.0, "words"
    yield reading.text, 1.0, "words"


def _named(scenes: list[Scene]) -> list[Scene]:
    """Name an unknown object "thing": "a red thing", never "a photo of, red"."""
    return [s if s.object or s.sentence else replace(s, object="thing") for s in scenes]


def _cleaned(reference: Reference | None) -> Reference | None:
    """Return the reference with cleaned texts; ``None`` when it has neither captions nor concepts."""
    if reference is None:
        return None
    captions = unique(clean(text) for text in reference.captions[:_REFERENCE_CAPTIONS])
    captions = [cut_characters(text, 400) for text in captions]
    concepts = tuple(
        Concept(cut_characters(clean(c.text), 60), c.kind, c.weight)
        for c in reference.concepts
        if clean(c.text)
    )
    if not captions and not concepts:
        return None
    return Reference(reference.id, None, tuple(captions), concepts)


def _understood(
    reading: Reading, before: Scene, reference: tuple[str, ...], captions: tuple[Caption, ...]
) -> list[str]:
    if not reading.text:
        return ["no modification: the captions describe the reference"]
    if not reading.english:
        return ["the modification does not look like English: it was used word for word"]
    return checked_notes(reading.edits, before, reference, captions)
