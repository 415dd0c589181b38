"""An embedding model behind HTTP as encoder of galleries and of composed queries."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders.composed._endpoint import EmbeddingEndpoint, Part
from stitch_cir.encoders.composed._protocol import ComposedInput
from stitch_cir.errors import EndpointError, QueryError, SettingError, VectorError
from stitch_cir.views import ViewBox, cut

__all__ = ["RemoteEncoder", "load_remote"]

_FORM = "Write http://HOST:PORT/v1#MODEL, with the model's name at the server after the #."
_TEXTS = 64
_CONCURRENT = 8


def load_remote(address: str) -> RemoteEncoder:
    """Return the encoder at ``http://HOST/v1#MODEL``; nothing is sent yet.

    Raises ``SettingError`` for an address without a model, and for one with a user, a password or a
    query, which a gallery would record.
    """
    try:
        parts = urlsplit(address)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not parts.fragment:
        raise SettingError(f"{address!r} names no embedding model.", hint=_FORM)
    if parts.username or parts.password or parts.query:
        raise SettingError(
            "The address of an embedding model holds a user, a password or a query, which a "
            "gallery would record.",
            hint=f"Put a key into STITCH_API_KEY. {_FORM}",
        )
    base = parts._replace(fragment="", path=parts.path.rstrip("/").removesuffix("/embeddings"))
    return RemoteEncoder(address, EmbeddingEndpoint(base.geturl(), parts.fragment))


class RemoteEncoder:
    """An embedding model at an end point; images are sent as JPEG, one a request.

    The fingerprint covers the model's name and its dimension: nobody here can see whether the
    server's weights stay the same, and a note with every index and search says so.
    """

    needs_image = True
    decode_side = 768
    weights_tag = "as served"

    def __init__(self, name: str, endpoint: EmbeddingEndpoint) -> None:
        """Wrap an end point; ``name`` is what :func:`load_encoder` takes."""
        self.name = name
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._checked = False

    @functools.cached_property
    def dim(self) -> int:
        """Length of every vector, found out by a request."""
        return int(self._endpoint.texts(["an image"]).shape[1])

    @functools.cached_property
    def fingerprint(self) -> str:
        """Digest of the model's name and its dimension."""
        spelled = f"remote-1 {self._endpoint.model} {self.dim}"
        return hashlib.sha256(spelled.encode()).hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """What nobody here can check."""
        return (
            f"The vectors are those that {urlsplit(self.name).netloc} returns for the model "
            f"{self._endpoint.model}; whether its weights stay the same cannot be checked.",
        )

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows. Raises ``EndpointError``."""
        if not len(texts):
            return np.empty((0, self.dim), np.float32)
        parts = [texts[start : start + _TEXTS] for start in range(0, len(texts), _TEXTS)]
        return self._unit(np.concatenate([self._endpoint.texts(part) for part in parts]))

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n images' M boxes as real crops: (n, M, d) float32, unit rows.

        Raises ``EndpointError``, and ``VectorError`` when the images do not have the same number of
        boxes.
        """
        if len(images) != len(boxes) or len({len(each) for each in boxes}) > 1:
            raise VectorError(
                "Every image needs its boxes, and all the same number of them.",
                hint="Pass one list of M boxes for each image.",
            )
        self._check_images()
        count = len(boxes[0]) if len(boxes) else 0
        views = [cut(i, box) for i, each in zip(images, boxes, strict=True) for box in each]
        vectors = self._parts([Part(image=view) for view in views])
        return vectors.reshape(len(images), count, self.dim)

    def composed_settings(self) -> Mapping[str, Any]:
        """Return the address and the model."""
        return {"composed": self.name, "vectors": "one"}

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        """Encode n inputs: n arrays (1, d) float32, unit rows.

        Raises ``QueryError`` for an input without an image, ``EndpointError`` where the server
        refuses it.
        """
        for each in inputs:
            if each.image is None:
                raise QueryError(
                    f"The model {self.name} needs the reference's image beside {each.text[:60]!r}.",
                    hint="Give a reference whose file can be opened.",
                )
        self._check_images()
        parts = [Part(each.text, each.image, each.instruction) for each in inputs]
        return [row[None] for row in self._parts(parts)]

    def _check_images(self) -> None:
        """Make sure that the server looks at images: some take a request and embed its text alone.

        Raises ``EndpointError``.
        """
        with self._lock:
            if self._checked:
                return
            black, white = (
                self._endpoint.part(Part("a colour", Image.new("RGB", (64, 64), colour)))
                for colour in ("black", "white")
            )
            if np.allclose(black, white, rtol=0, atol=1e-6):
                raise EndpointError(
                    f"The end point {urlsplit(self.name).netloc} ignores images: a black and a "
                    "white one have the same vector.",
                    hint="Serve a model that embeds images.",
                )
            self._checked = True

    def _parts(self, parts: Sequence[Part]) -> NDArray[np.float32]:
        """Embed parts, several at a time, in their order: (n, d) unit rows."""
        if not parts:
            return np.empty((0, self.dim), np.float32)
        with ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="embed") as pool:
            rows = list(pool.map(self._endpoint.part, parts))
        for row in rows:
            if len(row) != self.dim:
                raise EndpointError(
                    f"The end point {urlsplit(self.name).netloc} returns {len(row):,} dimensions "
                    f"for an image and {self.dim:,} for a text.",
                    hint="Serve one model that embeds both in one space.",
                )
        return self._unit(np.stack(rows))

    def _unit(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if vectors.shape[1] != self.dim:
            raise EndpointError(
                f"The end point {urlsplit(self.name).netloc} returned {vectors.shape[1]:,} "
                f"dimensions, and {self.dim:,} before.",
                hint="Has another model been loaded there? Index again with it.",
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / lengths, dtype=np.float32)
