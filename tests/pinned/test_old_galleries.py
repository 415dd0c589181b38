"""Galleries as every version since the first has written them: they open, answer and are brought up to date.

``galleries/schema-N.sql`` is a gallery that schema N holds. A file that is there is never written
again; with ``STITCH_PIN=1`` the one of the newest schema is written where it is missing.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import stitch_cir as st
from tests.pinned.gallery import paint_images
from tests.pinned.recording import TOLERANCE, WRITING

GALLERIES = Path(__file__).with_name("galleries")
FILES = sorted(GALLERIES.glob("schema-*.sql"))


def make_gallery(root: Path) -> Path:
    """Index nine images, two with captions, into a gallery that names no folder of this machine."""
    images = paint_images(root / "images")
    (root / "captions.jsonl").write_text('{"id": "red.png", "captions": ["a red square"]}\n')
    st.index_folder(
        images,
        encoder=st.load_encoder("test"),
        recipe=st.ViewRecipe(kind="grid", count=2),
        captions=root / "captions.jsonl",
    )
    return images


def dump(database: Path) -> str:
    """Return a database as SQL, the number of its schema at the end."""
    with closing(sqlite3.connect(database)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return "\n".join([*connection.iterdump(), f"PRAGMA user_version = {version};", ""])


def newest(root: Path) -> tuple[int, str]:
    """Return the number of the schema that is written today, and a gallery of it."""
    text = dump(make_gallery(root) / ".stitch" / "gallery.sqlite")
    return int(re.findall(r"user_version = (\d+)", text)[-1]), text


def ranking(gallery: st.Gallery) -> list[tuple[str, float]]:
    results = st.search(
        gallery, reference="red.png", text="in blue", captions=["blue", "a blue thing"]
    )
    return [(hit.id, hit.score) for hit in results]


def rows(directory: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(directory / "gallery.sqlite")) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_old_gallery_opens_and_is_brought_up_to_date(file: Path, tmp_path: Path) -> None:
    images = make_gallery(tmp_path)
    encoder = st.load_encoder("test")
    with st.Gallery.open(images, encoder=encoder) as gallery:
        expected = ranking(gallery)
    shutil.rmtree(images / ".stitch")
    (images / ".stitch").mkdir()
    with closing(sqlite3.connect(images / ".stitch" / "gallery.sqlite")) as database:
        database.executescript(file.read_text(encoding="utf-8"))
    schema = int(file.stem.rpartition("-")[2])
    with st.Gallery.open(images, encoder=encoder) as gallery:
        assert len(gallery) == 9
        assert gallery.captions("red.png") == ["a red square"]
        assert [id for id, _ in ranking(gallery)] == [id for id, _ in expected]
        assert [score for _, score in ranking(gallery)] == pytest.approx(
            [score for _, score in expected], abs=TOLERANCE
        )
        assert gallery.verify(read_files=True).problems == ()
    # reading changes nothing
    assert rows(images / ".stitch", "PRAGMA user_version") == [(schema,)]
    report = st.index_folder(images, encoder=encoder)
    assert (report.images, report.encoded, report.added, report.vanished) == (9, 0, 0, 0)
    with st.Gallery.open(images, encoder=encoder) as gallery:
        assert [score for _, score in ranking(gallery)] == pytest.approx(
            [score for _, score in expected], abs=TOLERANCE
        )
        assert gallery.verify(read_files=True).sound
        assert gallery.captions("red.png") == ["a red square"]


def test_every_schema_has_its_gallery(tmp_path: Path) -> None:
    number, text = newest(tmp_path)
    file = GALLERIES / f"schema-{number}.sql"
    if WRITING and not file.exists():
        file.write_text(text, encoding="utf-8")
    assert file.exists(), "a new schema: STITCH_PIN=1 pytest tests/pinned writes its gallery"
    assert {each.name for each in GALLERIES.iterdir()} == {
        f"schema-{each}.sql" for each in range(1, number + 1)
    }
    recipe = rows(tmp_path / "images" / ".stitch", "SELECT value FROM meta WHERE key = 'recipe'")
    assert json.loads(recipe[0][0])["count"] == 2
