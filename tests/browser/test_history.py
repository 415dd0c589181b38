"""Back and Forward: an explanation is a step of its own, edits that follow each other are one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import draw
from tests.browser.steps import (
    RED_TO_BLUE,
    close_dialog,
    drop,
    hits,
    hold_next,
    link,
    open_details,
    open_image,
    open_results,
    open_why,
    pick,
    png,
    search,
)

NewPage = Callable[..., Page]


def length(page: Page) -> int:
    """Return the number of entries in the history of the tab."""
    return int(page.evaluate("history.length"))


def test_back_closes_an_explanation_and_forward_opens_it_again(page: Page) -> None:
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    address = page.url
    page.set_viewport_size({"width": 700, "height": 400})
    page.evaluate("scrollTo(0, 300)")
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url) if "/search" in sent.url else None)
    id = open_why(page, 2)
    scrolled = page.evaluate("scrollY")
    assert scrolled > 0
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(f'.tile .pic[data-id="{id}"]')).to_be_focused()
    expect(page.locator("#images-title")).to_have_text("Results")
    assert (page.url, page.evaluate("scrollY"), requests) == (address, scrolled, [])
    page.go_forward()
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", id)
    page.go_back()
    page.go_back()
    expect(page.locator("#images-title")).to_have_text("Gallery")


def test_closing_leaves_nothing_behind_in_the_history(page: Page) -> None:
    search(page, "a red circle")
    address = page.url
    for close in ("Escape", "#viewer-close"):
        open_why(page)
        page.keyboard.press("ArrowRight")  # to the next hit, in the same step
        expect(page.locator("#viewer .count")).to_have_text("2 of 16")
        page.keyboard.press(close) if close == "Escape" else page.click(close)
        expect(page.locator("#viewer")).to_be_hidden()
        page.wait_for_url(address)
    page.go_back()
    expect(page.locator("#images-title")).to_have_text("Gallery")


def test_escape_twice_is_one_step_back(page: Page) -> None:
    search(page, "a red circle")
    open_why(page)
    page.evaluate(
        """() => {
          for (const _ of [1, 2]) document.getElementById('viewer').dispatchEvent(new Event('cancel', { cancelable: true }));
        }"""
    )
    expect(page.locator("#viewer")).to_be_hidden()
    page.wait_for_url(re.compile("#t=a[+]red[+]circle$"))
    expect(page.locator("#images-title")).to_have_text("Results")


def test_back_from_a_shared_explanation_shows_the_results(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.goto(link(site, **RED_TO_BLUE, x="triangle/yellow.png"))
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", "triangle/yellow.png")
    assert "x=" in page.url
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(15)
    assert page.url == link(site, **RED_TO_BLUE)
    page.go_forward()
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", "triangle/yellow.png")
    page.reload()
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", "triangle/yellow.png")
    close_dialog(page)
    expect(page.locator(".tile")).to_have_count(15)
    page.go_back()
    assert page.url == "about:blank"


def test_going_on_from_an_explanation_takes_its_step(page: Page) -> None:
    search(page, "a red circle")
    first = page.url
    id = open_why(page)
    with page.expect_response("**/api/search"):
        page.keyboard.press("l")
    expect(page.locator("#less .chip")).to_have_attribute("title", id)
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#trail .step")).to_have_count(2)
    page.go_back()
    page.wait_for_url(first)
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#trail [aria-current]")).to_contain_text("a red circle")
    page.locator("#trail .step").nth(1).click()
    expect(page.locator("#less .chip")).to_have_attribute("title", id)
    chosen = open_why(page)
    page.keyboard.press("u")
    expect(page.locator("#reference img")).to_have_attribute("alt", f"Reference: {chosen}")
    expect(page.locator("#text")).to_be_focused()
    search(page, "in green")
    expect(page.locator("#trail .step")).to_have_count(3)
    page.go_back()
    expect(page.locator("#trail [aria-current]")).to_contain_text("not ")


@pytest.mark.parametrize("where", ["gallery", "results"])
def test_back_closes_the_help(page: Page, where: str) -> None:
    if where == "results":
        search(page, "a red circle")
    address, shown = page.url, page.locator(".tile").count()
    help_ = page.locator("#help-dialog")
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url) if "/api/" in sent.url else None)
    page.click("#help")
    expect(help_).to_be_visible()
    page.go_back()
    expect(help_).to_be_hidden()
    page.click("#help")
    expect(help_).to_be_visible()
    close_dialog(page)
    expect(help_).to_be_hidden()
    page.wait_for_url(address)
    expect(page.locator("#help")).to_be_focused()
    assert (page.locator(".tile").count(), requests) == (shown, [])
    search(page, "a blue square")
    page.go_back()
    expect(page.locator("#images-title")).to_have_text(where.title())


def test_edits_belong_to_their_question_and_are_undone_one_by_one(page: Page, site: str) -> None:
    open_results(page, site)
    open_details(page)
    before, steps, stages = hits(page), length(page), [page.url]
    with page.expect_response("**/api/search"):
        page.locator("#captions input[type=checkbox]").first.uncheck()
    stages.append(page.url)
    with page.expect_response("**/api/search"):
        page.locator("#captions textarea").nth(1).fill("a yellow thing")
        page.locator("#captions textarea").nth(1).press("Enter")
    stages.append(page.url)
    with page.expect_response("**/api/search"):
        page.get_by_role("button", name="Compose anew").click()
    assert page.url == stages[0]
    assert length(page) == steps
    expect(page.locator("#trail")).to_be_hidden()
    page.reload()  # what can be taken back is kept with the step
    page.wait_for_selector(".tile .score")
    for stage in reversed(stages):
        page.click("#undo")
        assert page.url == stage
        expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#undo")).to_have_count(0)
    expect(page.locator("#captions-count")).not_to_contain_text("edited")
    assert hits(page) == before


def test_undo_counts_while_an_answer_is_under_way(page: Page, site: str) -> None:
    open_results(page, site)
    open_details(page)
    before, stages = hits(page), [page.url]
    with page.expect_response("**/api/search"):
        page.locator("#captions input[type=checkbox]").first.uncheck()
    stages.append(page.url)
    with page.expect_response("**/api/search"):
        page.locator("#captions textarea").nth(1).fill("a yellow thing")
        page.locator("#captions textarea").nth(1).press("Enter")
    stages.append(page.url)
    assert len(set(stages)) == 3
    page.reload()  # nothing is known by heart any more: each step back is a request
    page.wait_for_selector(".tile .score")
    with hold_next(page, "**/api/search"):
        page.click("#undo")
    with page.expect_response("**/api/search"):
        page.keyboard.press("z")  # the button has made room for “Cancel” by now
    assert page.url == stages[0]
    expect(page.locator("#undo")).to_have_count(0)
    expect(page.locator("#captions input[type=checkbox]:not(:checked)")).to_have_count(0)
    assert hits(page) == before


def test_enter_twice_is_one_step(page: Page) -> None:
    steps = length(page)
    page.fill("#text", "a red circle")
    page.locator("#text").evaluate(
        "(text) => { for (const _ of [1, 2]) text.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true })); }"
    )
    page.wait_for_selector(".tile .score")
    assert length(page) == steps + 1
    expect(page.locator("#trail")).to_be_hidden()


def test_back_while_a_search_runs_shows_what_was_there(page: Page) -> None:
    search(page, "a red circle")
    hit_ids = hits(page)
    page.route("**/api/search", lambda route: None)
    page.fill("#text", "a blue square")
    page.press("#text", "Enter")
    expect(page.locator(".waiting")).to_be_visible()
    page.go_back()
    expect(page.locator(".tile .score")).to_have_count(len(hit_ids))
    expect(page.locator("#text")).to_have_value("a red circle")
    assert hits(page) == hit_ids


def test_back_to_an_upload_that_the_server_forgot(page: Page) -> None:
    drop(page, png(draw("circle", "green", (90, 60))))
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: own.png")
    search(page, "in red instead")
    page.route("**/api/search", lambda route: route.fulfill(status=404, json=FORGOTTEN))
    page.reload()  # the browser has the token, but no longer the file
    expect(page.locator(".state h3")).to_have_text("Your image is no longer here")
    expect(page.locator("#text")).to_have_value("in red instead")
    page.unroute("**/api/search")
    page.get_by_role("button", name="Search with the words alone").click()
    page.wait_for_selector(".tile .score")


def test_an_explanation_sends_a_forgotten_upload_again(page: Page) -> None:
    drop(page, png(draw("circle", "green", (90, 60))))
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: own.png")
    search(page, "in red instead")
    page.route("**/api/explain", lambda route: route.fulfill(status=404, json=FORGOTTEN), times=1)
    open_image(page)
    with page.expect_response("**/api/uploads"):
        page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".wires .link")


FORGOTTEN = {"error": {"type": "NotFoundError", "message": "There is no such upload.", "hint": ""}}
