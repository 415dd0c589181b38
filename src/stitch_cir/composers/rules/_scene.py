"""The content of an image in words, built from the reference and changed by edits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stitch_cir.composers._protocol import Reference
from stitch_cir.composers.rules._aspects import PARTS_OF_EDITS, aspect_of
from stitch_cir.composers.rules._edits import Edit
from stitch_cir.composers.rules._english import is_plural, plural, singular
from stitch_cir.composers.rules._lexicon import lexicon
from stitch_cir.composers.rules._phrases import (
    bare,
    head_noun,
    is_noun,
    leading_number,
    same_thing,
    split_phrase,
    without_colours,
)
from stitch_cir.composers.rules._qualified import qualities
from stitch_cir.concepts import Concept, ConceptKind

__all__ = ["Scene", "apply_edits", "prefer_named_object", "scenes_of"]


@dataclass(frozen=True, slots=True)
class Scene:
    """The content of an image, part by part; an empty part is unknown.

    ``extras`` are things that belong to the object ("long sleeves"), ``loose`` phrases that follow
    it ("running on grass"), ``sentence`` a description of the whole instead of all parts.
    ``share`` is the confidence in the object relative to the most likely one, in (0, 1].
    """

    object: str = ""
    colours: tuple[str, ...] = ()
    pattern: str = ""
    attributes: tuple[str, ...] = ()
    number: str = ""
    extras: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    location: str = ""
    light: str = ""
    view: str = ""
    medium: str = ""
    sentence: str = ""
    removed: tuple[str, ...] = ()
    share: float = 1.0


def scenes_of(reference: Reference | None, hypotheses: int) -> list[Scene]:
    """Build the unchanged scenes, one for each hypothesis of what the object is, best first.

    Captions people wrote are preferred to an encoder's concepts. Always at least one scene.
    """
    if reference is None:
        return [Scene()]
    if reference.captions:
        scenes = [_from_caption(caption) for caption in reference.captions]
        kept: list[Scene] = []
        for scene in scenes:
            if scene.object and not any(scene.object == other.object for other in kept):
                kept.append(scene)
        return kept[:hypotheses] or [Scene()]
    return _from_concepts(reference.concepts, hypotheses)


def _from_caption(caption: str) -> Scene:
    phrase, _ = split_phrase(caption)
    number, phrase = leading_number(phrase)
    phrase, colours = without_colours(bare(phrase))
    head = head_noun(phrase)
    before = phrase.lower().removesuffix(head).strip(" ,").split() if head else []
    attributes = tuple(
        word.strip(",") for word in before if word.strip(",") not in ("and", "of", "the", "a")
    )
    if len(attributes) > 3:
        attributes = attributes[-3:]
    many = head if is_plural(head) and head not in lexicon().pairs else ""
    return (
        Scene(
            object=singular(head) if many else head,
            colours=colours,
            attributes=attributes,
            number=number if number not in ("one", "a single", "single") else "",
        )
        if not many or number
        else Scene(object=singular(head), colours=colours, attributes=attributes, number="some")
    )


def _from_concepts(concepts: Sequence[Concept], hypotheses: int) -> list[Scene]:
    def concepts_of(kind: ConceptKind, least: float) -> list[Concept]:
        fitting = [c for c in concepts if c.kind == kind and c.text.strip() and c.weight >= least]
        return sorted(fitting, key=lambda c: -c.weight)

    def best(kind: ConceptKind, least: float = 0.2) -> str:
        return next((c.text.strip().lower() for c in concepts_of(kind, least)), "")

    colours = concepts_of("colour", 0.2)
    if colours:
        # a second colour counts only when it is nearly as strong as the first
        colours = [c for c in colours if c.weight >= 0.6 * colours[0].weight][:2]
    background, medium = best("background"), best("medium")
    base = Scene(
        colours=tuple(" and ".join(c.text.lower() for c in colours).split("|")) if colours else (),
        pattern=best("pattern"),
        light=_phrase(best("light", 0.35), "in"),
        location=_phrase(background, "on" if "background" in background else "in"),
        medium="" if medium in ("photo", "photograph", "a photo", "picture") else bare(medium),
    )
    objects = concepts_of("object", 0.0)[:hypotheses]
    if not objects:
        return [base]
    top = objects[0].weight or 1.0
    return [
        replace(base, object=bare(c.text.lower()), share=max(min(c.weight / top, 1.0), 0.05))
        for c in objects
    ]


def _phrase(text: str, preposition: str) -> str:
    if not text or re.match(
        r"(?:on|in|at|under|outdoors|indoors|outside|inside|with|by|against|near)\b", text
    ):
        return text
    if preposition == "on":
        return f"on a {bare(text)}" if not re.match(r"an? ", text) else f"on {text}"
    return f"{preposition} {text}"


def apply_edits(scenes: Sequence[Scene], edits: Iterable[Edit]) -> list[Scene]:
    """Apply edits in order to every hypothesis; the user's object has priority over the encoder's.

    Hypotheses that become the same scene are merged.
    """
    edits = tuple(edits)
    changed = list(prefer_named_object(scenes, edits))
    for edit in edits:
        changed = [_apply(scene, edit) for scene in changed]
        if edit.kind == "remove" and any(scene.object for scene in changed):
            changed = [scene for scene in changed if scene.object]
    changed = [_keeping(scene, scenes[0], edits) for scene in changed]
    kept: list[Scene] = []
    for scene in changed:
        if not any(replace(scene, share=1.0) == replace(other, share=1.0) for other in kept):
            kept.append(scene)
    return kept


def _keeping(scene: Scene, before: Scene, edits: Sequence[Edit]) -> Scene:
    """Restore what is to be kept and was lost with the object ("same pattern, a dress")."""
    changed = {PARTS_OF_EDITS.get(edit.kind, "") for edit in edits}
    for edit in edits:
        aspect = aspect_of(edit.subject) if edit.kind == "keep" else ""
        if aspect and aspect not in changed and not getattr(scene, aspect):
            scene = replace(scene, **{aspect: getattr(before, aspect)})
    return scene


def prefer_named_object(scenes: Sequence[Scene], edits: Sequence[Edit]) -> list[Scene]:
    """Move the object the user names ("same dress", "make the dog white") before the encoder's."""
    for edit in edits:
        name = head_noun(edit.subject) if edit.kind != "remove" else ""
        if not lexicon().nouns & {name, singular(name)}:
            continue
        exact = [s for s in scenes if singular(head_noun(s.object)) == singular(name)]
        fitting = exact or [s for s in scenes if same_thing(name, s.object)]
        if fitting:
            return [replace(fitting[0], share=1.0), *fitting[1:]]
        vague = edit.kind == "number" and edit.object in ("more", "fewer", "another")
        if name in lexicon().parts or vague:
            continue
        if name in lexicon().garments and any(
            singular(s.object) in lexicon().people for s in scenes
        ):
            continue
        named_object = name if name in lexicon().pairs else singular(name)
        if (
            edit.kind == "replace"
            or not scenes[0].object
            or scenes[0].share < 1.0
            or len(scenes) > 1
        ):
            return [replace(scenes[0], object=named_object, share=1.0)]
        if edit.kind in ("keep", "colour", "attribute"):
            return [replace(scenes[0], object=named_object, share=1.0), *scenes]
    return list(scenes)


def _apply(scene: Scene, edit: Edit) -> Scene:
    about_main = not edit.subject or same_thing(edit.subject, scene.object)
    thing = bare(edit.object)
    match edit.kind:
        case "replace":
            return _replaced(scene, edit, about_main)
        case "add":
            return _added(scene, edit.object)
        case "remove":
            return _removed(scene, thing)
        case "colour":
            if about_main:
                return replace(scene, colours=(edit.object,))
            return _added(scene, f"{edit.object} {bare(edit.subject)}")
        case "number":
            return _counted(scene, edit, about_main)
        case "place":
            if about_main or not scene.object:
                return replace(scene, location=edit.object)
            return replace(scene, loose=(*scene.loose, f"the {bare(edit.subject)} {edit.object}"))
        case "light":
            return replace(scene, light=edit.object)
        case "pattern":
            return replace(scene, pattern=thing)
        case "attribute":
            if about_main:
                return replace(scene, attributes=(*_compatible(scene.attributes, thing), thing))
            return _added(scene, f"{thing} {bare(edit.subject)}")
        case "view":
            return replace(scene, view=edit.object)
        case "medium":
            return replace(scene, medium=thing)
        case "scene":
            return replace(scene, sentence=f"{scene.sentence}. {edit.object}".strip(". "))
        case "other":
            words = f"{bare(edit.subject)} {edit.object}".strip()
            return replace(scene, loose=(*scene.loose, words))
        case _:
            return scene


def _replaced(scene: Scene, edit: Edit, about_main: bool) -> Scene:
    number, phrase = leading_number(edit.object)
    phrase, colours = without_colours(bare(phrase))
    head = head_noun(phrase) or phrase
    if not about_main and scene.object and edit.subject:
        return _added(_removed(scene, bare(edit.subject)), edit.object)
    before = phrase[: -len(head)].strip().lower() if phrase.lower().endswith(head) else ""
    if not edit.subject and same_thing(head, scene.object):
        # "blue dress" with a dress as the reference changes the dress
        attributes = (*scene.attributes, *qualities(before))
        return replace(
            scene, object=singular(head) if number else head, colours=colours or scene.colours,
            attributes=attributes, number=number or scene.number,
        )  # fmt: skip
    return Scene(
        object=singular(head) if number else head,
        colours=colours,
        attributes=qualities(before),
        number=number,
        location=scene.location,
        light=scene.light,
        view=scene.view,
        medium=scene.medium,
        removed=(*scene.removed, bare(edit.subject) or scene.object),
        share=scene.share,
    )


def _added(scene: Scene, thing: str) -> Scene:
    """Add a thing; new sleeves replace the old."""
    head = head_noun(thing)
    kept = tuple(extra for extra in scene.extras if head_noun(extra) != head or not is_noun(head))
    attributes = tuple(a for a in scene.attributes if not _conflicts(a, thing))
    return replace(scene, extras=(*kept, thing), attributes=attributes)


def _conflicts(attribute: str, thing: str) -> bool:
    return "sleeve" in attribute and "sleeve" in thing


def _compatible(attributes: tuple[str, ...], new: str) -> tuple[str, ...]:
    """Drop attributes that the new one contradicts: "longer" after "short"."""
    base = lexicon().comparatives.get(new.removeprefix("much "), new)
    against = _OPPOSITES.get(base, ())
    return tuple(
        a for a in attributes if a != new and lexicon().comparatives.get(a, a) not in against
    )


_OPPOSITES = {
    "long": ("short", "cropped"), "short": ("long",), "dark": ("light", "bright", "pale"),
    "light": ("dark",), "bright": ("dark",), "big": ("small", "tiny"), "large": ("small", "tiny"),
    "small": ("big", "large", "huge"), "tight": ("loose", "baggy"), "loose": ("tight", "fitted"),
    "fitted": ("loose", "baggy"), "young": ("old",), "old": ("young", "new"), "open": ("closed",),
    "closed": ("open",), "empty": ("full",), "full": ("empty",), "sleeveless": ("long sleeved",),
}  # fmt: skip


def _removed(scene: Scene, name: str) -> Scene:
    """Drop every mention of a thing."""

    def keeps(text: str) -> bool:
        return not _mentions(text, name)

    kept = scene.object
    if not keeps(kept):
        head, _ = split_phrase(kept)
        # the encoder may have seen "a man with a hat": the man stays
        kept = head if head != kept and keeps(head) else ""
    return replace(
        scene,
        object=kept,
        colours=tuple(filter(keeps, scene.colours)),
        pattern=scene.pattern if keeps(scene.pattern) else "",
        attributes=tuple(filter(keeps, scene.attributes)),
        extras=tuple(filter(keeps, scene.extras)),
        loose=tuple(filter(keeps, scene.loose)),
        location=scene.location if keeps(scene.location) else "",
        removed=(*scene.removed, name),
    )


def _mentions(text: str, name: str) -> bool:
    head = singular(head_noun(name))
    if text and text.lower() == name.lower():
        return True
    words = re.findall(r"[\w'-]+", text.lower())
    return bool(head) and any(head in (word, singular(word)) for word in words)


def _counted(scene: Scene, edit: Edit, about_main: bool) -> Scene:
    if about_main or not scene.object:
        thing = bare(edit.subject)
        words, colours = without_colours(thing)
        named = head_noun(words)
        before = words.lower().removesuffix(named).strip()
        named_object = named if named in lexicon().pairs else singular(named)
        number = "two" if edit.object == "another" else edit.object
        return replace(
            scene, number=number, object=named_object or scene.object, colours=colours or scene.colours,
            attributes=(*scene.attributes, before) if before else scene.attributes,
        )  # fmt: skip
    many = edit.object == "another" or edit.object == "one"
    word = {"more": "several", "fewer": "few"}.get(edit.object, edit.object)
    return _added(scene, f"{word} {edit.subject if many else plural(edit.subject)}")
