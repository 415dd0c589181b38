"""Embedding models of sentence-transformers that read images: a vector a query, or a token."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders.clip import check_choices, loading, placed
from stitch_cir.encoders.composed._protocol import ComposedInput
from stitch_cir.encoders.store import encoder_name, joint_sha256, local_folder, read_model_file
from stitch_cir.errors import ModelError, QueryError, VectorError
from stitch_cir.views import ViewBox, cut

__all__ = ["SentenceEncoder", "load_sentence_transformers"]

BATCH = 16
"""Images or texts in one call of the model."""
DECODE_SIDE = 768
"""These models scale an image to a budget of patches of their own."""
_EXPECTED = (
    "Expected is a folder that sentence-transformers saved (modules.json, config.json, weights, "
    "tokenizer and processor), of a model that reads images and texts. Copy one by hand, or let "
    "the hub's client fetch it: hf download OWNER/NAME"
)
_SHAPING = (".safetensors", ".bin", ".json", ".txt", ".model", ".jinja")
"""Endings of the files that shape a vector."""


def load_sentence_transformers(
    source: str, *, device: str | None = None, precision: str | None = None
) -> SentenceEncoder:
    """Load a model from a folder, or by its hub id from the hub client's cache; nothing is fetched.

    A model that was saved as multi-vector (ColQwen2, ColPali, …) has a vector for each token.

    Raises ``ModelError`` where sentence-transformers is not installed, a file is missing or
    damaged, or the model reads no images; ``SettingError`` for an unknown device or precision.
    """
    device, precision = check_choices(device, precision)
    folder = local_folder(source, _EXPECTED)
    record = read_model_file(folder)
    if record is not None:
        record.check_files(folder)
    with loading(f"The model {folder}", "sentence-transformers", _EXPECTED):
        from sentence_transformers import MultiVectorEncoder, SentenceTransformer

        torch_device, dtype = placed(device, precision)
        several = _saved_as(folder) == "MultiVectorEncoder"
        kind: Any = MultiVectorEncoder if several else SentenceTransformer
        # code that comes with a checkpoint is never run
        model = kind(
            str(folder),
            device=str(torch_device),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype},
        )
        reads = {str(each) for each in model.modalities}
        together = any(map(_joins, model.modalities))
    if not {"text", "image"} <= reads:
        raise ModelError(
            f"{folder} holds a model that reads {', '.join(sorted(reads))}.",
            hint="A gallery needs one that reads images and texts, such as EmbeddingGemma 2 or "
            "Qwen3-VL-Embedding.",
        )
    files = sorted(path for path in folder.rglob("*") if path.suffix in _SHAPING)
    shaping = [path for path in files if path.name != "stitch-model.json"]
    name = encoder_name("sentence-transformers", source, precision)
    tag = record.weights_tag if record else folder.name if Path(source).is_dir() else source
    weights = hashlib.sha256(f"{joint_sha256(shaping)} {precision}".encode()).hexdigest()
    return SentenceEncoder(name, tag, model, weights, several=several, together=together)


def _joins(modality: Any) -> bool:
    """Return whether one input of this modality may hold an image and a text."""
    return modality == "message" or (
        isinstance(modality, tuple) and {"image", "text"} <= set(modality)
    )


def _saved_as(folder: Path) -> str:
    """Return the kind of model that a folder's configuration names; ``""`` without one."""
    file = folder / "config_sentence_transformers.json"
    return str(json.loads(file.read_text()).get("model_type", "")) if file.is_file() else ""


class SentenceEncoder:
    """A sentence-transformers model as encoder of galleries and of composed queries.

    Images are encoded as documents and texts as queries, by the model's own prompts. Views are real
    crops, one vector each; where the model has a vector for each token, a view and a text are their
    normalised means, and a composed query stays the set of them all. A model that takes an image or
    a text, but not both in one input, encodes the two apart: the query is the set of both, or where
    they have one vector each, their normalised sum.
    """

    needs_image = True
    decode_side = DECODE_SIDE

    def __init__(
        self,
        name: str,
        weights_tag: str,
        model: Any,
        weights: str,
        *,
        several: bool,
        together: bool,
    ) -> None:
        """Wrap a loaded ``model``; ``weights`` is the digest of its files."""
        self._together = together
        self.name = name
        self.weights_tag = weights_tag
        self._model = model
        self._several = several
        self._turn = threading.Lock()
        self.fingerprint = hashlib.sha256(f"sentences-1 {weights}".encode()).hexdigest()

    @functools.cached_property
    def dim(self) -> int:
        """Length of every vector."""
        return int(self._encode(["an image"], query=True)[0].shape[1])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows."""
        if not len(texts):
            return np.empty((0, self.dim), np.float32)
        return self._means(self._encode(list(texts), query=True))

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n images' M boxes as real crops: (n, M, d) float32, unit rows.

        Raises ``VectorError`` when the images do not have the same number of boxes.
        """
        if len(images) != len(boxes) or len({len(each) for each in boxes}) > 1:
            raise VectorError(
                "Every image needs its boxes, and all the same number of them.",
                hint="Pass one list of M boxes for each image.",
            )
        views = [cut(i, box) for i, each in zip(images, boxes, strict=True) for box in each]
        count = len(boxes[0]) if len(boxes) else 0
        if not views:
            return np.empty((len(images), count, self.dim), np.float32)
        return self._means(self._encode(views, query=False)).reshape(len(images), count, -1)

    def composed_settings(self) -> Mapping[str, Any]:
        """Return the model and whether a query is a set of vectors."""
        return {
            "composed": self.name,
            "weights_tag": self.weights_tag,
            "vectors": "one a token" if self._several else "one",
            "image and text": "together" if self._together else "apart",
        }

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        """Encode n inputs: n arrays (s, d) float32, unit rows.

        Raises ``QueryError`` for an input without an image.
        """
        by_instruction: dict[str, list[int]] = {}
        for number, each in enumerate(inputs):
            if each.image is None:
                raise QueryError(
                    f"The model {self.name} needs the reference's image beside {each.text[:60]!r}.",
                    hint="Give a reference whose file can be opened.",
                )
            by_instruction.setdefault(each.instruction, []).append(number)
        sets: dict[int, NDArray[np.float32]] = {}
        for instruction, numbers in by_instruction.items():
            of_instruction = [inputs[n] for n in numbers]
            encoded = self._encode_both(of_instruction, instruction or None)
            sets |= dict(zip(numbers, encoded, strict=True))
        return [sets[number] for number in range(len(inputs))]

    def _encode_both(
        self, inputs: Sequence[ComposedInput], prompt: str | None
    ) -> list[NDArray[np.float32]]:
        """Encode images with their texts, in one input where the model takes both."""
        if self._together:
            both = [{"image": each.image, "text": each.text} for each in inputs]
            return self._encode(both, query=True, prompt=prompt)
        images = self._encode([each.image for each in inputs], query=False)
        texts = self._encode([each.text for each in inputs], query=True, prompt=prompt)
        pairs = zip(images, texts, strict=True)
        if self._several:
            return [np.concatenate(pair) for pair in pairs]
        return [self._unit(image + text) for image, text in pairs]

    def _encode(
        self, inputs: Sequence[Any], *, query: bool, prompt: str | None = None
    ) -> list[NDArray[np.float32]]:
        """Return the unit vectors of each input, (s, d) with s = 1 of a model of one vector."""
        encode = self._model.encode_query if query else self._model.encode_document
        chosen = {} if prompt is None else {"prompt": prompt}
        rows: list[NDArray[np.float32]] = []
        for start in range(0, len(inputs), BATCH):
            part = list(inputs[start : start + BATCH])
            with self._turn:
                encoded = encode(part, show_progress_bar=False, convert_to_numpy=True, **chosen)
            rows += [self._unit(np.atleast_2d(np.asarray(each, np.float32))) for each in encoded]
        return rows

    def _means(self, sets: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return self._unit(np.stack([each.mean(axis=0) for each in sets]))

    def _unit(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        if not np.isfinite(lengths).all() or bool((lengths == 0).any()):
            raise ModelError(
                f"The encoder {self.name} gave vectors that are not finite or zero.",
                hint="Its weights may be damaged; with bf16, try fp32.",
            )
        return np.asarray(vectors / lengths, dtype=np.float32)
