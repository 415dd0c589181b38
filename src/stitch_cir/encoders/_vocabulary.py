"""The concepts of ``mini``: labels, groups of labels, colours, attributes, and their vectors."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.concepts import Concept, ConceptKind
from stitch_cir.encoders._colour import Palette
from stitch_cir.encoders._files import data_file

__all__ = ["Vocabulary", "group_weights", "load_vocabulary", "name_objects"]

LEAST = 0.04
LEAST_FOR_EACH = 0.001
"""Probability a group needs to be named: so much, and so much more for each of its labels."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All concepts with their centred text vectors, (n, 384) float32 each.

    ``mean`` (384,) is the mean text vector of the labels; it is subtracted on both sides of the
    joint space. ``members`` holds
    the label numbers of each group.
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
def load_vocabulary() -> Vocabulary:
    """Read the shipped vocabulary."""
    data = json.loads(data_file("concepts.json").read_text(encoding="utf-8"))
    raw = np.load(data_file("concept-vectors.npy")).astype(np.float32)
    labels, groups = data["labels"], data["groups"]
    sizes = (len(labels), len(groups), len(data["colours"]), len(data["attributes"]))
    parts = np.split(raw, np.cumsum(sizes)[:-1])
    mean = parts[0].mean(axis=0)
    names = tuple(name for name, _ in groups)
    return Vocabulary(
        tuple(labels),
        names,
        tuple(names.index(name) for name in data["plain"]),
        tuple(np.asarray(own, dtype=np.int64) for _, own in groups),
        tuple(data["unnamed"]),
        Palette(data["colours"]),
        tuple((name, kind) for name, kind in data["attributes"]),
        mean,
        *(part - mean for part in parts),
    )


def group_weights(
    vocabulary: Vocabulary, probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Add up label probabilities (M, 1000) by group: (M, groups)."""
    order = np.concatenate(vocabulary.members)
    starts = np.cumsum([0, *(len(own) for own in vocabulary.members[:-1])])
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
    found: list[Concept] = []
    plain = [(vocabulary.groups[number], vocabulary.members[number]) for number in vocabulary.plain]
    while len(found) < most:
        weights = np.array([left[own].sum() for _, own in plain])
        label = int(left.argmax())
        if weights.max() > left[label]:
            inner = np.flatnonzero(weights >= 0.85 * weights.max()).tolist()
            group = min(inner, key=lambda g: (len(plain[g][1]), -weights[g]))
            name, own = plain[group]
            whole = float(weights[group])
            best = int(own[left[own].argmax()])
            if left[best] >= 0.75 * whole and whole > 0.5 and len(own) > 1:
                name = vocabulary.labels[best]
        else:
            own = np.array([label])
            whole, name = float(left[label]), vocabulary.labels[label]
        if whole < LEAST + LEAST_FOR_EACH * len(own):
            break
        found.append(Concept(name, "object", min(1.0, whole)))
        left[own] = 0
    return found
