from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.explain import KINDS, _draw, _fonts
from tests.conftest import CountingEncoder


@pytest.fixture
def results(gallery: st.Gallery) -> st.Results:
    return st.search(gallery, reference="red.png", text="in blue", settings=st.SearchSettings(k=3))


def test_matches_add_up_and_name_both_sides(results: st.Results) -> None:
    matches = results[0].matches(least=0.0)
    assert sum(match.mass for match in matches) == pytest.approx(1)
    assert [m.mass for m in matches] == sorted((m.mass for m in matches), reverse=True)
    assert {match.label for match in matches} <= set(results.query.labels)
    assert set(matches[0].to_dict()) >= {"caption", "view", "mass", "forward", "backward"}


PARTS = pytest.mark.parametrize(
    ("box", "words"),
    [
        (st.ViewBox(), "the whole image"),
        (st.ViewBox(flip=True), "the whole image, mirrored"),
        (st.ViewBox(0.25, 0.25, 0.75, 0.75), "its middle"),
        (st.ViewBox(0, 0, 0.5, 0.5), "its upper left"),
        (st.ViewBox(0.5, 0, 1, 1), "its right half"),
        (st.ViewBox(0, 0.5, 1, 1), "its lower half"),
    ],
)


@PARTS
def test_a_table_names_the_part_in_words_alone(
    results: st.Results, box: st.ViewBox, words: str
) -> None:
    view = replace(results[0].views[0], box=box)
    sides = {"right half": "right"}
    part = words.removeprefix("the ").removeprefix("its ")
    assert view.short == sides.get(part, part)
    if "whole" not in words:
        assert replace(view, image=2).short == f"{view.short} of image 2"


@PARTS
def test_the_sentence_names_the_part_in_words(
    results: st.Results, box: st.ViewBox, words: str
) -> None:
    hit = results[0]
    single = replace(hit, views=tuple(replace(view, box=box) for view in hit.views))
    most = hit.query.labels[int(hit.caption_shares().argmax())]
    assert single.summary() == f"Found because “{most}” fits {words}."
    captions = tuple(replace(view, box=None, caption="a gown") for view in hit.views)
    sentence = replace(hit, views=captions).summary()
    assert sentence == f"Found because “{most}” is close to its caption “a gown”."


def count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    pixels = np.asarray(image).reshape(-1, 3).astype(int)
    return int((np.abs(pixels - colour).max(axis=1) < 4).sum())


def test_the_image_shows_boxes_on_the_hit(results: st.Results) -> None:
    image = st.draw_hit(results[0])
    assert image.mode == "RGB"
    assert count(image, (40, 80, 210)) > 50_000  # the hit itself
    assert count(image, _draw.COLOURS[0]) > 500  # the first caption: its boxes and its bar


@pytest.mark.parametrize("kind", ["matches", "heatmap", "contributions"])
def test_each_kind_is_a_part_of_the_whole(results: st.Results, kind: str) -> None:
    whole = st.draw_hit(results[0])
    part = st.draw_hit(results[0], kind=kind)
    assert part.width < whole.width
    assert count(part, _draw.COLOURS[0]) > 100


def test_an_unknown_kind_is_refused(results: st.Results) -> None:
    with pytest.raises(st.SettingError, match="heatmap"):
        st.draw_hit(results[0], kind="pie")


def test_the_heat_map_is_dark_where_the_plan_is(results: st.Results) -> None:
    hit = results[0]
    plan = replace(hit.plan, forward=np.zeros_like(hit.plan.forward))
    plan.forward[1, 0] = 1.0
    plan.backward[:] = 0.0
    empty = replace(plan, forward=np.zeros_like(plan.forward))
    full = st.draw_heatmap(replace(hit, plan=plan))
    blank = st.draw_heatmap(replace(hit, plan=empty))
    assert count(full, _draw.COLOURS[1]) - count(blank, _draw.COLOURS[1]) > 1000
    assert count(full, _draw.COLOURS[0]) == count(blank, _draw.COLOURS[0])


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.5, 1.0])
def test_both_directions_of_the_shares_add_up_to_the_score(gallery: st.Gallery, rho: float) -> None:
    settings = st.SearchSettings.from_preset(k=3, rho=rho)
    results = st.search(gallery, reference="red.png", text="in blue", settings=settings)
    forward, backward = results[0].caption_halves()
    assert forward.sum() + backward.sum() == pytest.approx(results[0].score, abs=1e-5)
    assert results[0].caption_shares() == pytest.approx(forward + backward)


def test_other_parts_of_a_score_are_listed(results: st.Results) -> None:
    hit = results[0]
    plain = st.draw_contributions(hit)
    less = st.draw_contributions(replace(hit, score=hit.score - 0.2))
    legend = (0, 22, plain.width, 42)
    assert plain.size == less.size
    assert count(less.crop(legend), (255, 255, 255)) < count(plain.crop(legend), (255, 255, 255))


def test_bars_grow_with_what_a_caption_gives(gallery: st.Gallery) -> None:
    hit = st.search(gallery, captions=["a blue thing", "blue", "something blue"])[0]
    k, m = hit.plan.similarities.shape
    forward = np.full((k, m), 1.0 / m)
    cosines = np.full((k, m), -0.2)
    cosines[0] = 0.9
    cosines[1] = 0.3
    plan = replace(
        hit.plan, forward=forward, backward=np.full((k, m), 1.0 / k), similarities=cosines
    )
    bars = st.draw_contributions(replace(hit, plan=plan))
    strong, weak, taken = (count(bars, _draw.COLOURS[row]) for row in range(3))
    assert strong > 1.8 * weak
    assert taken > 100  # what takes away is drawn too


def test_views_that_are_captions_are_written(tmp_path: Path, encoder: CountingEncoder) -> None:
    lines = [
        {"id": "a", "captions": ["a red dress", "ein Kleid für Gäste"]},
        {"id": "b", "captions": ["blue"]},
    ]
    source = tmp_path / "captions.jsonl"
    source.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    st.index_captions(source, tmp_path / "gallery", encoder=encoder)
    opened = st.Gallery.open(tmp_path / "gallery", encoder=encoder)
    results = st.search(opened, text="red", settings=st.SearchSettings(k=2))
    for kind in KINDS:
        assert st.draw_hit(results[0], kind=kind).height > 100
    page = st.render_html(st.Sheet("captions", [results], [()]))
    assert "a red dress" in page


def test_many_views_are_limited_and_noted(folder: Path, encoder: CountingEncoder) -> None:
    st.index_folder(folder, encoder=encoder, recipe=st.ViewRecipe(count=60))
    opened = st.Gallery.open(folder, encoder=encoder)
    results = st.search(opened, text="red", settings=st.SearchSettings(k=1))
    assert st.draw_heatmap(results[0]).width < 1400


def test_long_texts_are_wrapped_and_words_broken() -> None:
    rows = _draw.wrap("one two three " * 100, 200, size=13, lines=3)
    assert len(rows) == 3
    assert rows[-1].endswith("…")
    rows = _draw.wrap("x" * 500, 200, size=13, lines=50)
    assert "".join(rows) == "x" * 500
    assert max(_fonts.font(13).getlength(row) for row in rows) <= 200
    assert _draw.wrap("", 200, size=13, lines=3) == []


def test_letters_that_no_font_has_are_spelled_in_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fonts, "SYSTEM", ("no such font.ttf",))
    _fonts._choose.cache_clear()
    assert _draw.wrap("für Gäste 红", 200, size=13, lines=1) == ["fur Gaste ?"]
    assert _fonts.font(13, "für") is _fonts.font(13)
    _fonts._choose.cache_clear()


def test_a_system_font_covers_what_pillows_font_does_not() -> None:
    if all(_fonts._open(name, 16) is None for name in _fonts.SYSTEM):
        pytest.skip("none of the fonts looked for is on this machine")
    assert _fonts.writable("für Gäste, две собаки") == "für Gäste, две собаки"
    assert _fonts.font(13, "für") is not _fonts.font(13)
    assert _fonts.font(13, "a plain caption") is _fonts.font(13)


def test_an_explanation_without_an_image_file(results: st.Results, folder: Path) -> None:
    (folder / "blue.png").unlink()
    for kind in KINDS:
        assert st.draw_hit(results[0], kind=kind).width > 500


def test_the_sheet_is_self_contained_and_escapes(
    results: st.Results, folder: Path, gallery: st.Gallery
) -> None:
    hostile = st.search(
        gallery, text="<script>alert(1)</script> blue", settings=st.SearchSettings(k=2)
    )
    sheet = st.Sheet("<b>mine</b>", [results, hostile], [[folder / "red.png"], ()])
    page = st.render_html(sheet)
    assert "<script" not in page
    assert "<b>mine" not in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert page.count("data:image/jpeg") >= 5
    assert "default-src 'none'" in page
    image = st.render_png(sheet)
    assert image.width > 1000
    assert image.height > 500
