"""The concepts that an encoder recognised, as composers use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from stitch_cir.composers._phrases import with_article
from stitch_cir.composers._protocol import Composition
from stitch_cir.composers._text import clean
from stitch_cir.concepts import Concept, ConceptKind

__all__ = ["LEAST", "likeliest_first", "misread_note", "second_guesses", "without_guesses"]

LEAST = 0.3
"""Share of the best guess's weight from which on another guess counts."""
MAY_SHOW = "The reference may show"


def likeliest_first(concepts: Iterable[Concept], kind: ConceptKind) -> list[Concept]:
    """Return the concepts of a kind by falling weight, in lower case.

    Their texts have no explanations of an encoder: "ram (adult male sheep)" becomes "ram".
    """
    named = (
        replace(each, text=clean(re.sub(r"\s*\(.*?\)", "", each.text)).lower())
        for each in concepts
        if each.kind == kind
    )
    return sorted(filter(lambda each: each.text, named), key=lambda each: -each.weight)


def second_guesses(objects: Sequence[Concept]) -> tuple[str, ...]:
    """Return what else the reference may show, of objects by falling weight."""
    return tuple(each.text for each in objects[1:] if each.weight >= LEAST * objects[0].weight)


def misread_note(objects: Sequence[Concept]) -> str:
    """Return the line that names the best two guesses and how to choose the second, or ""."""
    if not second_guesses(objects):
        return ""
    first, second = (f"{with_article(each.text)} ({each.weight:.2f})" for each in objects[:2])
    label = objects[1].text if " " not in objects[1].text else f"'{objects[1].text}'"
    return f"{MAY_SHOW} {first} or {second}; choose with --object {label}"


def without_guesses(composition: Composition) -> Composition:
    """Return the composition of a reference whose object a query cannot choose."""
    notes = tuple(note for note in composition.notes if not note.startswith(MAY_SHOW))
    return replace(composition, notes=notes, alternatives=())
