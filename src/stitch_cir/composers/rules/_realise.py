"""Render a scene as English: noun phrases, then captions of different emphasis."""

from __future__ import annotations

import re
from dataclasses import replace

from stitch_cir.composers._text import tidy
from stitch_cir.composers.rules._english import article, is_plural, plural, singular, with_article
from stitch_cir.composers.rules._lexicon import lexicon
from stitch_cir.composers.rules._phrases import head_noun, leading_number
from stitch_cir.composers.rules._scene import Scene

__all__ = [
    "edits_phrase",
    "noun_phrase",
    "only_changes",
    "render_caption",
    "with_medium",
    "with_object",
]

_SINGLE = ("one", "a single", "single", "1")


def noun_phrase(scene: Scene, *, plain: bool = False, positive: bool = False) -> str:
    """Write the object with its number, qualities and colours: "two long red dresses".

    ``plain`` leaves the qualities out; ``positive`` turns "longer" into "long", as an image would be
    described without a reference.
    """
    noun = scene.object or "thing"
    before: list[str] = []
    after: list[str] = []
    if not plain:
        for attribute in scene.attributes:
            word = _positive(attribute) if positive else attribute
            (before if _goes_before(attribute) else after).append(word)
        # a colour stands behind adjectives and before all that makes a compound with the noun
        nearer = [word for word in before if not _is_adjective(word)]
        colours = [_positive(colour) if positive else colour for colour in scene.colours]
        before = [word for word in before if word not in nearer] + colours + nearer
        if scene.pattern:
            if re.search(
                r"(?:stripes|dots|print|pattern|design|checks|spots|plaid)$", scene.pattern
            ) and (len(scene.pattern.split()) > 1 or scene.pattern.endswith("s")):
                after.insert(0, f"with {_determined(scene.pattern)}")
                before = [b for b in before if b not in scene.pattern]
            else:
                before.append(scene.pattern)
    many = scene.number not in ("", *_SINGLE)
    words = list(dict.fromkeys([*before, plural(noun) if many else noun]))
    phrase = " ".join(words)
    low = noun.lower()
    pair = low in lexicon().pairs or low.rpartition(" ")[2] in lexicon().pairs
    if many:
        number = {"more": "several", "fewer": "a few", "some": "", "both": "two"}.get(
            scene.number, scene.number
        )
        phrase = f"{number} {'pairs of ' if pair and number else ''}{phrase}".strip()
    elif scene.number:
        phrase = f"{'one' if not pair else 'one pair of'} {phrase}"
    else:
        phrase = with_article(phrase, noun)
    return " ".join([phrase, *after])


def _goes_before(attribute: str) -> bool:
    first = attribute.split()[0]
    if first in ("more", "less", "most", "very"):
        return len(attribute.split()) == 2
    lex = lexicon()
    return (
        attribute in lex.attributes
        or attribute in lex.patterns
        or attribute in lex.ing_nouns
        or attribute in lex.comparatives
        or (
            len(attribute.split()) == 1 and first not in lex.verbs and not attribute.endswith("ing")
        )
    )


def _is_adjective(word: str) -> bool:
    lex = lexicon()
    degree = word.split()[0] in ("more", "less", "most", "very", "much")
    listed = word in lex.attributes or word in lex.comparatives or word in lex.comparatives.values()
    return degree or (listed and word not in lex.patterns)


def _positive(text: str) -> str:
    words = [lexicon().comparatives.get(word, word) for word in text.split()]
    if words[:1] in (["more"], ["much"]) and len(words) > 1:
        words = words[1:]
    return " ".join(words)


def _determined(thing: str) -> str:
    """Put an article before an added thing where it needs one."""
    number, _ = leading_number(thing)
    if number or re.match(
        r"(?:an?|the|his|her|its|their|some|in|more|less|several|few|another|no)\b", thing, re.I
    ):
        return thing
    head = head_noun(thing)
    if (
        head in ("neck", "neckline", "collar", "hood", "print", "pattern", "logo", "belt")
        or head in lexicon().nouns
    ):
        return with_article(thing, head)
    return thing


def _extras(scene: Scene, *, positive: bool) -> list[str]:
    worn: list[str] = []
    things: list[str] = []
    for extra in scene.extras:
        text = _positive(extra) if positive else extra
        if re.match(r"in ", text, re.I):
            worn.append(text)
        else:
            things.append(_determined(text))
    if things:
        joined = things[0] if len(things) == 1 else ", ".join(things[:-1]) + " and " + things[-1]
        worn.append(f"with {joined}")
    return worn


def render_caption(
    scene: Scene,
    *,
    with_location: bool = True,
    extras: bool = True,
    positive: bool = False,
    plain: bool = False,
) -> str:
    """Render the scene as one caption, optionally without the object's surroundings."""
    if scene.sentence:
        return tidy(
            ", ".join(
                [scene.sentence, *_tail(scene, with_location=with_location, positive=positive)]
            )
        )
    parts = [noun_phrase(scene, positive=positive, plain=plain)]
    if not scene.object:
        parts = []
    if extras:
        parts += _extras(scene, positive=positive)
        parts += [part for part in scene.loose]
    if with_location:
        parts += [part for part in (scene.location, scene.light) if part]
    text = " ".join(parts)
    if with_location and scene.view:
        text = f"{text}, {scene.view}"
    if scene.medium and text:
        text = with_medium(scene.medium, text)
    elif scene.medium:
        text = f"{article(scene.medium)} {scene.medium}"
    return tidy(text)


def _tail(scene: Scene, *, with_location: bool, positive: bool) -> list[str]:
    tail = [*scene.loose, *_extras(scene, positive=positive)]
    attributes = [a for a in scene.attributes]
    tail = [*attributes, *tail]
    if with_location and scene.view:
        tail.append(scene.view)
    if scene.medium:
        tail.append(
            f"in {scene.medium}"
            if scene.medium in _MODES
            else f"as {article(scene.medium)} {scene.medium}"
        )
    return tail


_MODES = ("black and white", "greyscale", "grayscale", "sepia", "color", "colour", "monochrome")


def with_medium(medium: str, text: str) -> str:
    """Add the medium of the image: "a drawing of a dog", "a dog in black and white"."""
    if medium in _MODES:
        return f"{text} in {medium}"
    if medium.startswith("in "):
        return f"{text} {medium}"
    noun = {"illustrated": "illustration", "photography": "photo", "anime": "anime drawing"}.get(
        medium, medium
    )
    if is_plural(noun) and noun != "lego":
        noun = singular(noun)
    return f"{article(noun)} {noun} of {text}"


def with_object(scene: Scene, words: str) -> str:
    """Join the user's text to the plain object: "a dress with long sleeves"."""
    name = noun_phrase(scene, plain=True) if scene.object else ""
    words = words.strip(" .!?;")
    if not name:
        return words
    lowered = words[:1].lower() + words[1:]
    if re.match(
        r"(?:in|on|at|with|without|as|from|under|against|near|inside|wearing|facing|near|by)\b",
        lowered,
    ):
        return f"{name} {lowered}"
    if re.match(r"(?:is|are|has|have|does|wears|looks)\b", lowered):
        return f"{name} that {lowered}"
    return f"{name}, {lowered}"


def only_changes(before: Scene, after: Scene, named: frozenset[str] = frozenset()) -> Scene:
    """Reduce a changed scene to its object and what the edits changed or ``named``.

    "In red" changes nothing of a red dress, and still requires red.
    """

    def changed(name: str) -> str:
        value: str = getattr(after, name)
        return "" if value == getattr(before, name) and name not in named else value

    return replace(
        after,
        colours=tuple(c for c in after.colours if c not in before.colours or "colours" in named),
        attributes=tuple(a for a in after.attributes if a not in before.attributes),
        extras=tuple(e for e in after.extras if e not in before.extras),
        loose=tuple(text for text in after.loose if text not in before.loose),
        pattern=changed("pattern"),
        number=changed("number"),
        location=changed("location"),
        light=changed("light"),
        view=changed("view"),
        medium=changed("medium"),
    )


def edits_phrase(change: Scene) -> str:
    """Render only what changed, in words of the target: "red, with long sleeves, on a beach"."""
    phrases = [
        *change.colours,
        change.pattern,
        *change.attributes,
        *_extras(change, positive=False),
    ]
    phrases += [*change.loose, change.location, change.light, change.view]
    if change.medium:
        phrases.append(_as(change.medium))
    return ", ".join(text for text in phrases if text)


def _as(medium: str) -> str:
    if medium in _MODES or medium.startswith("in "):
        return f"in {medium.removeprefix('in ')}"
    return f"as {article(medium)} {medium}"
