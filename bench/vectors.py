"""Synthetic galleries with the spread of CLIP: streamed to disk, the same from the same seed.

A direction that all images share, one that all texts share, a low-rank latent of each image, and
noise. Cosines from caption to view come out between 0.05 and 0.4 (mean 0.18), between views of one
image from 0.7 to 0.95, between images around 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stitch_cir.gallery import Codes, Ids, ViewMatrix, write_codes

RANK = 64
BLOCK = 4096
NOISE = 1 << 14
MODALITIES = 0.35
"""Cosine of the directions that all pictures and all texts share."""
# squares sum to 1: modality, image or wanted image, own latent, noise
VIEW = np.sqrt(np.array([0.50, 0.34, 0.10, 0.06], dtype=np.float32))
CAPTION = np.sqrt(np.array([0.52, 0.25, 0.08, 0.15], dtype=np.float32))


class Captions(NamedTuple):
    """A query: vectors (K, d) float32 unit rows and weights (K,) float32 of sum 1."""

    vectors: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class World:
    """The directions that images and texts are made of, and a pool of noise."""

    dim: int
    images: np.ndarray
    texts: np.ndarray
    latent: np.ndarray
    noise: np.ndarray

    @classmethod
    def make(cls, dim: int) -> World:
        random = np.random.default_rng(0)
        axes = np.linalg.qr(random.standard_normal((dim, RANK + 2)))[0].T.astype(np.float32)
        texts = MODALITIES * axes[0] + np.sqrt(1 - MODALITIES**2) * axes[1]
        noise = units(random.standard_normal((NOISE, dim), np.float32))
        return cls(dim, axes[0], texts.astype(np.float32), axes[2:], noise)

    def views(self, block: int, sets: int, count: int) -> np.ndarray:
        """Make view sets (sets, count, d) float32 unit rows; ``block`` is the seed."""
        random = np.random.default_rng((block, 1))
        image = units(random.standard_normal((sets, 1, RANK), np.float32))
        spread = units(random.standard_normal((sets, count, RANK), np.float32))
        # some crops look much like the whole image, others less
        spread *= random.uniform(0.4, 1.5, (sets, count, 1)).astype(np.float32)
        noise = VIEW[3] * self.noise[random.integers(0, NOISE, (sets, count))]
        return units(
            VIEW[0] * self.images + (VIEW[1] * image + VIEW[2] * spread) @ self.latent + noise
        )

    def query(self, seed: int, count: int = 5) -> Captions:
        """Make a query of ``count`` captions."""
        random = np.random.default_rng((seed, 2))
        target = units(random.standard_normal((1, RANK), np.float32))
        spread = units(random.standard_normal((count, RANK), np.float32))
        noise = CAPTION[3] * units(random.standard_normal((count, self.dim), np.float32))
        mixed = (CAPTION[1] * target + CAPTION[2] * spread) @ self.latent
        vectors = units(CAPTION[0] * self.texts + mixed + noise)
        return Captions(vectors, np.full(count, 1 / count, np.float32))


def write_matrix(world: World, folder: Path, sets: int, views: int) -> ViewMatrix:
    """Stream a gallery into ``folder`` as the cache holds it, and map it."""
    folder.mkdir()
    means = np.empty((sets, world.dim), np.float32)
    with (folder / "vectors").open("wb") as stream:
        for start in range(0, sets, BLOCK):
            made = world.views(start // BLOCK, min(BLOCK, sets - start), views)
            stream.write(made.tobytes())
            means[start : start + BLOCK] = made.mean(axis=1)
    lengths = np.linalg.norm(means, axis=1)
    (folder / "means").write_bytes((means / lengths[:, None]).tobytes())
    (folder / "lengths").write_bytes(lengths.tobytes())
    vectors = np.memmap(folder / "vectors", "<f4", "r", shape=(sets * views, world.dim))
    write_codes(folder, vectors, np.arange(sets + 1) * views, means.mean(axis=0))
    return open_matrix(folder, sets, views, world.dim)


def open_matrix(folder: Path, sets: int, views: int, dim: int) -> ViewMatrix:
    """Map what ``write_matrix`` wrote."""
    count = sets * views
    return ViewMatrix(
        Ids.of(f"{number:07}" for number in range(sets)),
        np.memmap(folder / "vectors", "<f4", "r", shape=(count, dim)),
        np.arange(sets + 1) * views,
        np.zeros(count, np.uint8),
        np.memmap(folder / "means", "<f4", "r", shape=(sets, dim)),
        1,
        np.fromfile(folder / "lengths", "<f4"),
        Codes(
            np.memmap(folder / "codes", np.uint8, "r", shape=(count, dim)),
            np.memmap(folder / "scales", "<f4", "r", shape=(count,)),
            np.fromfile(folder / "errors", "<f4").reshape(-1, 2),
            np.fromfile(folder / "centre", "<f4"),
        ),
    )


def first(matrix: ViewMatrix, sets: int) -> ViewMatrix:
    """Return the gallery of the first ``sets`` sets, without copying."""
    views = int(matrix.offsets[sets])
    assert matrix.codes is not None
    assert matrix.lengths is not None
    codes = matrix.codes
    return replace(
        matrix,
        ids=matrix.ids[:sets],
        vectors=matrix.vectors[:views],
        offsets=matrix.offsets[: sets + 1],
        kinds=matrix.kinds[:views],
        means=matrix.means[:sets],
        lengths=matrix.lengths[:sets],
        codes=Codes(codes.codes[:views], codes.scales[:views], codes.errors[:sets], codes.centre),
    )


def units(rows: np.ndarray) -> np.ndarray:
    """Divide rows by their lengths."""
    rows = np.asarray(rows, dtype=np.float32)
    rows /= np.sqrt(np.einsum("...d,...d->...", rows, rows))[..., None]
    return rows
