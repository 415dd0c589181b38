"""Making the benchmark's folder: images, annotations, attribute records, hashes, licence."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from stitch_cir.datasets._reader import parse_json
from stitch_cir.datasets.stamps._arrange import arrange
from stitch_cir.datasets.stamps._catalogue import Catalogue, load_catalogue
from stitch_cir.datasets.stamps._dataset import IMAGE_LIST, IMAGES, STAMPS
from stitch_cir.datasets.stamps._design import SIZES, Size, deal, design, generator
from stitch_cir.datasets.stamps._draw import Artist
from stitch_cir.datasets.stamps._paint import HEIGHT, WIDTH
from stitch_cir.datasets.stamps._queries import annotate
from stitch_cir.datasets.stamps._scene import SceneImage
from stitch_cir.errors import SettingError

__all__ = ["StampsReport", "make_stamps_benchmark", "plan"]

VERSION = 1
"""Of the generator: raised whenever the same seed gives other scenes, queries or pixels."""
NOTICE = """\
The images in images/ are composed of stamps of the Tux Paint project (Debian package
tuxpaint-stamps-default), Copyright 2002-2022 Bill Kendrick and contributors, licensed under the GNU
General Public License, version 2. They are derived works of those stamps and stand under the same
licence; the authors of each stamp are named in the package. Pass them on under it, or not at all.

Which stamps an image shows is written in scenes.jsonl.
"""


@dataclass(frozen=True, slots=True)
class StampsReport:
    """What was made: the folder, the counts of images, queries by split, and images drawn now."""

    root: Path
    images: int
    queries: dict[str, int]
    drawn: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {**asdict(self), "root": str(self.root)}

    def summary(self) -> str:
        """Return one line for people."""
        queries = ", ".join(f"{count:,} {split}" for split, count in self.queries.items())
        kept = f", {self.images - self.drawn:,} were there" if self.drawn < self.images else ""
        return (
            f"{self.root}: {self.images:,} images ({self.drawn:,} drawn{kept}), queries {queries}"
        )


def make_stamps_benchmark(
    out: Path | str,
    stamps: Path | str,
    size: str | Size = "small",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> StampsReport:
    """Make the benchmark in ``out``, or finish it there.

    The same size, seed, stamps and library versions give the same bytes. An interrupted run is
    resumed; a finished one is checked, and images that changed are drawn again. ``progress`` is
    called with (images done, images in all).

    Raises ``SettingError`` for an unknown size or a folder that holds something else,
    ``NotFoundError`` without stamps, ``RecordError`` where they are of another version.
    """
    if isinstance(size, str):
        if size not in SIZES:
            raise SettingError(f"There is no size {size!r}.", hint=f"Sizes: {', '.join(SIZES)}.")
        size = SIZES[size]
    if seed < 0:
        raise SettingError(f"The seed is {seed}.", hint="It must be at least 0.")
    root = Path(out)
    catalogue = load_catalogue(Path(stamps))
    images, annotations = plan(catalogue, size, seed)
    recipe = _recipe(catalogue, size, seed)
    _claim(root, recipe)
    drawn, hashes = _draw(root, images, Artist(catalogue, seed), progress)
    _write_records(root, images, annotations, catalogue)
    # written last: its presence says that the folder is complete
    _save(root / "checksums.txt", "".join(f"{h}  {name}\n" for name, h in hashes.items()))
    return StampsReport(
        root, len(images), {split: len(records) for split, records in annotations.items()}, drawn
    )


def plan(
    catalogue: Catalogue, size: Size, seed: int
) -> tuple[list[SceneImage], dict[str, list[dict[str, Any]]]]:
    """Plan every image and, by split, every query with its answers, before any is drawn.

    Scenes and queries depend on the objects' names only, not on the stamps' pixels.
    """
    families = design(catalogue, size, seed)
    images = [
        SceneImage(
            number,
            scene,
            arrange(scene, catalogue, generator(seed, 3, number)),
            family.number,
            family.split,
        )
        for number, (family, scene) in enumerate(deal(families, size, seed), 1)
    ]
    return images, annotate(families, images, catalogue, size, seed)


def _recipe(catalogue: Catalogue, size: Size, seed: int) -> dict[str, Any]:
    return {
        "benchmark": STAMPS.name,
        "version": VERSION,
        "size": size.name,
        "images": size.images,
        "queries": size.queries,
        "families": size.families,
        "levels": size.levels,
        "seed": seed,
        "stamps_sha256": catalogue.digest,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def _claim(root: Path, recipe: dict[str, Any]) -> None:
    """Record what is being made; refuse a folder that holds anything else."""
    file = root / "recipe.json"
    try:
        (root / IMAGES).mkdir(parents=True, exist_ok=True)
        (root / "annotations").mkdir(exist_ok=True)
        if file.is_file():
            earlier = parse_json(file.read_bytes(), str(file))
            other = sorted(
                name for name in {*recipe, *earlier} if recipe.get(name) != earlier.get(name)
            )
            if other:
                raise SettingError(
                    f"{root} holds a benchmark of another {', '.join(other)}.",
                    hint="Choose another folder, or remove this one.",
                )
        elif any((root / IMAGES).iterdir()):
            raise SettingError(
                f"{root / IMAGES} holds images that this command did not make.",
                hint="Choose an empty or a new folder.",
            )
        _save(file, json.dumps(recipe, indent=1) + "\n")
    except OSError as error:
        raise SettingError(
            f"{root} cannot be written: {error.strerror or error}.", hint="Choose another folder."
        ) from error


def _draw(
    root: Path,
    images: Sequence[SceneImage],
    artist: Artist,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, dict[str, str]]:
    """Draw what is missing or changed; return the number drawn and every file's SHA-256."""
    recorded = _checksums(root / "checksums.txt")
    drawn, hashes = 0, {}
    for number, image in enumerate(images, 1):
        name = f"{IMAGES}/{image.file_name}"
        path = root / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        if digest is None or recorded.get(name, digest) != digest:
            part = path.with_suffix(".part")
            artist.draw(image).save(part, "JPEG", quality=90, subsampling=0)
            digest = hashlib.sha256(part.read_bytes()).hexdigest()
            part.replace(path)
            drawn += 1
        hashes[name] = digest
        if progress is not None:
            progress(number, len(images))
    return drawn, hashes


def _checksums(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _write_records(
    root: Path,
    images: Sequence[SceneImage],
    annotations: dict[str, list[dict[str, Any]]],
    catalogue: Catalogue,
) -> None:
    for split, records in annotations.items():
        _save(root / f"annotations/{split}.json", json.dumps(records, indent=1) + "\n")
    listed = [
        {"id": image.id, "file_name": image.file_name, "width": WIDTH, "height": HEIGHT}
        for image in images
    ]
    _save(root / IMAGE_LIST, json.dumps({"images": listed}) + "\n")
    lines = "".join(json.dumps(image.to_dict()) + "\n" for image in images)
    _save(root / "scenes.jsonl", lines)
    _save(root / "NOTICE", NOTICE)
    for licence in (
        catalogue.folder.parent / "LICENSE-stamps",
        Path("/usr/share/doc/tuxpaint-stamps-default/copyright"),
    ):
        if licence.is_file():
            shutil.copyfile(licence, root / "LICENSE-stamps")
            break


def _save(path: Path, text: str) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
