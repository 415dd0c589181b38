"""Queries and all their right answers, drawn from the design."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from stitch_cir.benchmarks.stamps._catalogue import Catalogue
from stitch_cir.benchmarks.stamps._design import SPLITS, Family, Size, generator
from stitch_cir.benchmarks.stamps._scene import KINDS, Picture, Scene
from stitch_cir.benchmarks.stamps._wording import say, shared_concept
from stitch_cir.errors import SettingError

__all__ = ["Wish", "annotate"]


@dataclass(frozen=True, slots=True)
class Wish:
    """A reference and the change of one attribute that is asked for."""

    reference: Picture
    kind: str
    value: str | int

    @property
    def wanted(self) -> Scene:
        """The scene of every right answer."""
        return self.reference.scene.changed(self.kind, self.value)


def annotate(
    families: Sequence[Family],
    pictures: Sequence[Picture],
    catalogue: Catalogue,
    size: Size,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """Give CIRCO's records for both splits: ``size.queries`` each, the five kinds alike.

    The right answers are *all* pictures of the gallery, of whatever family, whose scene equals the
    reference's with exactly the asked change.

    Raises ``SettingError`` when the design has fewer different queries of a kind.
    """
    by_scene: dict[Scene, list[Picture]] = {}
    for picture in pictures:
        by_scene.setdefault(picture.scene, []).append(picture)
    annotations = {}
    for split_number, split in enumerate(SPLITS):
        own = [family for family in families if family.split == split]
        wishes = []
        for kind_number, kind in enumerate(KINDS):
            quota = size.queries // len(KINDS) + (kind_number < size.queries % len(KINDS))
            wishes += _choose(own, kind, quota, by_scene, (seed, 5, split_number, kind_number))
        random = generator(seed, 6, split_number)
        order = random.permutation(len(wishes))
        records = []
        for number, place in enumerate(order):
            wish = wishes[int(place)]
            answers = sorted(picture.id for picture in by_scene[wish.wanted])
            target = answers[int(random.integers(len(answers)))]
            scene = wish.reference.scene
            records.append(
                {
                    "id": number,
                    "reference_img_id": wish.reference.id,
                    "relative_caption": say(scene, wish.kind, wish.value, catalogue, random),
                    "shared_concept": shared_concept(scene, catalogue),
                    "target_img_id": target,
                    "gt_img_ids": [target, *(id for id in answers if id != target)],
                    "semantic_aspects": [wish.kind],
                }
            )
        annotations[split] = records
    return annotations


def _choose(
    families: Sequence[Family],
    kind: str,
    quota: int,
    by_scene: dict[Scene, list[Picture]],
    key: tuple[int, ...],
) -> list[Wish]:
    """Take from each family in turn, and within it from each pair of cells in turn."""
    queues = [
        list(_of_family(family, kind, by_scene, (*key, family.number)))
        for family in families
        if kind in family.levels
    ]
    dealt = [wish for turn in zip_longest(*queues) for wish in turn if wish is not None]
    if len(dealt) < quota:
        raise SettingError(
            f"The design has {len(dealt)} different queries of the kind {kind!r} a split; {quota} "
            "are asked for.",
            hint="Ask for fewer queries, or for more families.",
        )
    return dealt[:quota]


def _of_family(
    family: Family, kind: str, by_scene: dict[Scene, list[Picture]], key: tuple[int, ...]
) -> Iterator[Wish]:
    pairs = [
        (cell, getattr(other, kind))
        for cell in family.cells
        for other in family.cells
        if cell.differs(other) == (kind,)
    ]
    order = generator(*key).permutation(len(pairs))
    depth = max(len(by_scene[cell]) for cell in family.cells)
    for layer in range(depth):
        for place in order:
            cell, value = pairs[int(place)]
            of_cell = [one for one in by_scene[cell] if one.family == family.number]
            if layer < len(of_cell):
                yield Wish(of_cell[layer], kind, value)
