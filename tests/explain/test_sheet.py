"""Contact sheets show every hit, whatever their number, and what was noted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from tests.conftest import COLOURS

THUMBNAIL = 180
"""Side of a thumbnail in a short list, in pixels."""


def hits_of(results: st.Results, count: int) -> st.Results:
    """Repeat the hits until there are ``count``."""
    several = [
        replace(results[position % len(results)], rank=position + 1) for position in range(count)
    ]
    return replace(results, hits=tuple(several))


@pytest.fixture
def red(gallery: st.Gallery) -> st.Results:
    """A search whose first hit is a red square."""
    results = st.search(gallery, text="red", settings=st.SearchSettings(k=1))
    assert results[0].id == "red.png"
    return results


def red_pixels(drawn: Image.Image) -> int:
    pixels = np.asarray(drawn).reshape(-1, 3).astype(int)
    return int((np.abs(pixels - (220, 30, 30)).max(axis=1) < 4).sum())


@pytest.mark.parametrize("count", [1, 6, 7, 9, 60])
def test_every_hit_is_drawn(red: st.Results, count: int) -> None:
    drawn = st.render_png(st.Sheet("many", [hits_of(red, count)], [()]))
    assert red_pixels(drawn) == count * THUMBNAIL**2


def test_long_lists_get_columns_then_smaller_thumbnails(red: st.Results) -> None:
    drawn = st.render_png(st.Sheet("many", [hits_of(red, 150)], [()]))
    assert 0.5 < drawn.width / drawn.height < 2
    small = st.render_png(st.Sheet("many", [hits_of(red, 150)], [()]), max_pixels=3_000_000)
    assert small.width * small.height < 4_000_000
    sides = [side for side in (120, 90, 60, 40, 24) if red_pixels(small) == 150 * side**2]
    assert len(sides) == 1
    with pytest.raises(st.SettingError, match="cannot show 150 hits") as raised:
        st.render_png(st.Sheet("many", [hits_of(red, 150)], [()]), max_pixels=100_000)
    assert ".html" in raised.value.hint


def test_several_searches_of_different_length(red: st.Results) -> None:
    searches = [hits_of(red, 2), hits_of(red, 0), hits_of(red, 8)]
    drawn = st.render_png(st.Sheet("many", searches, [(), (), ()]))
    assert red_pixels(drawn) == 10 * THUMBNAIL**2


def test_notes_stand_on_both_kinds_of_sheet(red: st.Results, folder: Path) -> None:
    noted = replace(red, notes=("Caption 1 was cut.", "The cache was rebuilt."))
    page = st.render_html(st.Sheet("noted", [noted], [[folder / "red.png"]]))
    assert "Caption 1 was cut." in page
    assert "The cache was rebuilt." in page
    silent = replace(red, notes=())
    with_notes, without = (st.render_png(st.Sheet("x", [each], [()])) for each in (noted, silent))
    assert with_notes.height == without.height + 2 * 17
    band = (0, 90 + 52, with_notes.width, 90 + 52 + 34)
    assert np.asarray(with_notes.crop(band)).min() < 200


def test_all_references_stand_in_the_cell_of_the_reference(
    gallery: st.Gallery, folder: Path
) -> None:
    names = ["red.png", "blue.png", "green.png"]
    results = st.search(
        gallery, reference=names, text="on a beach", settings=st.SearchSettings(k=1)
    )
    files = [folder / name for name in names]
    drawn = np.asarray(st.render_png(st.Sheet("three", [results], [files])))
    for colour in (COLOURS["red"], COLOURS["blue"], COLOURS["green"]):
        assert np.abs(drawn.astype(int) - colour).sum(axis=-1).min() < 12
    page = st.render_html(st.Sheet("three", [results], [files]))
    assert 'alt="reference: red.png, blue.png, green.png"' in page


def test_a_sheet_has_a_bar_for_each_role_of_every_hit(gallery: st.Gallery) -> None:
    settings = st.SearchSettings(k=2)
    avoiding = st.search(gallery, text="red", avoid=["blue <b>"], settings=settings)
    page = st.render_html(st.Sheet("roles", [avoiding], [()]), explain_best=False)
    assert page.count('<ul class="roles">') == 2
    for hit in avoiding:
        for role in hit.roles:
            name = "all captions" if role.role == "global" else role.role
            assert f"{name} {role.share:+.3f}<i" in page
    assert "blue &lt;b&gt;" in page
    assert "width: 100%" in page
    plain = st.search(gallery, text="red", settings=settings)
    assert 'class="roles"' not in st.render_html(st.Sheet("none", [plain], [()]))
