"""Dense views: the vector of a region as the mean of the patches it covers.

The idea is MaskCLIP's (Zhou et al., ECCV 2022): patch tokens of CLIP's last layer, taken through
the same final norm and projection as the class token, lie near the words for what is there. One
forward pass then serves all regions of an image, at the price of fidelity: a patch has seen its
surroundings, and a real crop has more pixels. ``python -m bench encoders`` measures both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders._protocol import DenseEncoder, DualEncoder
from stitch_cir.encoders.clip import Geometry
from stitch_cir.errors import SettingError
from stitch_cir.views import ViewBox, ViewRecipe

__all__ = ["check_recipe", "coverage", "encode_set", "pool_patches"]

_WHOLE = (0.0, 0.0, 1.0, 1.0)


def check_recipe(encoder: DualEncoder, recipe: ViewRecipe) -> None:
    """Raise ``SettingError`` when the recipe is dense and the encoder gives no patch vectors."""
    if recipe.kind == "dense" and not (isinstance(encoder, DenseEncoder) and encoder.has_patches):
        raise SettingError(
            f"The encoder {encoder.name} gives no patch vectors, which dense views need.",
            hint="Use --view-kind grid or random.",
        )


def encode_set(
    encoder: DualEncoder,
    recipe: ViewRecipe,
    images: Sequence[Image.Image],
    boxes: Sequence[Sequence[ViewBox]],
) -> NDArray[np.float32]:
    """Encode view sets the recipe's way, as real crops or densely: (n, M, d) float32.

    Raises ``SettingError`` when the recipe is dense and the encoder gives no patch vectors.
    """
    check_recipe(encoder, recipe)
    if recipe.kind == "dense" and isinstance(encoder, DenseEncoder):
        return encoder.encode_dense_views(images, boxes)
    return encoder.encode_views(images, boxes)


def pool_patches(
    whole: NDArray[np.float32],
    patches: NDArray[np.float32],
    boxes: Sequence[ViewBox],
    geometry: Geometry,
) -> NDArray[np.float32]:
    """Pool the boxes of one image: (M, d) float32, rows not normalised.

    ``whole`` (d,) is the vector of the whole image and stands for the box that covers it;
    ``patches`` (g², d) are made unit before they are averaged by covered area. Mirroring a box does
    not change what it covers.
    """
    grid = round(len(patches) ** 0.5)
    length = np.linalg.norm(patches, axis=1, keepdims=True)
    unit = patches / np.maximum(length, 1e-12)
    vectors = np.empty((len(boxes), len(whole)), np.float32)
    for number, box in enumerate(boxes):
        if (box.x0, box.y0, box.x1, box.y1) == _WHOLE:
            vectors[number] = whole
            continue
        across = coverage(box.x0, box.x1, geometry.scale_x, geometry.shift_x, grid)
        down = coverage(box.y0, box.y1, geometry.scale_y, geometry.shift_y, grid)
        vectors[number] = np.outer(down, across).ravel() @ unit
    return vectors


def coverage(low: float, high: float, scale: float, shift: float, grid: int) -> NDArray[np.float32]:
    """Return how much of each of ``grid`` patches a span covers: (grid,) float32, sum 1.

    A span that was cropped away takes the nearest patch.
    """
    start, end = (low * scale + shift) * grid, (high * scale + shift) * grid
    edges = np.arange(grid + 1)
    covered = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    covered = np.maximum(covered, 0.0)
    if covered.sum() <= 1e-9:
        middle = min(max((start + end) / 2, 0.0), grid - 1e-6)
        covered[int(middle)] = 1.0
    return np.asarray(covered / covered.sum(), dtype=np.float32)
