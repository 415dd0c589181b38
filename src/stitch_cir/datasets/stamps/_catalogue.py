"""Which stamps show what: the curated list of names, checked against the stamps' captions."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from PIL import Image

from stitch_cir.errors import NotFoundError, RecordError

__all__ = ["HOW_TO_GET", "Catalogue", "NamedObject", "ObjectNames", "load_catalogue", "load_names"]

HOW_TO_GET = (
    "They are Debian's package tuxpaint-stamps-default (GPL-2): run `python "
    "scripts/fetch_stamps.py demo` (no root needed) and give --stamps demo/stamps, or install the "
    "package and give --stamps /usr/share/tuxpaint/stamps."
)


@dataclass(frozen=True, slots=True)
class NamedObject:
    """A nameable object: ``recolour`` is "hue", "tint" or None (natural colours only)."""

    name: str
    plural: str
    stamps: tuple[str, ...]
    recolour: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Objects by role, the stamps' folder, sizes of the cut-outs and a digest of all their bytes.

    ``sizes``: (width, height) in pixels of each stamp once its transparent border is cut away.
    """

    folder: Path
    coloured: tuple[NamedObject, ...]
    natural: tuple[NamedObject, ...]
    landmarks: tuple[NamedObject, ...]
    sizes: dict[str, tuple[int, int]]
    digest: str

    def object(self, name: str) -> NamedObject:
        """Return the object of that name."""
        objects = (*self.coloured, *self.natural, *self.landmarks)
        return next(item for item in objects if item.name == name)


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """The names of the objects, without their stamps."""

    objects: tuple[NamedObject, ...]

    def object(self, name: str) -> NamedObject:
        """Return the object of that name."""
        return next(item for item in self.objects if item.name == name)


def load_names() -> ObjectNames:
    """Return the names of the listed objects; no stamp is opened."""
    entries = json.loads(files(__package__).joinpath("objects.json").read_text(encoding="utf-8"))
    return ObjectNames(
        tuple(
            NamedObject(
                entry["name"], entry["plural"], tuple(entry["stamps"]), entry.get("recolour")
            )
            for entry in entries["objects"]
        )
    )


def load_catalogue(folder: Path) -> Catalogue:
    """Read the list of objects and check every stamp that it names.

    Raises ``NotFoundError`` for a missing folder or stamp, ``RecordError`` for a stamp whose
    caption does not name the object.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder of stamps {folder}.", hint=HOW_TO_GET)
    listed = json.loads(files(__package__).joinpath("objects.json").read_text(encoding="utf-8"))
    roles: dict[str, list[NamedObject]] = {"coloured": [], "natural": [], "landmark": []}
    sizes: dict[str, tuple[int, int]] = {}
    digest = hashlib.sha256()
    for entry in listed["objects"]:
        item = NamedObject(
            entry["name"], entry["plural"], tuple(entry["stamps"]), entry.get("recolour")
        )
        for stamp in item.stamps:
            names = (item.name, *entry.get("also", ()))
            sizes[stamp] = _check_stamp(folder, stamp, names, digest)
        subject = "natural" if item.recolour is None else "coloured"
        roles["landmark" if entry["role"] == "landmark" else subject].append(item)
    return Catalogue(
        folder,
        tuple(roles["coloured"]),
        tuple(roles["natural"]),
        tuple(roles["landmark"]),
        sizes,
        digest.hexdigest(),
    )


def _check_stamp(
    folder: Path, stamp: str, names: tuple[str, ...], digest: hashlib._Hash
) -> tuple[int, int]:
    """Return the cut-out's (width, height) in pixels, and feed the file's bytes to the digest."""
    path = folder / stamp
    caption = path.with_suffix(".txt")
    if not path.is_file() or not caption.is_file():
        raise NotFoundError(f"{path} or its caption .txt is missing.", hint=HOW_TO_GET)
    text = caption.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    plain = re.sub(r"[“”\"']", "", text).lower()
    if not any(re.search(rf"{re.escape(name.lower())}\b", plain) for name in names):
        raise RecordError(
            f"{caption} says {text!r}, which does not name {names[0]!r}.",
            hint="The stamps are of another version than the list expects.",
        )
    content = path.read_bytes()
    digest.update(f"{stamp}\0{len(content)}\0".encode() + content)
    with Image.open(path) as image:
        box = image.convert("RGBA").getchannel("A").getbbox()
    if box is None:
        raise RecordError(f"{path} is empty: every pixel is transparent.")
    return box[2] - box[0], box[3] - box[1]
