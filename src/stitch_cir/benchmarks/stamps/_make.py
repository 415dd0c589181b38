"""Making the benchmark's folder: pictures, annotations, attribute records, hashes, licence."""

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

from stitch_cir.benchmarks._files import parse_json
from stitch_cir.benchmarks.stamps._arrange import arrange
from stitch_cir.benchmarks.stamps._catalogue import Catalogue, load_catalogue
from stitch_cir.benchmarks.stamps._design import SIZES, Size, deal, design, generator
from stitch_cir.benchmarks.stamps._draw import Artist
from stitch_cir.benchmarks.stamps._paint import HEIGHT, WIDTH
from stitch_cir.benchmarks.stamps._queries import annotate
from stitch_cir.benchmarks.stamps._scene import Picture
from stitch_cir.errors import SettingError

__all__ = ["FOLDER", "IMAGES", "INFO", "Made", "make_stamps_benchmark", "plan"]

FOLDER = "STAMPS"
IMAGES = "images"
INFO = "annotations/image_info_stamps.json"
VERSION = 1
"""Of the generator: raised whenever the same seed gives other scenes, queries or pictures."""
NOTICE = """\
The pictures in images/ are composed of stamps of the Tux Paint project (Debian package
tuxpaint-stamps-default), Copyright 2002-2022 Bill Kendrick and contributors, licensed under the GNU
General Public License, version 2. They are derived works of those stamps and stand under the same
licence; the authors of each stamp are named in the package. Pass them on under it, or not at all.

Which stamps a picture shows is written in scenes.jsonl.
"""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the folder, how many images and queries by split, how many were drawn now."""

    root: Path
    images: int
    queries: dict[str, int]
    drawn: int

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-ready data."""
        return {**asdict(self), "root": str(self.root)}

    def summary(self) -> str:
        """One line for people."""
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
) -> Made:
    """Make the benchmark in ``out``, or finish it there.

    The same size, seed, stamps and library versions give the same bytes. A run that was stopped
    goes on where it was; a finished one is checked, and pictures that changed are drawn again.
    ``progress`` is told (images done, of how many).

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
    pictures, annotations = plan(catalogue, size, seed)
    recipe = _recipe(catalogue, size, seed)
    _claim(root, recipe)
    drawn, hashes = _draw(root, pictures, Artist(catalogue, seed), progress)
    _write_records(root, pictures, annotations, catalogue)
    # written last: its presence says that the folder is complete
    _save(root / "checksums.txt", "".join(f"{h}  {name}\n" for name, h in hashes.items()))
    return Made(root, len(pictures), {split: len(own) for split, own in annotations.items()}, drawn)


def plan(
    catalogue: Catalogue, size: Size, seed: int
) -> tuple[list[Picture], dict[str, list[dict[str, Any]]]]:
    """Decide every picture and, by split, every query with its answers, before any is drawn.

    Scenes and queries depend on the things' names only, not on the stamps' pixels.
    """
    families = design(catalogue, size, seed)
    pictures = [
        Picture(
            number,
            scene,
            arrange(scene, catalogue, generator(seed, 3, number)),
            family.number,
            family.split,
        )
        for number, (family, scene) in enumerate(deal(families, size, seed), 1)
    ]
    return pictures, annotate(families, pictures, catalogue, size, seed)


def _recipe(catalogue: Catalogue, size: Size, seed: int) -> dict[str, Any]:
    return {
        "benchmark": "stamps",
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
    """Write down what is being made; refuse a folder that holds anything else."""
    place = root / "recipe.json"
    try:
        (root / IMAGES).mkdir(parents=True, exist_ok=True)
        (root / "annotations").mkdir(exist_ok=True)
        if place.is_file():
            found = parse_json(place.read_bytes(), str(place))
            other = sorted(
                name for name in {*recipe, *found} if recipe.get(name) != found.get(name)
            )
            if other:
                raise SettingError(
                    f"{root} holds a benchmark of another {', '.join(other)}.",
                    hint="Choose another folder, or remove this one.",
                )
        elif any((root / IMAGES).iterdir()):
            raise SettingError(
                f"{root / IMAGES} holds pictures that this command did not make.",
                hint="Choose an empty or a new folder.",
            )
        _save(place, json.dumps(recipe, indent=1) + "\n")
    except OSError as error:
        raise SettingError(
            f"{root} cannot be written: {error.strerror or error}.", hint="Choose another folder."
        ) from error


def _draw(
    root: Path,
    pictures: Sequence[Picture],
    artist: Artist,
    progress: Callable[[int, int], None] | None,
) -> tuple[int, dict[str, str]]:
    """Draw what is missing or changed; give the number drawn and every file's SHA-256."""
    known = _checksums(root / "checksums.txt")
    drawn, hashes = 0, {}
    for number, picture in enumerate(pictures, 1):
        name = f"{IMAGES}/{picture.file_name}"
        path = root / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        if digest is None or known.get(name, digest) != digest:
            part = path.with_suffix(".part")
            artist.draw(picture).save(part, "JPEG", quality=90, subsampling=0)
            digest = hashlib.sha256(part.read_bytes()).hexdigest()
            part.replace(path)
            drawn += 1
        hashes[name] = digest
        if progress is not None:
            progress(number, len(pictures))
    return drawn, hashes


def _checksums(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _write_records(
    root: Path,
    pictures: Sequence[Picture],
    annotations: dict[str, list[dict[str, Any]]],
    catalogue: Catalogue,
) -> None:
    for split, records in annotations.items():
        _save(root / f"annotations/{split}.json", json.dumps(records, indent=1) + "\n")
    images = [
        {"id": picture.id, "file_name": picture.file_name, "width": WIDTH, "height": HEIGHT}
        for picture in pictures
    ]
    _save(root / INFO, json.dumps({"images": images}) + "\n")
    lines = "".join(json.dumps(picture.to_dict()) + "\n" for picture in pictures)
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
