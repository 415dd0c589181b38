"""What a gallery goes through under faults: each scene prepares a folder and does one thing to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from tests.conftest import COLOURS

SETTINGS = st.SearchSettings(k=5)
QUERIES = (("a.png", "in blue"), (None, "green and yellow"), ("c.png", None))


@dataclass(frozen=True)
class Scene:
    """``prepare`` makes a folder once; ``act`` is what a fault interrupts; ``resume`` what a user
    does afterwards, until the gallery is what an undisturbed ``act`` makes of it."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], None]
    resume: Callable[[Path], None]


def draw(path: Path, left: str, right: str, size: int = 40) -> None:
    """Save an image of two colours, half and half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (size, size), COLOURS[left])
    image.paste(COLOURS[right], (size // 2, 0, size, size))
    image.save(path)


def images(root: Path) -> None:
    """Draw seven images, two of the same content, and captions of two."""
    pairs = ("red blue", "green yellow", "black white", "blue blue", "white green", "yellow red")
    for name, pair in zip("abcdef", pairs, strict=True):
        draw(root / "images" / f"{name}.png", *pair.split())  # type: ignore[arg-type]
    shutil.copy(root / "images/a.png", root / "images/copy.png")
    lines = [{"id": "a.png", "captions": ["red and blue"]}, {"id": "d.png", "captions": ["blue"]}]
    (root / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")


def index(root: Path, *, captions: bool = True) -> None:
    """Index with small batches, so that there are several commits to interrupt."""
    index_folder(
        root / "images",
        root / "images/.stitch",
        encoder=HashEncoder(),
        captions=root / "captions.jsonl" if captions else None,
        batch_size=2,
        workers=1,
    )


def indexed(root: Path) -> None:
    images(root)
    index(root)
    search(root)


def changed(root: Path) -> None:
    """An indexed folder in which one image changed, one is gone and two are new."""
    indexed(root)
    draw(root / "images/b.png", "white", "red", size=52)
    (root / "images/e.png").unlink()
    draw(root / "images/g.png", "green", "red")
    draw(root / "images/h.png", "black", "yellow")


def without_cache(root: Path) -> None:
    images(root)
    index(root)
    shutil.rmtree(root / "images/.stitch/cache", ignore_errors=True)


def search(root: Path) -> None:
    """Open and search, which packs the cache."""
    rankings(root)


def rebuild(root: Path) -> None:
    index_folder(
        root / "images",
        root / "images/.stitch",
        encoder=HashEncoder(),
        captions=root / "captions.jsonl",
        rebuild=True,
        batch_size=2,
        workers=1,
    )


def content(left: str, right: str) -> bytes:
    import io

    stream = io.BytesIO()
    image = Image.new("RGB", (40, 40), COLOURS[left])
    image.paste(COLOURS[right], (20, 0, 40, 40))
    image.save(stream, "PNG")
    return stream.getvalue()


NEW = (("new.png", content("green", "black")), ("other.png", content("white", "yellow")))
NEW_CAPTIONS = (("green and black",), ())


def add(root: Path) -> None:
    """Add two images by hand, one with a caption."""
    Gallery.open(root / "images/.stitch", encoder=HashEncoder()).add(NEW, captions=NEW_CAPTIONS)


def add_again(root: Path) -> None:
    """What a client does that got no answer: look whether they are there, else send them again."""
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        there = {id for id in gallery.ids if id.startswith("added/")}
    if not there:
        add(root)
    index(root, captions=False)


def added(root: Path) -> None:
    indexed(root)
    add(root)


def remove(root: Path) -> None:
    """Take out an added image and one of the folder."""
    Gallery.open(root / "images/.stitch").remove("added/new.png")
    Gallery.open(root / "images/.stitch").remove("b.png")


def remove_again(root: Path) -> None:
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        left = [id for id in ("added/new.png", "b.png") if id in gallery.ids]
    for id in left:
        Gallery.open(root / "images/.stitch").remove(id)
    index(root, captions=False)


def rankings(root: Path) -> list[list[tuple[str, float]]]:
    """Rank every query: what no fault may change silently."""
    answers = []
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        for reference, text in QUERIES:
            results = st.search(gallery, reference=reference, text=text or "", settings=SETTINGS)
            answers.append([(hit.id, round(hit.score, 6)) for hit in results])
    return answers


def state(root: Path) -> dict[str, object]:
    """Return everything of a gallery that a user can see."""
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        facts: dict[str, object] = {
            id: (
                gallery.captions(id),
                [view.vector.tobytes().hex()[:32] for view in gallery.views(id)],
            )
            for id in gallery.ids
        }
    files = sorted(
        path.relative_to(root / "images").as_posix()
        for path in (root / "images").rglob("*")
        if path.is_file() and ".stitch" not in path.parts
    )
    return {"items": facts, "files": files, "rankings": rankings(root)}


SCENES = {
    scene.name: scene
    for scene in (
        Scene("first index", images, index, index),
        Scene("index again", changed, index, index),
        Scene("rebuild", indexed, rebuild, rebuild),
        Scene("pack the cache", without_cache, search, search),
        Scene("add", indexed, add, add_again),
        Scene("remove", added, remove, remove_again),
    )
}
