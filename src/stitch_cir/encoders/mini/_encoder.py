"""``mini``: the built-in encoder that works everywhere, a stand-in below CLIP.

An image's region is a distribution over concepts, and its vector the weighted sum of the concepts'
centred text vectors (the idea of ConSE, Norouzi et al., ICLR 2014, with groups and colours added):

    v = unit( unit(Σ_l w_l (e_l − µ)) + g · unit(Σ_g w_g (e_g − µ)) + c · Σ_c w_c u_c + … )

with e_l the text vector of label l, averaged over prompts, and w_l its probability (top 100) to the
power 0.5. A learned residual is added, since people, actions and places have no label:

    image = unit( v + s · unit(A · features + b) )

A view is seen in its image: its features are averaged over its box with a share of the whole
image. A text's vector is unit(f(text) − µ). docs/mini-measured.md has figures.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders.mini._colour import measure, shrink
from stitch_cir.encoders.mini._everyday import join_concepts
from stitch_cir.encoders.mini._files import (
    TEXT_SHA256,
    TEXT_SIZE,
    data_file,
    manifest,
    verify_files,
)
from stitch_cir.encoders.mini._head import MiniHead
from stitch_cir.encoders.mini._text import CONTEXT, TextTower
from stitch_cir.encoders.mini._vision import VisionTower, fit
from stitch_cir.encoders.mini._vocabulary import (
    Vocabulary,
    group_weights,
    load_vocabulary,
    name_appearance,
    name_objects,
    weigh_attributes,
)
from stitch_cir.errors import VectorError
from stitch_cir.views import ViewBox

__all__ = ["MiniEncoder", "prepare"]

RECIPE = {
    "version": 3,
    "labels": 100,
    "label_power": 0.5,
    "groups": 40,
    "group_share": 0.25,
    "colour_share": 0.3,
    "attribute_share": 0.1,
    "whole_share": 0.5,
}
"""Everything that shapes a vector besides the files; part of the fingerprint."""

HEAD = "mini-head.npz"

WHOLE = (ViewBox(),)

PART = 16
"""Images prepared in one job."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image as the network takes it (h, w, 3), as colours are measured, and its boxes."""

    pixels: NDArray[np.uint8]
    small: NDArray[np.uint8]
    boxes: Sequence[ViewBox]


class MiniEncoder:
    """EfficientNet-Lite2 and all-MiniLM-L6-v2 in one space.

    Implements ``DualEncoder``, ``ConceptReader``, ``DenseEncoder``, ``PreparingEncoder``,
    ``ShippedWeights``, ``StandIn``.
    """

    name = "mini"
    weights_tag = "efficientnet-lite2+minilm-l6-v2-int8+head-3"
    dim = TextTower.dim
    decode_side = 256
    languages = ("en",)
    prompted = True
    """Whether the labels' vectors are averaged over prompts."""
    whole_share = RECIPE["whole_share"]
    """Share of the whole image in the features of a view, in [0, 1]."""
    stand_in_for = "ViT-B-32"
    strengths = "everyday scenes, kinds of things and colours"

    def __init__(self, head: Path | None = None) -> None:
        """Open no model yet: each is opened when its first input comes.

        ``head`` is the file of a head of your own. Raises ``ModelError`` where it is none.
        """
        self._text = TextTower()
        self._vision = VisionTower()
        self._custom: MiniHead | None = None
        if head is not None:
            file = head.expanduser().absolute()
            self._custom = MiniHead.load(file)
            # a gallery opens the same head again from whichever folder a program is run in
            self.name = f"{MiniEncoder.name}:{file}"
            self.weights_tag = f"{MiniEncoder.weights_tag}:{self._custom.digest[:12]}"

    @property
    def head(self) -> MiniHead | None:
        """The learned residual, loaded when it is first needed; None for an edition without one."""
        return self._custom or _shipped_head()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Digest of the files' hashes, the recipe, and a head of one's own."""
        files = {name: facts["sha256"] for name, facts in manifest().items()}
        if self._custom is not None:
            files[HEAD] = self._custom.digest
        spelled = json.dumps([files, TEXT_SHA256, RECIPE], sort_keys=True)
        return hashlib.sha256(spelled.encode()).hexdigest()

    @property
    def _words(self) -> Vocabulary:
        return load_vocabulary(prompted=self.prompted)

    def verify(self) -> None:
        """Hash every model file. Raises ``ModelError`` naming one that is missing or altered."""
        verify_files()

    def warm_up(self, *, texts: bool = True, images: bool = True) -> None:
        """Open the models now instead of at their first inputs."""
        if texts:
            self._text.open()
        if images:
            self._vision.open()

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, 384) float32, unit rows; see ``DualEncoder``."""
        if not len(texts):
            return np.empty((0, self.dim), np.float32)
        return _unit(self._text.encode(texts) - self._words.mean)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n images' M boxes: (n, M, 384) float32, unit rows; see ``DualEncoder``.

        Raises ``VectorError`` when the images do not have the same number of boxes.
        """
        _check_boxes(images, boxes)
        if not len(images):
            return np.empty((0, 0, self.dim), np.float32)
        if len(images) == 1:
            return self._encode(prepare(images[0], boxes[0]))[None]
        with _two_threads() as pool:
            prepared = pool.map(prepare, images, boxes)
            return np.stack(list(pool.map(self._encode, prepared)))

    def prepare_views(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[ViewBox]],
        *,
        dense: bool = False,
    ) -> list[Callable[[], list[PreparedImage]]]:
        """Split into jobs that resize; see ``PreparingEncoder``. All views are dense."""
        _check_boxes(images, boxes)
        return [
            partial(_prepare_all, images[start : start + PART], boxes[start : start + PART])
            for start in range(0, len(images), PART)
        ]

    def encode_prepared(self, part: Sequence[PreparedImage]) -> NDArray[np.float32]:
        """Run the network and measure colours; see ``PreparingEncoder``."""
        with _two_threads() as pool:
            return np.concatenate(list(pool.map(self._encode, part)))

    def _encode(self, prepared: PreparedImage) -> NDArray[np.float32]:
        logits, features = self._vision.read(
            prepared.pixels, prepared.boxes, whole_share=self.whole_share
        )
        return self.join(logits, features, prepared)

    def join(
        self,
        logits: NDArray[np.float32],
        features: NDArray[np.float32],
        prepared: PreparedImage,
    ) -> NDArray[np.float32]:
        """Join what the network says of an image's boxes and its colours: (M, 384), unit rows."""
        words, head = self._words, self.head
        probabilities = _softmax(logits)
        measured = measure(prepared.small, prepared.boxes, words.palette)
        vectors = _blend(probabilities, words.label_vectors, RECIPE["labels"])
        groups = group_weights(words, probabilities)
        vectors += RECIPE["group_share"] * _blend(groups, words.group_vectors, RECIPE["groups"])
        vectors += RECIPE["colour_share"] * (measured.colours @ _unit(words.colour_vectors))
        attributes = weigh_attributes(measured) @ _unit(words.attribute_vectors)
        vectors = _unit(vectors + RECIPE["attribute_share"] * attributes)
        if head is None:
            return vectors
        return _unit(vectors + head.share * _unit(head.residual(features)))

    has_patches = True

    @property
    def size(self) -> int:
        """Bytes of its model files."""
        return TEXT_SIZE + sum(int(facts["size"]) for facts in manifest().values())

    def encode_dense_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode boxes; all views of ``mini`` are dense, pooled from one pass an image."""
        return self.encode_views(images, boxes)

    @property
    def context_length(self) -> int:
        """Word pieces of a text that are read, special ones included."""
        return CONTEXT

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's word pieces; more than the context are cut off."""
        return self._text.count(texts)

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Read what images show; see ``ConceptReader``."""
        return [self._read(image, self._words) for image in images]

    def _read(self, image: Image.Image, words: Vocabulary) -> tuple[Concept, ...]:
        logits, features = self._vision.read(fit(image), WHOLE)
        measured = measure(shrink(image), WHOLE, words.palette)
        objects = name_objects(words, _softmax(logits)[0])
        appearance = name_appearance(measured, words)
        if self.head is None:
            return (*objects, *appearance)
        return join_concepts(objects, appearance, self.head, self.head.word_scores(features)[0])


@functools.cache
def _shipped_head() -> MiniHead:
    return MiniHead.load(data_file(HEAD))


def _two_threads() -> ThreadPoolExecutor:
    """One measures colours while the other waits for the network: both cores stay busy."""
    return ThreadPoolExecutor(2, thread_name_prefix="mini")


def prepare(image: Image.Image, boxes: Sequence[ViewBox]) -> PreparedImage:
    """Resize an RGB image for the network and for its colours."""
    return PreparedImage(fit(image), shrink(image), boxes)


def _prepare_all(
    images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
) -> list[PreparedImage]:
    return list(map(prepare, images, boxes))


def _check_boxes(images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]) -> None:
    if len(images) != len(boxes) or len({len(each) for each in boxes}) > 1:
        raise VectorError(
            "Every image needs its boxes, and all the same number of them.",
            hint="Pass one list of M boxes for each image.",
        )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _blend(
    weights: NDArray[np.float32], vectors: NDArray[np.float32], count: float
) -> NDArray[np.float32]:
    """Sum the ``count`` heaviest concepts' vectors, weights to the power: (M, d), unit rows.

    Gathered and summed without BLAS, whose threads cost more than this little work.
    """
    best = np.argpartition(-weights, int(count) - 1, axis=1)[:, : int(count)]
    heavy = np.take_along_axis(weights, best, axis=1) ** RECIPE["label_power"]
    return _unit(np.einsum("mk,mkd->md", heavy, vectors[best]))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
