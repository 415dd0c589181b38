"""The dual encoder that every CLIP-like model becomes: two towers and one contract."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders._dense import pool_patches
from stitch_cir.encoders.clip._preprocess import Geometry, Preprocess
from stitch_cir.encoders.clip._zero_shot import ZeroShotReader
from stitch_cir.errors import ModelError, SettingError, VectorError
from stitch_cir.views import ViewBox, cut

__all__ = ["PreparedViews", "TowerEncoder", "Towers", "TowersInfo"]

BATCH = 32
"""Views or texts in one call of a tower."""
FIRST = 8


@dataclass(frozen=True, slots=True)
class TowersInfo:
    """What is known of a model before it computes anything.

    ``weights`` identifies the weight files (hex digest); ``context`` is the most tokens a text may
    have; ``logit_scale`` the learned inverse temperature; ``grid`` patches a side, 0 where the
    model gives no patch vectors.
    """

    dim: int
    context: int
    weights: str
    precision: str = "fp32"
    logit_scale: float = 100.0
    grid: int = 0


class Towers(Protocol):
    """A model's two halves; what they give need not be normalised."""

    @property
    def info(self) -> TowersInfo:
        """What is known of the model."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, special tokens included, of any length."""
        ...

    def text(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Encode token ids, each at most ``context`` long: (n, d)."""
        ...

    def vision(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode prepared images (n, 3, side, side): (n, d)."""
        ...

    def patches(
        self, pixels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Encode images and each of their patches: (n, d) and (n, grid², d), row by row."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedViews:
    """The input of one model call: ``pixels`` (v, 3, side, side) float32.

    For dense views ``boxes`` and ``geometries`` say, for each image, what to pool; else empty.
    """

    pixels: NDArray[np.float32]
    boxes: Sequence[Sequence[ViewBox]] = ()
    geometries: Sequence[Geometry] = ()


class TowerEncoder:
    """A CLIP or SigLIP model.

    Implements ``DualEncoder``, ``ConceptReader``, ``DenseEncoder``, ``PreparingEncoder``.

    ``name`` is what :func:`load_encoder` takes to load the same model again.
    """

    def __init__(
        self,
        name: str,
        weights_tag: str,
        towers: Towers,
        preprocess: Preprocess,
        *,
        notes: Sequence[str] = (),
    ) -> None:
        """Join towers and preprocessing; ``notes`` say what is not certain of the weights."""
        self.notes = tuple(notes)
        self.name = name
        self.weights_tag = weights_tag
        self._towers = towers
        self._preprocess = preprocess
        self._turn = threading.Lock()

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return self._towers.info.dim

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read, special ones included."""
        return self._towers.info.context

    @property
    def decode_side(self) -> int:
        """Twice the input's side: crops of an image need more pixels than the image itself."""
        return 2 * self._preprocess.side

    @property
    def has_patches(self) -> bool:
        """Whether the model gives patch vectors."""
        return self._towers.info.grid > 0

    @property
    def towers(self) -> Towers:
        """The model's two halves, for export."""
        return self._towers

    @property
    def preprocess(self) -> Preprocess:
        """How images are prepared."""
        return self._preprocess

    @functools.cached_property
    def fingerprint(self) -> str:
        """Digest of weights, precision and preprocessing (not of the device)."""
        info = self._towers.info
        spelled = json.dumps(
            [info.weights, info.precision, info.context, self._preprocess.to_dict()],
            sort_keys=True,
        )
        return hashlib.sha256(spelled.encode()).hexdigest()

    def settings(self) -> Mapping[str, Any]:
        """What is worth printing about the model."""
        info = self._towers.info
        return {
            "name": self.name,
            "weights_tag": self.weights_tag,
            "dim": info.dim,
            "context": info.context,
            "precision": info.precision,
            "side": self._preprocess.side,
            "grid": info.grid,
        }

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, special ones included; more than the context are cut off."""
        return [len(ids) for ids in self._towers.tokenize(texts)]

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows. Longer texts keep their last token."""
        if not len(texts):
            return np.empty((0, self.dim), np.float32)
        context = self.context_length
        ids = [
            each if len(each) <= context else [*each[: context - 1], each[-1]]
            for each in self._towers.tokenize(texts)
        ]
        # texts of one length together: less padding, the same numbers
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        vectors = np.empty((len(ids), self.dim), np.float32)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            with self._turn:
                vectors[part] = self._towers.text([ids[number] for number in part])
        return self._unit(vectors)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n images' M boxes as real crops: (n, M, d) float32, unit rows.

        Raises ``VectorError`` when the images do not have the same number of boxes.
        """
        return self._joined(images, boxes, dense=False)

    def encode_dense_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode boxes from the patch vectors of one pass an image: (n, M, d), unit rows.

        The whole image keeps its own vector; every other box is the mean of the patches it
        covers, by area (see :func:`pool_patches`). Raises ``SettingError`` when the model gives no
        patch vectors.
        """
        return self._joined(images, boxes, dense=True)

    def prepare_views(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[ViewBox]],
        *,
        dense: bool = False,
    ) -> list[Callable[[], PreparedViews]]:
        """Split into jobs that cut, resize and normalise; see ``PreparingEncoder``."""
        _same_count(images, boxes)
        if not dense:
            views = [
                (image, box) for image, each in zip(images, boxes, strict=True) for box in each
            ]
            return [partial(self._prepare, views[slice(*span)]) for span in _spans(len(views))]
        if not self._towers.info.grid:
            raise SettingError(
                f"The encoder {self.name} gives no patch vectors, which dense views need.",
                hint="Use --view-kind grid or random, or export the model again with `stitch "
                "models export`.",
            )
        return [
            partial(self._prepare_dense, images[slice(*span)], boxes[slice(*span)])
            for span in _spans(len(images))
        ]

    def encode_prepared(self, part: PreparedViews) -> NDArray[np.float32]:
        """Run the model once; see ``PreparingEncoder``."""
        with self._turn:
            if not part.boxes:
                return self._unit(self._towers.vision(part.pixels))
            wholes, patches = self._towers.patches(part.pixels)
        pooled = map(pool_patches, wholes, patches, part.boxes, part.geometries)
        return self._unit(np.concatenate(list(pooled)))

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Read what images show, zero-shot; see ``ConceptReader``."""
        return self._reader.read(images)

    @functools.cached_property
    def _reader(self) -> ZeroShotReader:
        return ZeroShotReader(self, self._towers.info.logit_scale)

    def _prepare(self, views: Sequence[tuple[Image.Image, ViewBox]]) -> PreparedViews:
        return PreparedViews(self._preprocess([cut(*view) for view in views]))

    def _prepare_dense(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> PreparedViews:
        geometries = [self._preprocess.geometry(*image.size) for image in images]
        return PreparedViews(self._preprocess(images), boxes, geometries)

    def _joined(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]], *, dense: bool
    ) -> NDArray[np.float32]:
        """Encode part by part, one part prepared ahead of the model."""
        jobs = self.prepare_views(images, boxes, dense=dense)
        rows = [np.empty((0, self.dim), np.float32)]
        with ThreadPoolExecutor(1, thread_name_prefix="prepare") as pool:
            coming = [pool.submit(job) for job in jobs[:1]]
            for job in (*jobs[1:], None):
                part = coming.pop().result() if coming else None
                if job is not None:
                    coming.append(pool.submit(job))
                if part is not None:
                    rows.append(self.encode_prepared(part))
        count = len(boxes[0]) if len(boxes) else 0
        return np.concatenate(rows).reshape(len(images), count, self.dim)

    def _unit(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        if not np.isfinite(lengths).all() or bool((lengths == 0).any()):
            raise ModelError(
                f"The encoder {self.name} gave vectors that are not finite or zero.",
                hint="Its weights may be damaged: stitch models check. With bf16, try fp32.",
            )
        return np.asarray(vectors / lengths, dtype=np.float32)


def _spans(count: int) -> list[tuple[int, int]]:
    """Divide ``count`` inputs into calls; a small first one, which the model need not wait for."""
    edges = [0, *range(min(FIRST, count), count, BATCH), count]
    return [span for span in itertools.pairwise(edges) if span[0] < span[1]]


def _same_count(images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]) -> int:
    if len(images) != len(boxes) or len({len(each) for each in boxes}) > 1:
        raise VectorError(
            "Every image needs its boxes, and all the same number of them.",
            hint="Pass one list of M boxes for each image.",
        )
    return len(boxes[0]) if len(boxes) else 0
