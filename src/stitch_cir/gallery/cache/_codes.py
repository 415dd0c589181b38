"""The view vectors in eight bits, with how far off each set is: for scans that only need bounds.

A view v is written as ``μ + a · c``: μ the mean of all views (the direction that all images
share costs no precision), a a scale of its own, c whole numbers within ±127, stored with an offset
of 128. What is lost, ‖v − μ − a c‖, is measured and kept, so that a scan can bound every similarity
by Cauchy and Schwarz instead of trusting it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODE_FILES", "Codes", "map_codes", "write_codes"]

CODE_FILES = ("codes", "scales", "errors", "centre")
STEPS = 127
OFFSET = 128
BLOCK = 4096
"""Views coded at a time."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Eight-bit view vectors; the arrays cannot be written.

    ``codes``: (T, d) uint8, whole numbers + 128; ``scales``: (T,) float32 > 0; ``centre``: (d,)
    float32; ``errors``: (n, 2) float32, for each set the largest ‖v − centre − scale · c‖ of its
    views, and the largest ‖scale · c‖, both rounded up.
    """

    codes: NDArray[np.uint8] = field(repr=False)
    scales: NDArray[np.float32] = field(repr=False)
    errors: NDArray[np.float32] = field(repr=False)
    centre: NDArray[np.float32] = field(repr=False)


def write_codes(
    folder: Path,
    vectors: NDArray[np.float32],
    offsets: NDArray[np.int64],
    centre: NDArray[np.floating],
) -> None:
    """Write the four files of ``CODE_FILES`` for ``vectors`` (T, d) into ``folder``.

    ``offsets`` (n + 1,) bound the sets, none empty; ``centre`` (d,) is any vector, best the mean.
    Raises ``OSError`` where nothing can be written.
    """
    centre = np.asarray(centre, dtype="<f4")
    (folder / "centre").write_bytes(centre.tobytes())
    worst = np.empty((len(vectors), 2), dtype=np.float32)
    with (folder / "codes").open("wb") as codes, (folder / "scales").open("wb") as scales:
        for start, (whole, scale, lost) in _coded(vectors, centre):
            codes.write(whole.tobytes())
            scales.write(scale.astype("<f4").tobytes())
            worst[start : start + len(lost)] = lost
    sets = np.maximum.reduceat(worst, offsets[:-1]) if len(offsets) > 1 else worst[:0]
    (folder / "errors").write_bytes(sets.astype("<f4").tobytes())


def _coded(
    vectors: NDArray[np.float32], centre: NDArray[np.float32]
) -> Iterator[tuple[int, tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]]]:
    dim = vectors.shape[1]
    for start in range(0, len(vectors), BLOCK):
        rest = vectors[start : start + BLOCK] - centre
        # vectors with NaN or infinity get no usable code; their bound says so, and they are scored
        with np.errstate(invalid="ignore"):
            scale = np.maximum(np.abs(rest).max(axis=1), np.float32(1e-30)) / np.float32(STEPS)
            whole = np.rint(rest / scale[:, None])
            codes = (whole + OFFSET).astype(np.uint8)
        whole *= scale[:, None]
        rest -= whole
        lost = np.stack([_lengths(rest), _lengths(whole)], axis=1)
        # float32 made these: three roundings of every element, and a sum of d squares
        lost *= np.float32(1.0 + dim * 2.0**-23)
        lost += np.float32(1e-6)
        yield start, (codes, scale, lost)


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("td,td->t", rows, rows))
    return lengths


def map_codes(folder: Path, images: int, views: int, dim: int) -> Codes:
    """Map the files of a gallery of ``images`` ≥ 1 sets and ``views`` views."""
    return Codes(
        np.memmap(folder / "codes", np.uint8, "r", shape=(views, dim)),
        np.memmap(folder / "scales", "<f4", "r", shape=(views,)),
        np.memmap(folder / "errors", "<f4", "r", shape=(images, 2)),
        np.memmap(folder / "centre", "<f4", "r", shape=(dim,)),
    )
