"""Encoders on a GPU against the same encoders on the CPU; skipped where torch sees no GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stitch_cir.encoders import load_encoder
from stitch_cir.errors import ModelError
from stitch_cir.gallery import Gallery, Ids, ViewMatrix, index_folder
from stitch_cir.ranking import Exhaustive, OnDevice, RankingProblem
from stitch_cir.searcher import SearchSettings, search
from stitch_cir.transport import Chamfer
from stitch_cir.views import ViewRecipe

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no CUDA device here"
)
TEXTS = ["a photo of a dog", "Two red cars on a street at NIGHT", "", "ein Hund am Strand 🐕"]
FLOAT32 = 1e-4
"""Largest difference of a unit vector's number between CPU and GPU in float32."""


def images() -> list[Image.Image]:
    random = np.random.default_rng(5)
    return [
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8))
        for size in ((40, 60, 3), (80, 50, 3), (33, 33, 3))
    ]


@pytest.fixture(params=["clip_folder", "siglip_folder"])
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def test_vectors_are_those_of_the_cpu(folder: Path) -> None:
    cpu = load_encoder(str(folder), device="cpu")
    gpu = load_encoder(str(folder), device="cuda")
    assert gpu.fingerprint == cpu.fingerprint
    np.testing.assert_allclose(gpu.encode_texts(TEXTS), cpu.encode_texts(TEXTS), atol=FLOAT32)
    boxes = [ViewRecipe().boxes(10, 10, b"")] * 3
    np.testing.assert_allclose(
        gpu.encode_views(images(), boxes), cpu.encode_views(images(), boxes), atol=FLOAT32
    )


def test_bf16_is_near(folder: Path) -> None:
    full = load_encoder(str(folder), device="cpu")
    half = load_encoder(str(folder), device="cuda", precision="bf16")
    cosines = (full.encode_texts(TEXTS) * half.encode_texts(TEXTS)).sum(1)
    assert cosines.min() > 0.99


def test_dense_views_are_those_of_the_cpu(clip_folder: Path) -> None:
    boxes = [ViewRecipe(kind="dense").boxes(10, 10, b"")] * 3
    cpu, gpu = (
        load_encoder(str(clip_folder), device=device).encode_dense_views(images(), boxes)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu, cpu, atol=FLOAT32)


def test_a_gallery_larger_than_a_gpus_memory_is_sent_in_blocks() -> None:
    """The limit is torch's own, so that what it raises is what a full GPU raises."""
    random = np.random.default_rng(3)
    vectors = random.standard_normal((1 << 14, 1024)).astype(np.float32)  # 64 MB
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    count = len(vectors) // 4
    matrix = ViewMatrix(
        Ids.of(f"{number:05}" for number in range(count)),
        vectors,
        np.arange(count + 1) * 4,
        np.zeros(len(vectors), np.uint8),
        vectors[::4].copy(),
        generation=1,
    )
    even = np.full(2, 0.5, np.float32)
    problem = RankingProblem(matrix, np.arange(count), vectors[:2].copy(), even, Chamfer())
    expected = Exhaustive().solve(problem, 7)
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    allowed = torch.cuda.memory_reserved() + (48 << 20)
    torch.cuda.set_per_process_memory_fraction(allowed / whole)
    try:
        solver = OnDevice("cuda", 1 << 40, block_bytes=1 << 20)
        ranking = solver.solve(problem, 7)
        assert solver.resident_count == 0
        with pytest.raises(ModelError, match="The memory of cuda is full"):
            OnDevice("cuda", 0, block_bytes=1 << 30).solve(problem, 7)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ranking.rows.tolist() == expected.rows.tolist()
    assert ranking.scores.tolist() == expected.scores.tolist()


def test_from_folder_to_answers(clip_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, image in enumerate(images()):
        image.save(folder / f"{number}.png")
    encoder = load_encoder(str(clip_folder), device="cuda")
    report = index_folder(folder, encoder=encoder)
    assert report.encoded == 3
    with Gallery.open(folder, encoder=encoder) as gallery:
        scores = [
            [
                (hit.id, hit.score)
                for hit in search(
                    gallery,
                    reference="0.png",
                    text="a red dress",
                    settings=SearchSettings(k=2, device=device),
                )
            ]
            for device in ("cpu", "cuda")
        ]
    # the vectors are the same ones: only the place where they are scored differs
    assert scores[0] == scores[1]
