"""The concepts of ``mini``: labels, groups of labels, colours, attributes, and their vectors."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.concepts import Concept, ConceptKind
from stitch_cir.encoders.mini._colour import ColourStatistics, Palette
from stitch_cir.encoders.mini._files import data_file

__all__ = [
    "Vocabulary",
    "group_weights",
    "load_vocabulary",
    "name_appearance",
    "name_objects",
    "weigh_attributes",
]

LEAST = 0.04
LEAST_FOR_EACH = 0.001
"""Probability a group needs to be named: so much, and so much more for each of its labels."""
IN_CAPTIONS = ("dark", "plain background", "drawing")
"""Attributes worth a word in a caption: the others are what one expects of an image."""
LEAST_COLOUR = 0.15
MOST_COLOURS = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All concepts with their centred text vectors, (n, 384) float32 each.

    ``mean`` (384,) is the mean text vector of the labels; it is subtracted on both sides of the
    joint space. ``members`` holds the label numbers of each group.
    """

    labels: tuple[str, ...] = field(repr=False)
    groups: tuple[str, ...] = field(repr=False)
    plain: tuple[int, ...] = field(repr=False)
    members: tuple[NDArray[np.int64], ...] = field(repr=False)
    unnamed: tuple[int, ...] = field(repr=False)
    palette: Palette = field(repr=False)
    attributes: tuple[tuple[str, ConceptKind], ...] = field(repr=False)
    mean: NDArray[np.float32] = field(repr=False)
    label_vectors: NDArray[np.float32] = field(repr=False)
    group_vectors: NDArray[np.float32] = field(repr=False)
    colour_vectors: NDArray[np.float32] = field(repr=False)
    attribute_vectors: NDArray[np.float32] = field(repr=False)


@functools.cache
def load_vocabulary(*, prompted: bool = True) -> Vocabulary:
    """Read the shipped vocabulary.

    ``prompted`` averages the vectors of labels and groups over prompts such as "a photo of a {}";
    texts, colours and attributes are centred at the plain labels' mean either way.
    """
    data = json.loads(data_file("concepts.json").read_text(encoding="utf-8"))
    raw = np.load(data_file("concept-vectors.npy")).astype(np.float32)
    labels, groups = data["labels"], data["groups"]
    sizes = (len(labels), len(groups), len(data["colours"]), len(data["attributes"]))
    parts = np.split(raw, np.cumsum(sizes)[:-1])
    mean = parts[0].mean(axis=0)
    centred = [part - mean for part in parts]
    if prompted:
        averaged = np.load(data_file("prompted-vectors.npy")).astype(np.float32)
        # their own mean: prompts have words in common that say nothing of a label
        averaged = averaged - averaged[: sizes[0]].mean(axis=0)
        centred[:2] = averaged[: sizes[0]], averaged[sizes[0] :]
    names = tuple(name for name, _ in groups)
    return Vocabulary(
        tuple(labels),
        names,
        tuple(names.index(name) for name in data["plain"]),
        tuple(np.asarray(members, dtype=np.int64) for _, members in groups),
        tuple(data["unnamed"]),
        Palette(data["colours"]),
        tuple((name, kind) for name, kind in data["attributes"]),
        mean,
        *centred,
    )


def group_weights(
    vocabulary: Vocabulary, probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Add up label probabilities (M, 1000) by group: (M, groups)."""
    order = np.concatenate(vocabulary.members)
    starts = np.cumsum([0, *(len(members) for members in vocabulary.members[:-1])])
    return np.add.reduceat(probabilities[:, order], starts, axis=1)


def name_objects(
    vocabulary: Vocabulary, probabilities: NDArray[np.float32], *, most: int = 5
) -> list[Concept]:
    """Name what label probabilities (1000,) stand for, in words that fit into a caption.

    Groups and labels are chosen greedily without overlap: the likeliest everyday group first, cut
    down to a smaller group or a single label where that holds most of its probability. Large groups
    need more probability, since every noise adds up in them.
    """
    left = probabilities.astype(np.float64).copy()
    left[list(vocabulary.unnamed)] = 0
    concepts: list[Concept] = []
    plain = [(vocabulary.groups[number], vocabulary.members[number]) for number in vocabulary.plain]
    while len(concepts) < most:
        weights = np.array([left[members].sum() for _, members in plain])
        label = int(left.argmax())
        if weights.max() > left[label]:
            inner = np.flatnonzero(weights >= 0.85 * weights.max()).tolist()
            group = min(inner, key=lambda g: (len(plain[g][1]), -weights[g]))
            name, members = plain[group]
            whole = float(weights[group])
            best = int(members[left[members].argmax()])
            if left[best] >= 0.75 * whole and whole > 0.5 and len(members) > 1:
                name = vocabulary.labels[best]
        else:
            members = np.array([label])
            whole, name = float(left[label]), vocabulary.labels[label]
        if whole < LEAST + LEAST_FOR_EACH * len(members):
            break
        concepts.append(Concept(name, "object", min(1.0, whole)))
        left[members] = 0
    return concepts


def weigh_attributes(measured: ColourStatistics) -> NDArray[np.float32]:
    """Weigh the attributes, in the vocabulary's order, each in [0, 1]: (7,) float32."""
    dark = np.clip((0.45 - measured.light) / 0.2, 0, 1)
    bright = np.clip((measured.light - 0.7) / 0.2, 0, 1)
    drawn = np.clip((measured.flat - 0.75) / 0.2, 0, 1) if not measured.plain else 0.0
    # a grey thing on white is no black-and-white image
    grey = 0.0 if measured.plain else np.clip((0.012 - measured.chroma) / 0.008, 0, 1)
    plain = float(measured.plain)
    return np.array([dark, bright, plain, 1 - plain, drawn, 1 - drawn, grey], dtype=np.float32)


def name_appearance(measured: ColourStatistics, words: Vocabulary) -> list[Concept]:
    """Name the colours and attributes of one measured region, the heaviest first."""
    concepts = []
    for number in np.argsort(-measured.colours[0], kind="stable")[:MOST_COLOURS].tolist():
        share = float(measured.colours[0, number])
        if share >= LEAST_COLOUR:
            concepts.append(Concept(words.palette.names[number], "colour", min(1.0, share)))
    for (name, kind), weight in zip(words.attributes, weigh_attributes(measured), strict=True):
        if weight >= 0.5 and name in IN_CAPTIONS:
            concepts.append(Concept(name, kind, float(weight)))
    return concepts
