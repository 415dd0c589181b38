"""Nothing lies on something else, nothing is cut off, and a finger hits what it aims at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from tests.browser.conftest import draw
from tests.browser.steps import (
    RED_TO_BLUE,
    close_dialog,
    hits,
    link,
    open_details,
    open_results,
    open_why,
)

NewPage = Callable[..., Page]
Serve = Callable[..., str]
WIDTHS = [320, 360, 390, 430, 480, 600, 768, 1280]
# what can be read or pressed on a card; buttons lie on the image only where they appear on hovering
OVERLAPS = """(touch) => {
  const faults = [];
  for (const tile of document.querySelectorAll('.tile')) {
    const parts = [...tile.querySelectorAll('.rank, .name, .score, .act' + (touch ? ', .pic' : ''))]
      .filter((one) => one.getClientRects().length > 0 && getComputedStyle(one).display !== 'none');
    const outer = tile.getBoundingClientRect();
    for (const [at, one] of parts.entries()) {
      const a = one.getBoundingClientRect();
      const text = document.createRange();
      text.selectNodeContents(one);
      if (one.matches('.rank, .score') && text.getBoundingClientRect().width > a.width + 0.5) faults.push(['cut', one.className]);
      if (a.left < outer.left - 0.5 || a.right > outer.right + 0.5 || a.bottom > outer.bottom + 0.5) faults.push(['out', one.className]);
      for (const other of parts.slice(at + 1)) {
        const b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 0.5 && high > 0.5) faults.push([tile.textContent, one.className, other.className, wide, high]);
      }
    }
  }
  return faults;
}"""
SMALL = """() => [...document.querySelectorAll('button, summary, select, textarea, input:not([type=file])')]
  .filter((one) => one.getClientRects().length > 0 && !one.disabled && !one.closest('.sr'))
  .filter((one) => !document.querySelector('dialog[open]') || one.closest('dialog'))
  .map((one) => [one, (one.closest('label') ?? one).getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 43.5 || height < 43.5)
  .map(([one, { width, height }]) => [one.outerHTML.slice(0, 90), width, height])"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> str:
    """Serve images of extreme shape and with names that are long, unbroken or not Latin."""
    folder = tmp_path_factory.mktemp("odd") / "odd"
    folder.mkdir()
    sizes = [(900, 60), (60, 900), (240, 180), (180, 240)]
    names = ["wide", "tall", "x" * 150, "דג אדום", "🦊🦊🦊", "a b c d e f g h i j k l m n o p"]
    for number in range(24):
        name = f"{names[number % len(names)]}-{number}.png"
        draw("circle", "red", sizes[number % 4]).save(folder / name)
    index_folder(folder, encoder=HashEncoder())
    return serve(folder)


@pytest.mark.parametrize("touch", [True, False], ids=["touch", "mouse"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_on_a_card_overlaps(new_page: NewPage, odd: str, width: int, touch: bool) -> None:
    page = new_page(viewport={"width": width, "height": 800}, has_touch=touch, is_mobile=touch)
    page.goto(link(odd, t="a red circle"))
    expect(page.locator(".tile .score")).to_have_count(24)
    assert page.evaluate("matchMedia('(hover: none)').matches") == touch
    assert page.evaluate(OVERLAPS, touch) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#to-gallery")
    page.wait_for_selector(".pic[aria-pressed]")
    assert page.evaluate(OVERLAPS, touch) == []


@pytest.mark.parametrize("state", ["start", "results", "image", "explanation", "help"])
def test_targets_on_touch_measure_44_pixels(new_page: NewPage, site: str, state: str) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    if state in ("results", "image", "explanation"):
        open_results(page, site, **RED_TO_BLUE, n="square/black.png", h=12)
        page.locator("#details > summary").tap()
        page.locator("#settings .advanced summary").tap()
        expect(page.locator("#set-tau")).to_be_visible()
        if state in ("image", "explanation"):
            page.locator(".tile .pic").first.tap()
            expect(page.locator("#viewer")).to_be_visible()
        if state == "explanation":
            page.get_by_role("tab", name="Why?").tap()
            page.wait_for_selector(".wires .link")
    else:
        page.goto(site)
        page.wait_for_selector(".pic img")
        if state == "help":
            page.tap("#help")
            page.wait_for_selector("#help-dialog h3")
    assert page.evaluate(SMALL) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_a_long_name_and_a_weight_are_not_cut(new_page: NewPage, odd: str, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    captions = [{"text": "w" * 300, "weight": weight, "on": True} for weight in (0.974, 0.125, 10)]
    page.goto(link(odd, r=f"{'x' * 150}-2.png", c=json.dumps(captions)))
    page.wait_for_selector(".tile .score")
    open_details(page)
    for field in page.locator("#captions .weight").all():
        assert field.evaluate("one => one.scrollWidth <= one.clientWidth")
    form = page.locator(".ask").bounding_box()
    for part in ("#search", "#text", "#captions .weight >> nth=0", "#reference"):
        box = page.locator(part).bounding_box()
        assert box["x"] + box["width"] <= form["x"] + form["width"] + 0.5, part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_beside_an_image_are_not_white(new_page: NewPage, odd: str, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto(link(odd, r="wide-0.png", t="a red circle"))
    page.wait_for_selector(".tile .score")
    bars = page.evaluate(
        """() => ['.tile .pic', '#reference'].map((one) => getComputedStyle(document.querySelector(one)).backgroundColor)"""
    )
    assert "rgb(255, 255, 255)" not in bars


def test_zoom_of_400_percent(new_page: NewPage, site: str) -> None:
    """1280 x 1024 pixels at 400 % are 320 x 256: all is there, by scrolling one way only."""
    page = new_page(viewport={"width": 320, "height": 256})
    open_results(page, site, **RED_TO_BLUE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    open_why(page)
    assert page.evaluate("document.getElementById('viewer').scrollWidth") <= 320
    page.get_by_role("button", name="Use as the new reference").last.scroll_into_view_if_needed()
    close_dialog(page)
    page.click("#help")
    page.get_by_label("Single-key shortcuts").scroll_into_view_if_needed()
    expect(page.get_by_label("Single-key shortcuts")).to_be_in_viewport()


def test_forced_colours_show_what_is_chosen(new_page: NewPage, site: str) -> None:
    """High contrast takes backgrounds and shadows away: what they said needs a line or a colour."""
    page = new_page(forced_colors="active")
    page.goto(link(site, **RED_TO_BLUE, x="square/blue.png", y=1))
    page.wait_for_selector(".wires .link")
    bars = page.locator(".met .fill").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert len(set(bars)) == len(bars)
    chosen, other = page.locator(".switch span").evaluate_all(
        "all => all.slice(0, 2).map((one) => getComputedStyle(one).outlineStyle)"
    )
    assert (chosen, other) == ("solid", "none")
    close_dialog(page)
    page.click("#to-gallery")
    pressed = page.locator('.pic[aria-pressed="true"]')
    expect(pressed).to_have_count(1)
    assert pressed.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_right_to_left_words_keep_their_direction(page: Page, site: str) -> None:
    words = "שמלה אדומה"
    open_results(page, site, t=words, c=json.dumps([{"text": words, "weight": 1, "on": True}]))
    for part in ("#text", "#captions textarea", "#trail", "#asked"):
        if page.locator(part).count() and page.locator(part).get_attribute("dir"):
            assert page.locator(part).evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert page.locator("#text").evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert hits(page)


def test_print(page: Page, site: str, tmp_path: Path) -> None:
    open_results(page, site, **RED_TO_BLUE, h=12)
    page.emulate_media(media="print")
    for part in ("#form", ".skip", ".top", "#tools", "#more", ".acts", "#trail"):
        expect(page.locator(part).first).to_be_hidden()
    for part in ("#images-title", "#asked", ".tile .pic", ".tile .name", "#asked-facts"):
        expect(page.locator(part).first).to_be_visible()
    expect(page.locator("#asked")).to_have_text("circle/red.png · in blue instead")
    # a page break falls between cards, never between an image and its caption
    tile = page.locator(".tile").first
    assert tile.evaluate("one => getComputedStyle(one).breakInside") == "avoid"
    assert tile.evaluate("one => getComputedStyle(one).display") == "inline-block"
    image, under = tile.locator(".pic").bounding_box(), tile.locator(".under").bounding_box()
    assert under["y"] >= image["y"] + image["height"] - 0.5
    pdf = page.pdf(format="A4")
    assert 1 <= pdf.count(b"/Type /Page\n") <= 2


def test_print_on_paper_is_light(new_page: NewPage, site: str) -> None:
    page = new_page(color_scheme="dark")
    page.goto(site)
    page.click("#theme")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 27, 24)"


def test_an_open_explanation_is_what_is_printed(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, x="square/blue.png", y=1))
    page.wait_for_selector(".wires .link")
    page.emulate_media(media="print")
    expect(page.locator("#why .summary")).to_be_visible()
    for part in (".tile", "#viewer-close", "#viewer .acts-row"):
        expect(page.locator(part).first).to_be_hidden()
