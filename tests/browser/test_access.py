"""Everybody can use the page: keyboard, screen reader, phone, dark, without motion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import (
    RED_TO_BLUE,
    close_dialog,
    hits,
    link,
    open_details,
    open_image,
    open_results,
)

NewPage = Callable[..., Page]
AXE = Path(os.environ.get("STITCH_AXE", "axe.min.js"))


def audit(page: Page) -> list[str]:
    """Faults that axe-core calls serious or critical."""
    if page.evaluate("typeof window.axe") == "undefined":
        page.evaluate(
            AXE.read_text(encoding="utf-8")
        )  # not a script element: the policy forbids those
    # fades end: half-faded text has another contrast
    page.evaluate("""() => Promise.all(document.getAnimations()
      .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
      .map((one) => one.finished.catch(() => null)))""")
    audit = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in audit["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_serious_fault(new_page: NewPage, site: str, scheme: str, width: int) -> None:
    page = new_page(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page.goto(site)
    page.wait_for_selector(".pic img")
    assert audit(page) == []
    open_results(page, site, **RED_TO_BLUE, n="square/black.png")
    open_details(page)
    page.locator("#settings .advanced").evaluate("one => { one.open = true; }")
    assert audit(page) == []
    open_image(page)
    assert audit(page) == []
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".wires .link")
    page.locator("#why details").evaluate("one => { one.open = true; }")
    assert audit(page) == []
    close_dialog(page)
    page.click("#help")
    assert audit(page) == []
    close_dialog(page)
    page.goto(link(site, r="gone.png", t="x"))
    page.wait_for_selector(".state")
    assert audit(page) == []


def test_the_keyboard_alone(page: Page) -> None:
    press = page.keyboard.press
    press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    press("Enter")
    expect(page.locator("#images")).to_be_focused()
    assert "#" not in page.url
    press("p")
    focused = page.locator(".pic:focus")
    expect(focused).to_have_count(1)
    ids = page.locator(".pic").evaluate_all("all => all.map((one) => one.dataset.id)")
    press("ArrowRight")
    expect(focused).to_have_attribute("data-id", ids[1])
    press("End")
    expect(focused).to_have_attribute("data-id", ids[-1])
    press("Home")
    press("ArrowDown")
    below = ids.index(focused.get_attribute("data-id"))
    assert below > 1
    press("ArrowUp")
    expect(focused).to_have_attribute("data-id", ids[0])
    press("Enter")
    expect(page.locator("#text")).to_be_focused()
    page.keyboard.type("in blue instead")
    press("Enter")
    page.wait_for_selector(".tile .score")
    page.locator("body").focus()
    page.evaluate("document.activeElement.blur()")
    press("p")
    expect(focused).to_have_attribute("data-id", hits(page)[0])
    press("Tab")
    expect(page.locator(":focus")).to_have_attribute(
        "aria-label", f"Use as the new reference: {hits(page)[0]}"
    )
    press("Shift+Tab")
    press("Enter")
    expect(page.locator("#viewer-title")).to_be_focused()
    press("w")
    page.wait_for_selector(".wires .link")
    press("2")
    expect(page.locator(".switch input").nth(1)).to_be_checked()
    press("Escape")
    expect(focused).to_have_attribute("data-id", hits(page)[0])
    rejected = hits(page)[0]
    press("l")
    expect(page.locator("#less .chip")).to_have_attribute("title", rejected)
    press("?")
    expect(page.locator("#help-dialog")).to_be_visible()
    page.get_by_label("Single-key shortcuts").uncheck()
    press("Escape")
    page.evaluate("document.activeElement.blur()")
    press("?")
    expect(page.locator("#help-dialog")).to_be_hidden()


def test_focus_is_visible(page: Page) -> None:
    for _ in range(12):
        page.keyboard.press("Tab")
        outlines = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()"
        )
        assert outlines, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


@pytest.mark.parametrize("state", ["start", "results", "explanation", "help", "fault"])
def test_the_width_of_a_phone(new_page: NewPage, site: str, state: str) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    if state == "fault":
        page.goto(link(site, r=f"{'long' * 40}.png", t="x"))
        page.wait_for_selector(".state")
    elif state == "results":
        open_results(page, site, **RED_TO_BLUE, n=["square/black.png", "square/red.png"])
        page.locator("#details > summary").tap()
        # what can be done with a hit needs no hovering: its window says it
        expect(page.locator(".acts").first).to_be_hidden()
    elif state == "explanation":
        page.goto(link(site, **RED_TO_BLUE, x="square/blue.png", y=1))
        page.wait_for_selector(".wires .link")
    else:
        page.goto(site)
        page.wait_for_selector(".pic img")
        if state == "help":
            page.tap("#help")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    wide = page.evaluate(
        """[...document.querySelectorAll('button, input, textarea, h2, h3, p')]
          .filter((one) => !one.closest('.scroll, .trail, .sr') && !one.matches('.sr'))
          .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
          .filter(([, { right, width }]) => width > 0 && right > 361).map(([one]) => one)"""
    )
    assert wide == []


def test_dark_follows_the_system_until_chosen(new_page: NewPage, site: str) -> None:
    page = new_page(color_scheme="dark")
    page.goto(site)
    page.wait_for_selector(".pic img")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")  # perhaps before what listens to it is there
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    light = page.evaluate(paper)
    assert light != dark
    page.reload()
    page.wait_for_selector(".pic img")
    assert page.evaluate(paper) == light
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Colours: light")


def test_less_motion(new_page: NewPage, site: str) -> None:
    page = new_page(reduced_motion="reduce")
    page.route("**/api/search", lambda route: None)
    page.goto(link(site, t="x"))
    page.wait_for_selector(".ghost")
    moving = "document.getAnimations().filter((one) => one.effect.getComputedTiming().iterations === Infinity).length"
    assert page.evaluate(moving) == 0


def test_landmarks_and_names(page: Page, site: str) -> None:
    open_results(page, site)
    for role in ("banner", "main"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("region", name="Results")).to_have_count(1)
    expect(page.get_by_role("button", name="Rank 1, score")).to_have_count(1)
    expect(page.get_by_role("status")).to_contain_text("images found")
    expect(page.get_by_role("textbox", name="What should change?")).to_have_count(1)


def test_first_paint_is_light(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.goto(site)
    page.wait_for_selector(".pic img")
    page.wait_for_function("() => performance.getEntriesByName('first-images').length > 0")
    sizes = page.evaluate(
        """[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
          .filter(({ startTime }) => startTime < performance.getEntriesByName('first-images')[0].startTime)
          .filter(({ name }) => !new URL(name).pathname.startsWith('/api/') && !name.endsWith('/print.css'))
          .map(({ name, decodedBodySize }) => [name, decodedBodySize])"""
    )
    assert len(sizes) > 10
    assert sum(size for _, size in sizes) <= 100_000
