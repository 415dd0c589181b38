"""What results show of themselves in a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.gallery import Gallery


@pytest.fixture
def results(gallery: Gallery) -> st.Results:
    searcher = st.Searcher(gallery, settings=st.SearchSettings(k=3))
    return searcher.search(st.Query("red.png", "in blue <b>instead</b>"))


def test_results_show_every_hit_as_an_image_with_its_rank(results: st.Results) -> None:
    page = results._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 3
    assert all(f"<b>{hit.rank}</b> · {hit.score:.3f}" in page for hit in results)
    assert "in blue &lt;b&gt;instead" in page
    assert "3 of 7 images" in page


def test_many_hits_are_counted_and_not_all_shown(paint, encoder, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for number in range(30):
        paint(f"{number}.png", "red", "blue", size=20 + number)
    st.index_folder(tmp_path / "photos", encoder=encoder)
    gallery = st.Gallery.open(tmp_path / "photos", encoder=encoder)
    page = st.search(gallery, text="red", settings=st.SearchSettings(k=30))._repr_html_()
    assert page.count("data:image/jpeg") == 24
    assert "30 of 30 images, the first 24 shown" in page


def test_a_hit_shows_its_regions_its_reason_and_its_plan(results: st.Results) -> None:
    page = results[0]._repr_html_()
    assert page.count("position:absolute") >= 1
    assert "Found because " in page
    assert "<table" in page
    labels = results[0].query.labels
    assert page.count("<tr>") == 1 + len(labels)


def test_a_hit_whose_file_is_gone_says_so(results: st.Results) -> None:
    path = results[0].path
    assert path is not None
    path.unlink()
    assert "the image cannot be opened" in results[0]._repr_html_()


def test_a_plan_shows_per_cent_of_the_mass(results: st.Results) -> None:
    plan = results[0].plan
    page = plan._repr_html_()
    assert f"score {float(plan.score):.3f}" in page
    assert page.count("<td") == plan.joint.size


def test_a_composition_shows_captions_weights_and_notes(results: st.Results) -> None:
    composition = results.query.composition
    assert composition is not None
    page = composition._repr_html_()
    assert "composed by verbatim" in page
    assert page.count("weight ") == len(composition.captions)
