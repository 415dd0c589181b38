"""A gallery that a cluster searches, while one of its shards does not answer.

The answers are those that a server on a cluster gives, which ``tests/extras/test_cluster_search.py``
checks; here a route of the browser makes them of the answers of a server on one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.steps import RED_TO_BLUE, hits, link, open_details
from tests.browser.test_access import AXE, audit

NewPage = Callable[..., Page]
WHY = (
    "The shard 2 of 2 of photographs-of-the-summer-exhibition does not answer: 27d0cec5af13:1/2:0 on "
    "node-17.archive.example: The actor died unexpectedly before finishing this task."
)
HINT = (
    "Is its node up (stitch cluster status)? A shard is started again by itself; then search again."
)
UNREACHABLE = f"Whether the gallery has 'circle/red.png' cannot be said: {WHY}"
UNREACHABLE_HINT = "Search again when all shards answer, or with another image."
PARTIALLY = "Search without what is missing"
PARTIAL = {
    "name": "partial",
    "kind": "flag",
    "default": False,
    "title": "Search without missing shards",
    "help": "Where a cluster searches: answer while shards of the dataset are missing.",
    "symbol": "",
    "minimum": None,
    "maximum": None,
    "open": False,
    "choices": [],
    "used_by": [],
}
HERE = 10
"""Images in the shards that answer, of sixteen."""


def refuse(route: Route, message: str = WHY, hint: str = HINT) -> None:
    error = {"type": "ClusterError", "message": message, "hint": hint}
    route.fulfill(status=503, json={"error": error})


def answer_without_a_shard(route: Route) -> None:
    """Refuse a search, unless it says ``partial``: then answer with the images that are there."""
    if not route.request.post_data_json["settings"].get("partial"):
        refuse(route)
        return
    answer = route.fetch()
    results: dict[str, Any] = answer.json()["results"]
    results |= {"complete": False, "missing": [WHY], "ranked": HERE, "total": HERE}
    results["hits"] = results["hits"][:HERE]
    results["notes"] = [*results["notes"], f"Images are missing: {WHY}"]
    route.fulfill(response=answer, json={"results": results})


def declare_partial(route: Route) -> None:
    """Describe the gallery as that of a cluster, where searches have one more setting."""
    answer = route.fetch()
    about = answer.json()
    about["settings"].append(PARTIAL)
    route.fulfill(response=answer, json=about)


@pytest.fixture
def new_page(new_page: NewPage) -> NewPage:
    """Open pages of a server on a cluster, whose second shard does not answer searches."""

    def in_shards(**context: Any) -> Page:
        page = new_page(**context)
        page.route("**/api/gallery?*", declare_partial)
        page.route("**/api/search", answer_without_a_shard)
        return page

    return in_shards


def list_without_a_shard(route: Route) -> None:
    """Refuse what is said of the gallery, unless it may be partial: then say what is missing."""
    if "partial=true" not in route.request.url:
        refuse(route)
        return
    answer = route.fetch()
    data = answer.json()
    data["missing"] = [WHY]
    if "/api/gallery" in route.request.url:
        data |= {"images": HERE, "settings": [*data["settings"], PARTIAL]}
        data["notes"] = [*data["notes"], f"Images are missing: {WHY}"]
    if "/api/images" in route.request.url:
        data |= {"total": HERE, "images": data["images"][:HERE]}
    route.fulfill(response=answer, json=data)


LOOKING = ("gallery", "images", "sections", "facets", "examples")


@pytest.fixture
def half(page: Page) -> Page:
    """A page of a gallery that lacks a shard from the beginning."""
    for path in LOOKING:
        page.route(f"**/api/{path}?*", list_without_a_shard)
    return page


def open_fault(page: Page, site: str, **parts: str) -> None:
    """Open the address of a search and wait for what is said in place of images."""
    page.goto(link(site, **(parts or RED_TO_BLUE)))
    expect(page.locator(".state")).to_have_attribute("role", "alert")


def test_the_page_opens_while_a_shard_is_missing(half: Page, site: str) -> None:
    half.goto(site)
    expect(half.locator(".tile")).to_have_count(HERE)
    expect(half.locator("#images-count")).to_have_text(f"{HERE} images · incomplete")
    expect(half.locator("#about")).to_contain_text(f"{HERE} images (incomplete)")
    expect(half.locator("#notes")).to_contain_text(f"Images are missing: {WHY}")
    expect(half.get_by_role("status")).to_contain_text("A part of the gallery is missing.")
    # a search needs all parts, and offers to go on without
    half.locator("#text").fill("a red circle")
    half.locator("#text").press("Enter")
    expect(half.locator(".state h3")).to_have_text("A part of the gallery does not answer")


def test_the_list_is_whole_again_when_the_shard_answers(half: Page, site: str) -> None:
    half.goto(site)
    expect(half.locator("#images-count")).to_contain_text("incomplete")
    for path in LOOKING:
        half.unroute(f"**/api/{path}?*")
    half.locator("#filter").fill("circle")
    expect(half.locator("#images-count")).not_to_contain_text("incomplete")
    expect(half.locator("#about")).to_contain_text("16 images ·")
    expect(half.locator("#notes")).not_to_contain_text("missing")


def test_a_search_can_go_on_without_the_shard(page: Page, site: str) -> None:
    open_fault(page, site)
    expect(page.locator(".state h3")).to_have_text("A part of the gallery does not answer")
    expect(page.locator(".state")).to_contain_text(WHY)
    # a command of whoever runs the cluster says nothing to a reader
    expect(page.locator(".state")).not_to_contain_text("stitch cluster")
    page.get_by_role("button", name=PARTIALLY).press("Enter")
    expect(page.locator(".tile")).to_have_count(HERE)
    expect(page.locator("#images")).to_be_focused()
    expect(page.locator("#images-count")).to_have_text(f"{HERE} of {HERE} · incomplete")
    expect(page.locator("#notes")).to_contain_text(f"Images are missing: {WHY}")
    expect(page.get_by_role("status")).to_contain_text("A part of the gallery is missing.")
    assert "partial=1" in page.url
    # the setting can be seen, and taken back
    open_details(page)
    page.locator("#settings .advanced").evaluate("one => { one.open = true; }")
    expect(page.get_by_label("Search without missing shards")).to_be_checked()
    page.locator("#undo").click()
    expect(page.locator(".state h3")).to_have_text("A part of the gallery does not answer")


def test_nothing_is_said_to_be_missing_once_the_shard_answers_again(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, partial="1"))
    expect(page.locator("#images-count")).to_contain_text("incomplete")
    page.unroute("**/api/search")
    page.locator("#text").press("Enter")
    expect(page.locator(".tile")).to_have_count(15)
    expect(page.locator("#images-count")).to_have_text("15 of 15")
    expect(page.locator("#notes")).not_to_contain_text("missing")


def test_trying_again_asks_for_everything(page: Page, site: str) -> None:
    open_fault(page, site)
    page.unroute("**/api/search")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".tile")).to_have_count(15)
    assert "partial" not in page.url


def test_where_no_shard_answers_nothing_more_is_offered(page: Page, site: str) -> None:
    page.route("**/api/search", lambda route: refuse(route))
    open_fault(page, site, **RED_TO_BLUE, partial="1")
    expect(page.locator(".state h3")).to_have_text("No part of the gallery answers")
    expect(page.get_by_role("button", name=PARTIALLY)).to_have_count(0)


def test_a_reference_that_may_be_in_the_missing_shard(page: Page, site: str) -> None:
    def answer(route: Route) -> None:
        if route.request.post_data_json["reference"]:
            refuse(route, UNREACHABLE, UNREACHABLE_HINT)
        else:
            answer_without_a_shard(route)

    page.route("**/api/search", answer)
    open_fault(page, site, **RED_TO_BLUE, partial="1")
    expect(page.locator(".state h3")).to_contain_text("may be in the part that is missing")
    expect(page.get_by_role("button", name=PARTIALLY)).to_have_count(0)
    page.get_by_role("button", name="Search with the words alone").click()
    expect(page.locator("#images-count")).to_contain_text("incomplete")
    assert len(hits(page)) == HERE


def test_another_fault_of_the_cluster_is_not_called_a_missing_part(page: Page, site: str) -> None:
    changed = "The shards of shapes were changed during this search."
    page.route("**/api/search", lambda route: refuse(route, changed, "Search again."))
    open_fault(page, site)
    expect(page.locator(".state h3")).to_have_text("The cluster cannot answer")
    expect(page.get_by_role("button", name=PARTIALLY)).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_everybody_can_read_it(new_page: NewPage, site: str, scheme: str, width: int) -> None:
    page = new_page(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    open_fault(page, site)
    wide = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(wide) <= 0
    assert not AXE.is_file() or audit(page) == []
    page.get_by_role("button", name=PARTIALLY).click()
    expect(page.locator("#images-count")).to_contain_text("incomplete")
    assert page.evaluate(wide) <= 0
    assert not AXE.is_file() or audit(page) == []
