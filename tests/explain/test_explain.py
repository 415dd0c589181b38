from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st


@pytest.fixture
def results(gallery: st.Gallery) -> st.Results:
    return st.search(gallery, reference="red.png", text="in blue", settings=st.SearchSettings(k=3))


def test_matches_add_up_and_name_both_sides(results: st.Results) -> None:
    found = st.matches(results.query, results[0], least=0.0)
    assert sum(match.mass for match in found) == pytest.approx(1)
    assert [m.mass for m in found] == sorted((m.mass for m in found), reverse=True)
    assert {match.label for match in found} <= set(results.query.labels)
    assert set(found[0].to_dict()) >= {"caption", "view", "mass", "forward", "backward"}
    assert "Rank 1" in st.summary(results.query, results[0])


def test_the_picture_shows_boxes_on_the_hit(results: st.Results) -> None:
    picture = st.draw_hit(results.query, results[0])
    assert picture.mode == "RGB"
    pixels = np.asarray(picture).reshape(-1, 3)
    blue = (np.abs(pixels.astype(int) - (40, 80, 210)).max(axis=1) < 4).sum()
    outline = (np.abs(pixels.astype(int) - (0, 114, 178)).max(axis=1) < 4).sum()
    assert blue > 50_000  # the hit itself
    assert outline > 500  # the first caption's colour: its boxes and its bar


def test_a_picture_without_a_picture(results: st.Results, photos: Path) -> None:
    (photos / "blue.png").unlink()
    assert st.draw_hit(results.query, results[0]).width > 500


def test_the_sheet_is_self_contained_and_escapes(
    results: st.Results, photos: Path, gallery: st.Gallery
) -> None:
    hostile = st.search(
        gallery, text="<script>alert(1)</script> blue", settings=st.SearchSettings(k=2)
    )
    sheet = st.Sheet("<b>mine</b>", [results, hostile], [photos / "red.png", None])
    page = st.render_html(sheet)
    assert "<script" not in page
    assert "<b>mine" not in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert page.count("data:image/jpeg") >= 5
    assert "default-src 'none'" in page
    picture = st.render_png(sheet)
    assert picture.width > 1000
    assert picture.height > 500
