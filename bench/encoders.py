"""CLIP-sized encoders: what our batches cost beside the bare model call, and what dense views give.

The weights are random (none can be fetched here), of ViT-B/32's true size: time does not depend on
their values; fidelity does, so that of dense views is measured with ``mini``, whose weights are real.
Run it where torch and transformers are: ``make test-extras`` makes such an environment.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.images import make_images
from bench.rows import Row
from stitch_cir.encoders import load_encoder
from stitch_cir.images import open_image
from stitch_cir.views import ViewBox, ViewRecipe, cut

COUNT, ROUNDS = 64, 5
TEXTS = [
    f"a photo of a {word} dress number {i}"
    for i in range(16)
    for word in ("red", "long blue", "", "very short but wide")
]


def run() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        image_folder = Path(scratch) / "photos"
        make_images(image_folder, COUNT)
        images = [
            open_image(path, decode_side=448)
            for path in sorted(image_folder.rglob("*.jpg"))[:COUNT]
        ]
        if importlib.util.find_spec("transformers") is None:
            print("skipped CLIP-sized towers: torch and transformers are not installed here")
        else:
            folder = make_clip(Path(scratch) / "clip")
            from stitch_cir.encoders import export_model

            export_model(f"transformers:{folder}", Path(scratch) / "towers")
            for spec in (f"transformers:{folder}", f"onnx:{scratch}/towers"):
                rows += measure(spec, images)
        rows.append(fidelity(images))
    return rows


def make_clip(folder: Path) -> Path:
    """Save a random CLIP of ViT-B/32's size, with a small tokenizer."""
    import torch
    from tests.extras.conftest import bpe_files
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    folder.mkdir()
    bpe_files(folder, "<|startoftext|>", "<|endoftext|>")
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    return folder


def measure(spec: str, images: list[Any]) -> list[Row]:
    """Throughput against the bare towers on the same tensors, and dense against real views."""
    encoder: Any = load_encoder(spec)
    towers = encoder.towers
    whole = [(ViewBox(),)] * len(images)
    ids = sorted(towers.tokenize(TEXTS), key=len)
    pixels = encoder.preprocess([cut(image, ViewBox()) for image in images])

    def bare_images() -> None:
        for start in range(0, COUNT, 32):
            towers.vision(pixels[start : start + 32])

    def bare_texts() -> None:
        for start in range(0, len(ids), 32):
            towers.text(ids[start : start + 32])

    name = spec.split(":")[0]
    grid = [ViewRecipe().boxes(1, 1, b"")] * 16
    return [
        ratio(
            f"images, encoder / bare model, {name}",
            0.9,
            bare_images,
            lambda: encoder.encode_views(images, whole),
        ),
        ratio(
            f"texts, encoder / bare model, {name}",
            0.9,
            bare_texts,
            lambda: encoder.encode_texts(TEXTS),
        ),
        ratio(
            f"ten dense views / ten real, {name}",
            None,
            lambda: encoder.encode_dense_views(images[:16], grid),
            lambda: encoder.encode_views(images[:16], grid),
        ),
    ]


def ratio(name: str, bar: float | None, first: Callable[[], Any], second: Callable[[], Any]) -> Row:
    """Time both in turn; the ratio of the first's time to the second's, as a median of pairs."""
    pairs = []
    first(), second()
    for _ in range(ROUNDS):
        times = []
        for call in (first, second):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        pairs.append(times)
    value = statistics.median(a / b for a, b in pairs)
    first_s, second_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Row(
        name,
        value,
        bar,
        raw={"first_s": first_s, "second_s": second_s},
        sizes={"items": COUNT},
        at_least=True,
    )


def fidelity(images: list[Any]) -> Row:
    """How near ``mini``'s pooled views come to the same crops encoded alone: mean cosine."""
    encoder = load_encoder("mini")
    boxes = ViewRecipe().boxes(1, 1, b"")
    dense = encoder.encode_views(images[:24], [boxes] * 24)
    crops = [cut(image, box) for image in images[:24] for box in boxes]
    real = encoder.encode_views(crops, [(ViewBox(),)] * len(crops))[:, 0].reshape(dense.shape)
    cosine = float(np.mean((dense[:, 1:] * real[:, 1:]).sum(-1)))
    other = float(np.mean((dense[:, 1:] * np.roll(real[:, 1:], 1, axis=1)).sum(-1)))
    return Row(
        "mini: pooled view · the crop alone (cosine)",
        cosine,
        None,
        raw={"another_view": other},
        sizes={"images": 24},
        at_least=True,
    )
