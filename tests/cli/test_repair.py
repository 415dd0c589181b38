"""``stitch verify`` on damaged galleries, ``--repair``, and galleries that cannot be opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from tests.command import invoke
from tests.gallery.states import flip, run


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for name, colour in (("red", (220, 30, 30)), ("blue", (30, 60, 200)), ("green", (20, 160, 60))):
        Image.new("RGB", (40, 30), colour).save(root / f"{name}.png")
    index_folder(root, encoder=HashEncoder())
    return root


def damage(folder: Path) -> None:
    where = "hash = (SELECT hash FROM items WHERE id = 'blue.png')"
    ((vectors,),) = run(folder / ".stitch", f"SELECT vectors FROM contents WHERE {where}")
    run(folder / ".stitch", f"UPDATE contents SET vectors = ? WHERE {where}", flip(vectors))


def test_a_damaged_image_is_named_until_it_is_repaired(folder: Path) -> None:
    damage(folder)
    searched = stitch("search", folder, "a red ball")
    assert searched.exit_code == 0
    assert "1 record is damaged" in searched.output
    assert "--repair" in searched.output
    for _ in range(2):
        checked = stitch("verify", folder)
        assert checked.exit_code == 5
        assert "problem: blue.png" in checked.output
        assert "sound" not in checked.output
    repaired = stitch("verify", folder, "--repair")
    assert repaired.exit_code == 0
    assert "repaired: blue.png: was damaged in the database; encoded again" in repaired.output
    assert stitch("verify", folder).exit_code == 0
    assert "damaged" not in stitch("search", folder, "a red ball").output


def test_as_json(folder: Path) -> None:
    damage(folder)
    report = json.loads(stitch("verify", folder, "--repair", "--json").stdout)
    assert report["problems"] == []
    assert report["repaired"] == ["blue.png: was damaged in the database; encoded again"]
    assert report["sound"] is True


def test_a_gallery_whose_facts_are_damaged_can_be_rebuilt(folder: Path) -> None:
    shutil.rmtree(folder / ".stitch" / "cache", ignore_errors=True)
    run(folder / ".stitch", "UPDATE meta SET value = '{' WHERE key = 'recipe'")
    for command in (("search", folder, "red"), ("index", folder), ("verify", folder)):
        refused = stitch(*command)
        assert refused.exit_code == 5
        assert "--rebuild" in refused.stderr
    assert stitch("index", folder, "--rebuild", "--encoder", "test").exit_code == 0
    assert stitch("verify", folder).exit_code == 0


def test_a_first_run_that_never_began(folder: Path) -> None:
    shutil.rmtree(folder / ".stitch")
    (folder / ".stitch").mkdir()
    (folder / ".stitch" / "gallery.sqlite").touch()
    assert stitch("search", folder, "red").exit_code == 3
    assert stitch("index", folder, "--encoder", "test").exit_code == 0
