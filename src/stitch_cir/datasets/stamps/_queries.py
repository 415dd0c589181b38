"""Queries and all their right answers, drawn from the design."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from stitch_cir.datasets.stamps._catalogue import Catalogue
from stitch_cir.datasets.stamps._design import SPLITS, Family, Size, generator
from stitch_cir.datasets.stamps._scene import KINDS, SceneImage, StampScene
from stitch_cir.datasets.stamps._wording import phrase_modification, shared_concept
from stitch_cir.errors import SettingError

__all__ = ["Modification", "annotate"]


@dataclass(frozen=True, slots=True)
class Modification:
    """A reference and the requested change of an attribute."""

    reference: SceneImage
    kind: str
    value: str | int

    @property
    def target_scene(self) -> StampScene:
        """The scene of every right answer."""
        return self.reference.scene.changed(self.kind, self.value)


def annotate(
    families: Sequence[Family],
    images: Sequence[SceneImage],
    catalogue: Catalogue,
    size: Size,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return CIRCO's records for both splits: ``size.queries`` each, the five kinds alike.

    The right answers are *all* images of the gallery, of any family, whose scene equals the
    reference's with exactly the requested change.

    Raises ``SettingError`` when the design has fewer different queries of a kind.
    """
    by_scene: dict[StampScene, list[SceneImage]] = {}
    for image in images:
        by_scene.setdefault(image.scene, []).append(image)
    annotations = {}
    for split_number, split in enumerate(SPLITS):
        of_split = [family for family in families if family.split == split]
        modifications = []
        for kind_number, kind in enumerate(KINDS):
            quota = size.queries // len(KINDS) + (kind_number < size.queries % len(KINDS))
            modifications += _choose(
                of_split, kind, quota, by_scene, (seed, 5, split_number, kind_number)
            )
        random = generator(seed, 6, split_number)
        order = random.permutation(len(modifications))
        records = []
        for number, index in enumerate(order):
            modification = modifications[int(index)]
            answers = sorted(image.id for image in by_scene[modification.target_scene])
            target = answers[int(random.integers(len(answers)))]
            scene = modification.reference.scene
            records.append(
                {
                    "id": number,
                    "reference_img_id": modification.reference.id,
                    "relative_caption": phrase_modification(
                        scene, modification.kind, modification.value, catalogue, random
                    ),
                    "shared_concept": shared_concept(scene, catalogue),
                    "target_img_id": target,
                    "gt_img_ids": [target, *(id for id in answers if id != target)],
                    "semantic_aspects": [modification.kind],
                }
            )
        annotations[split] = records
    return annotations


def _choose(
    families: Sequence[Family],
    kind: str,
    quota: int,
    by_scene: dict[StampScene, list[SceneImage]],
    key: tuple[int, ...],
) -> list[Modification]:
    """Take from each family in turn, and within it from each pair of cells in turn."""
    queues = [
        list(_of_family(family, kind, by_scene, (*key, family.number)))
        for family in families
        if kind in family.levels
    ]
    taken = [each for turn in zip_longest(*queues) for each in turn if each is not None]
    if len(taken) < quota:
        raise SettingError(
            f"The design has {len(taken)} different queries of the kind {kind!r} a split; {quota} "
            "are asked for.",
            hint="Ask for fewer queries, or for more families.",
        )
    return taken[:quota]


def _of_family(
    family: Family, kind: str, by_scene: dict[StampScene, list[SceneImage]], key: tuple[int, ...]
) -> Iterator[Modification]:
    """Yield the family's modifications of a kind in random order, each cell's images in turn."""
    pairs = [
        (cell, getattr(other, kind))
        for cell in family.cells
        for other in family.cells
        if cell.differs(other) == (kind,)
    ]
    order = generator(*key).permutation(len(pairs))
    depth = max(len(by_scene[cell]) for cell in family.cells)
    for layer in range(depth):
        for index in order:
            cell, value = pairs[int(index)]
            of_cell = [image for image in by_scene[cell] if image.family == family.number]
            if layer < len(of_cell):
                yield Modification(of_cell[layer], kind, value)
