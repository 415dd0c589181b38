"""Lists that go on: as one scrolls, by a button, and back to where one was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from tests.browser.conftest import PAINTS, draw
from tests.browser.steps import close_dialog, hits, hold_next, link, search, show_more

NewPage = Callable[..., Page]
COUNT = 150


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> str:
    """Serve 150 images, each with a width of its own."""
    folder = tmp_path_factory.mktemp("many") / "many"
    folder.mkdir()
    for number in range(COUNT):
        paint = tuple(PAINTS)[number % len(PAINTS)]
        draw("circle", paint, (150 + number, 100)).save(folder / f"{number:03}-{paint}.png")
    index_folder(folder, encoder=HashEncoder())
    return serve(folder)


@pytest.fixture
def reader(new_page: NewPage, many: str) -> Page:
    page = new_page()
    page.goto(many)
    page.wait_for_selector(".pic img")
    expect(page.locator("#filters")).to_be_hidden()  # these images have nothing to filter by
    return page


def scroll_to_end(page: Page) -> None:
    page.mouse.move(800, 500)
    page.mouse.wheel(0, 100_000)


def ask(page: Page, text: str) -> None:
    """Search without taking the images of before away, which would be scrolling to the top."""
    page.fill("#text", text)
    page.press("#text", "Enter")
    expect(page).to_have_title(f"{text} · STiTch")


def test_scrolling_loads_more_of_the_gallery(reader: Page) -> None:
    expect(reader.locator(".tile")).to_have_count(60)
    expect(reader.locator(".pager")).to_contain_text("60 of 150")
    for count in (120, 150):
        scroll_to_end(reader)
        expect(reader.locator(".tile")).to_have_count(count)
    expect(reader.locator(".pager")).to_be_hidden()
    ids = hits(reader)
    assert ids == sorted(ids)
    assert len(set(ids)) == COUNT


def test_the_button_goes_on_for_the_keyboard(reader: Page) -> None:
    show_more(reader, by_keyboard=True)
    expect(reader.locator(".tile")).to_have_count(120)
    expect(reader.locator(".pic:focus")).to_have_attribute("data-id", hits(reader)[60])
    expect(reader.locator("#live")).to_contain_text("120 of 150 images shown")


def test_nothing_more_is_loaded_before_somebody_scrolls(reader: Page) -> None:
    reader.set_viewport_size({"width": 2400, "height": 4000})
    requests: list[str] = []
    reader.on("request", lambda sent: requests.append(sent.url) if "/api/im" in sent.url else None)
    reader.reload()
    expect(reader.locator(".tile")).to_have_count(60)
    expect(reader.locator("#more")).to_be_in_viewport()
    search(reader, "a red circle")
    expect(reader.locator(".tile")).to_have_count(96)  # a large screen gets more at first
    assert len(requests) == 1


def test_back_and_a_reload_restore_the_position_in_the_gallery(reader: Page) -> None:
    scroll_to_end(reader)
    expect(reader.locator(".tile")).to_have_count(120)
    reader.locator(".tile").nth(75).scroll_into_view_if_needed()
    tile = reader.locator(".tile").nth(75)
    top = tile.bounding_box()["y"]
    reader.wait_for_function("() => history.state.y === Math.round(scrollY)")
    for leave in ("reload", "search"):
        if leave == "reload":
            reader.reload()
        else:
            ask(reader, "a red circle")
            reader.go_back()
        expect(reader.locator(".tile")).to_have_count(120)
        reader.wait_for_function("() => scrollY === history.state.y")
        assert tile.bounding_box()["y"] == pytest.approx(top, abs=2)


def test_scrolling_loads_more_results_which_stay_after_back(reader: Page) -> None:
    search(reader, "a red circle")
    expect(reader.locator("#images-count")).to_have_text("24 of 150")
    address, steps = reader.url, reader.evaluate("history.length")
    first = hits(reader)
    for count in (48, 72):
        scroll_to_end(reader)
        expect(reader.locator(".tile")).to_have_count(count)
        expect(reader.locator("#images-count")).to_have_text(f"{count} of 150")
    assert hits(reader)[:24] == first
    ranks = reader.locator(".tile .rank").all_inner_texts()
    assert ranks == [str(rank) for rank in range(1, 73)]
    # more of the same question is no step, and no part of what is shared
    assert (reader.url, reader.evaluate("history.length")) == (address, steps)
    reader.locator(".tile").nth(50).scroll_into_view_if_needed()
    reader.wait_for_function("() => history.state.y === Math.round(scrollY)")
    tile = reader.locator(".tile").nth(50)
    top = tile.bounding_box()["y"]
    requests: list[str] = []
    reader.on("request", lambda sent: requests.append(sent.url) if "/search" in sent.url else None)
    ask(reader, "a blue circle")
    reader.go_back()
    expect(reader.locator(".tile")).to_have_count(72)
    expect(tile).to_be_in_viewport()
    # the trail, which has come meanwhile, may move it by its own height
    assert tile.bounding_box()["y"] == pytest.approx(top, abs=60)
    assert len(requests) == 1  # that for the other question: what was shown is kept
    reader.reload()
    expect(reader.locator(".tile")).to_have_count(72)
    expect(tile).to_be_in_viewport()


def test_the_button_puts_the_focus_on_the_first_new_hit(reader: Page) -> None:
    search(reader, "a red circle")
    show_more(reader, by_keyboard=True)
    expect(reader.locator(".tile")).to_have_count(48)
    expect(reader.locator(".pic:focus")).to_have_attribute("data-id", hits(reader)[24])


def test_hits_that_do_not_come_can_be_requested_again(reader: Page) -> None:
    search(reader, "a red circle")
    reader.route("**/api/**", lambda route: route.abort())
    show_more(reader)
    expect(reader.locator(".pager")).to_contain_text("The server does not answer.")
    expect(reader.locator(".tile")).to_have_count(24)
    reader.unroute("**/api/**")
    show_more(reader)
    expect(reader.locator(".tile")).to_have_count(48)


def test_a_gallery_that_changed_meanwhile_is_ranked_anew(
    new_page: NewPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "growing"
    folder.mkdir()
    for number in range(60):
        draw("circle", "red", (60 + number, 80)).save(folder / f"{number:03}.png")
    index_folder(folder, encoder=HashEncoder())
    page = new_page()
    page.goto(serve(folder))
    page.wait_for_selector(".pic img")
    search(page, "a red circle")
    draw("circle", "red", (300, 80)).save(folder / "new.png")
    index_folder(folder, encoder=HashEncoder())
    show_more(page)
    expect(page.locator("#images-count")).to_have_text("48 of 61")
    expect(page.locator(".tile")).to_have_count(48)
    assert len(set(hits(page))) == 48
    expect(page.locator("#notes")).to_contain_text("The gallery has changed")
    show_more(page)
    expect(page.locator(".tile")).to_have_count(61)


def test_a_new_question_overtakes_more_hits_of_the_last(reader: Page) -> None:
    search(reader, "a red circle")
    with hold_next(reader, "**/api/search"):
        show_more(reader)
    expect(reader.locator(".pager")).to_have_attribute("aria-busy", "true")
    search(reader, "a blue circle")
    expect(reader.locator(".tile")).to_have_count(24)
    expect(reader.locator("#images-count")).to_have_text("24 of 150")


def test_a_link_with_a_number_of_hits_goes_on_to_the_end(reader: Page, many: str) -> None:
    reader.goto(link(many, t="a red circle", h=140))
    expect(reader.locator(".tile")).to_have_count(140)
    show_more(reader)
    expect(reader.locator(".tile")).to_have_count(150)
    expect(reader.locator(".pager")).to_be_hidden()


def test_near_duplicates_stand_behind_their_hit(
    new_page: NewPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for name in ("beach", "forest"):
        blocks = np.random.default_rng(len(name)).integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(blocks).resize((240, 180), Image.Resampling.BICUBIC)
        image.save(folder / f"{name}.png")
    image.resize((160, 120)).save(folder / "forest small.png")
    image.save(folder / "forest again.jpg", quality=60)
    index_folder(folder, encoder=HashEncoder())
    page = new_page()
    page.goto(link(serve(folder), t="a green forest", near_duplicates="collapse"))
    expect(page.locator(".tile")).to_have_count(2)
    more = page.get_by_role("button", name="+2 near-duplicates of forest")
    expect(more).to_have_text("+2 near-duplicates")
    more.click()
    expect(page.locator(".tile")).to_have_count(4)
    rank = page.locator(".tile", has=more).locator(".rank").inner_text()
    expect(page.locator(".tile.variant .rank")).to_have_text([rank, rank])
    expect(page.locator(".tile.variant .score")).to_have_count(0)
    page.locator(".tile.variant .pic").first.click()
    expect(page.locator("#viewer-title .name")).to_have_attribute(
        "title", page.locator(".tile.variant .pic").first.get_attribute("data-id") or ""
    )
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".wires .link")
    close_dialog(page)
    more.click()
    expect(page.locator(".tile")).to_have_count(2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> str:
    """Serve 200 images in four folders."""
    folder = tmp_path_factory.mktemp("folders") / "folders"
    for number in range(200):
        name = ("attic", "barn", "cellar", "yard")[number // 50]
        (folder / name).mkdir(parents=True, exist_ok=True)
        draw("circle", "red", (150 + number, 100)).save(folder / name / f"{number:03}.png")
    index_folder(folder, encoder=HashEncoder())
    return serve(folder)


def test_a_long_gallery_is_jumped_into_by_folder(new_page: NewPage, folders: str) -> None:
    page = new_page()
    page.goto(folders)
    menu = page.get_by_role("combobox", name="Jump to")
    expect(menu.locator("option")).to_have_text(
        ["Jump to a folder …", "attic · 50", "barn · 50", "cellar · 50", "yard · 50"]
    )
    menu.select_option(label="cellar · 50")
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "cellar/100.png")
    expect(page.locator(".pager")).to_contain_text("160 of 200")
    page.wait_for_function("() => history.state.y === Math.round(scrollY)")
    page.reload()
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "cellar/100.png")
    page.wait_for_function("() => Math.round(scrollY) === history.state.y")
    page.get_by_role("button", name="Show earlier images").click()
    expect(page.locator(".tile")).to_have_count(120)
    assert hits(page) == sorted(hits(page))
    assert hits(page)[0] == "attic/040.png"
    expect(page.locator('.pic[data-id="cellar/100.png"]')).to_be_in_viewport()


def test_the_size_of_the_images_is_chosen_and_remembered(reader: Page) -> None:
    width = "document.querySelector('.tile').getBoundingClientRect().width"
    before = reader.evaluate(width)
    slider = reader.get_by_role("slider", name="Size of the images")
    slider.press("End")
    assert reader.evaluate(width) > 1.5 * before
    reader.reload()
    reader.wait_for_selector(".pic img")
    expect(slider).to_have_attribute("aria-valuetext", "largest")
    assert reader.evaluate(width) > 1.5 * before
    slider.press("Home")
    assert reader.evaluate(width) < before


def test_a_long_gallery_is_listed_and_jumped_into_by_name_and_by_date(
    new_page: NewPage, folders_with_dates: str
) -> None:
    page = new_page()
    page.goto(folders_with_dates)
    order = page.get_by_role("combobox", name="Order of the images")
    expect(order.locator("option")).to_have_text(["By folder", "By name", "By taken, latest first"])
    order.select_option(label="By taken, latest first")
    expect(order).to_be_focused()
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "b/m139.png")
    menu = page.get_by_role("combobox", name="Jump to")
    expect(menu.locator("option").first).to_have_text("Jump to a month …")
    menu.select_option(label="March 2023 · 12")
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "b/m035.png")
    page.wait_for_function("() => history.state.y === Math.round(scrollY)")
    page.reload()
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "b/m035.png")
    order.select_option(label="By name")
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", "a/m000.png")
    expect(page.get_by_role("combobox", name="Jump to").locator("option")).to_have_text(
        ["Jump to a letter …", "M · 140", "Z · 1"]
    )


@pytest.fixture(scope="module")
def folders_with_dates(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> str:
    """Serve 141 images in two folders, twelve a month; the last one has no date."""
    folder = tmp_path_factory.mktemp("dated") / "dated"
    dates: dict[str, dict[str, str]] = {}
    for number in range(141):
        name = "a/z.png" if number == 140 else f"{'ab'[number % 2]}/m{number:03}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        draw("circle", "red", (60 + number, 80)).save(folder / name)
        if number < 140:
            dates[name] = {"taken": f"2023-{1 + number // 12:02}-{1 + number % 12:02}"}
    index_folder(folder, encoder=HashEncoder())
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes(dates)
    return serve(folder)


RAGGED = """() => {
  const rows = new Map();
  for (const tile of document.querySelectorAll(".tile")) {
    const { top, right } = tile.getBoundingClientRect();
    rows.set(Math.round(top), Math.max(rows.get(Math.round(top)) ?? 0, right));
  }
  const { right } = document.querySelector(".parts").getBoundingClientRect();
  const tops = [...rows.keys()].sort((a, b) => a - b);
  return tops.slice(0, -1).filter((top) => right - rows.get(top) > 2);
}"""


def test_a_long_list_goes_on_without_a_gap_between_its_parts(reader: Page) -> None:
    """It is made of parts, of which the browser skips those out of sight."""
    for count in (120, 150):
        scroll_to_end(reader)
        expect(reader.locator(".tile")).to_have_count(count)
    assert reader.locator(".grid").count() > 1
    assert hits(reader) == sorted(hits(reader))
    assert len(set(hits(reader))) == 150
    assert reader.evaluate(RAGGED) == []
    # arrow keys cross from one part into the next
    last = reader.locator(".grid").first.locator(".pic").last
    last.focus()
    before = last.get_attribute("data-id")
    reader.keyboard.press("ArrowRight")
    after = reader.locator(".pic:focus").get_attribute("data-id")
    shown = hits(reader)
    assert shown.index(after or "") == shown.index(before or "") + 1
    assert reader.locator(".pic:focus").evaluate(
        "one => one.closest('.grid') !== document.querySelector('.grid')"
    )
