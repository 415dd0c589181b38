"""One flipped bit anywhere in a gallery: the answer is right, or somebody is told."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import StitchError
from stitch_cir.gallery import Gallery
from tests.chaos.conftest import SEED, sample
from tests.chaos.scenes import QUERIES, SETTINGS, index, indexed, rankings, state

FLIPS = 400


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(bit // 8)
        byte = stream.read(1)[0]
        stream.seek(bit // 8)
        stream.write(bytes([byte ^ (1 << bit % 8)]))


def answers(root: Path) -> tuple[list[list[tuple[str, float]]], bool]:
    """Rank every query; also whether any result carries a note about the damage."""
    rankings, noted = [], False
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        for reference, text in QUERIES:
            results = st.search(gallery, reference=reference, text=text or "", settings=SETTINGS)
            rankings.append([(hit.id, round(hit.score, 6)) for hit in results])
            noted = noted or any("damage" in note for note in (*results.notes, *gallery.notes))
    return rankings, noted


@pytest.mark.parametrize("cached", [True, False], ids=["with the cache", "without the cache"])
@pytest.mark.parametrize("target", ["database", "cache"])
def test_a_flipped_bit_is_harmless_or_reported(
    target: str,
    cached: bool,
    tmp_path: Path,
    record_property: Callable[[str, Any], None],
) -> None:
    if target == "cache" and not cached:
        pytest.skip("there is nothing to flip")
    before = tmp_path / "before"
    before.mkdir()
    indexed(before)
    if not cached:
        shutil.rmtree(before / "images/.stitch/cache")
    expected, calm = rankings(before), state(before)
    if not cached:
        shutil.rmtree(before / "images/.stitch/cache")
    files = sorted(
        path.relative_to(before)
        for path in (before / "images/.stitch").rglob("*")
        if path.is_file()
        and path.stat().st_size
        and ("cache" in path.parts) == (target == "cache")
        and (target == "cache" or path.name == "gallery.sqlite")
    )
    draw = random.Random(f"{SEED} flips {target} {cached}")
    positions = []
    for _ in range(FLIPS):
        file = draw.choice(files)
        positions.append((file, draw.randrange(8 * (before / file).stat().st_size)))
    root = tmp_path / "root"
    outcomes: Counter[str] = Counter()
    for file, bit in sample(positions, f"flips {target} {cached}"):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(before, root)
        flip(root / file, bit)
        where = f"bit {bit} of {file}"
        try:
            rankings_now, noted = answers(root)
        except StitchError:
            outcomes["one clear error"] += 1
        else:
            assert rankings_now == expected or noted, f"{where}: other rankings, and no word of it"
            outcomes["unchanged" if rankings_now == expected else "told"] += 1
        _mended(root, calm, where, outcomes)
    record_property(
        "tried", sum(outcomes[name] for name in ("one clear error", "unchanged", "told"))
    )
    record_property("outcomes", dict(outcomes))


def _mended(root: Path, calm: dict[str, object], where: str, outcomes: Counter[str]) -> None:
    """Repair what can be repaired, and otherwise do what the message says: make it anew."""
    try:
        with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
            gallery.verify(repair=True)
        with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
            whole = not gallery.verify().problems
        index(root)
    except StitchError:
        whole = False
    if not whole:
        # only what SQLite itself cannot read any more may be beyond repair, and it is never "sound"
        shutil.rmtree(root / "images/.stitch")
        index(root)
        outcomes["beyond repair, made anew"] += 1
    assert state(root)["rankings"] == calm["rankings"], where
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        assert gallery.verify().sound, where
