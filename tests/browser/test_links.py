"""Links that are damaged, old or out of range; and what the gallery itself has to say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import ProgressEvent, index_folder
from tests.browser.conftest import fill
from tests.browser.steps import (
    RED_TO_BLUE,
    close_dialog,
    facts,
    hits,
    link,
    open_details,
    open_results,
    search,
)

NewPage = Callable[..., Page]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ({"k": "-3"}, "number of captions “-3”"),
        ({"k": "2.5"}, "number of captions “2.5”"),
        ({"k": "65"}, "number of captions “65”"),
        ({"a": "7"}, "alpha “7”"),
        ({"a": "much"}, "alpha “much”"),
        ({"tau": "0"}, "tau “0”"),
        ({"b": "-1"}, "beta “-1”"),
        ({"l": "1e9"}, "weight of less like “1e9”"),
        ({"m": "Infinity"}, "least score “Infinity”"),
        ({"o": "sideways"}, "transition “sideways”"),
        ({"s": "guess"}, "scorer “guess”"),
        ({"h": "0"}, "hits “0”"),
        ({"c": "[{"}, "edited captions “[{”"),
    ],
)
def test_a_part_that_makes_no_sense_is_left_out_and_named(
    page: Page, site: str, part: dict[str, str], name: str
) -> None:
    page.goto(link(site, **RED_TO_BLUE, **part))
    page.wait_for_selector(".tile .score")
    warning = page.locator("#warning")
    expect(warning).to_contain_text(f"left out: {name}.")
    expect(page.locator("#live")).to_contain_text("15 images found")
    expect(page.locator("#settings-count")).to_have_text("standard")
    assert page.url == link(site, **RED_TO_BLUE)  # what is shared from here is whole
    search(page, "in green instead")
    expect(warning).to_be_hidden()


@pytest.mark.parametrize("lost", ["%E0%A4%A&&==&r", "x=only", "c=[", "k=-3", "n=gone.png", "#"])
def test_an_empty_fragment_shows_the_gallery(page: Page, site: str, lost: str) -> None:
    page.goto(f"{site}#{lost}")
    expect(page.locator("#images-title")).to_have_text("Gallery")
    expect(page.locator(".tile").first).to_be_visible()


def test_a_reference_that_is_not_here(page: Page, site: str) -> None:
    page.goto(link(site, r="gone/away.png", t="in red"))
    expect(page.locator(".state h3")).to_have_text("The reference is not here")
    expect(page.locator(".state")).to_contain_text("no image “gone/away.png”")
    expect(page.locator(".state")).not_to_contain_text("printed by")
    page.get_by_role("button", name="Search with the words alone").click()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#choose")).to_be_visible()
    page.go_back()
    expect(page.locator(".state h3")).to_have_text("The reference is not here")
    page.get_by_role("button", name="Choose another image").last.click()
    expect(page.locator("#images-title")).to_have_text("Gallery")
    page.goto(link(site, r="gone/away.png"))
    expect(page.locator(".state button")).to_have_text(["Choose another image", "To the gallery"])


def test_an_explained_image_that_is_not_here(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, x="gone.png"))
    expect(page.locator("#viewer .state")).to_contain_text("no image “gone.png”")
    expect(page.locator("#viewer .state")).not_to_contain_text("/api/")
    close_dialog(page)
    expect(page.locator(".tile")).to_have_count(15)


def test_a_setting_that_only_the_server_refuses(page: Page, site: str) -> None:
    error = {"type": "SettingError", "message": "α is odd.", "hint": "See /openapi.json."}
    page.route(
        "**/api/search", lambda route: route.fulfill(status=422, json={"error": error}), times=1
    )
    page.goto(link(site, **RED_TO_BLUE, a="0.3"))
    expect(page.locator(".state")).to_contain_text("α is odd.")
    expect(page.locator(".state")).not_to_contain_text("openapi")
    page.get_by_role("button", name="Search with the standard settings").click()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#settings-count")).to_have_text("standard")


def test_a_number_that_cannot_be_is_refused_where_it_is_typed(page: Page, site: str) -> None:
    open_results(page, site)
    hit_ids = hits(page)
    open_details(page)
    page.click("#settings .advanced summary")
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    for name, value in [("tau", "0"), ("beta", "2"), ("hits", "0"), ("negative_weight", "-1")]:
        page.fill(f"#set-{name}", value)
        page.press(f"#set-{name}", "Tab")
        expect(page.locator(f".field:has(#set-{name}) .wrong")).to_contain_text(
            "last search stands"
        )
        expect(page.locator(f"#set-{name}")).to_have_attribute("aria-invalid", "true")
    assert (requests, hits(page)) == ([], hit_ids)
    with page.expect_response("**/api/search"):
        page.fill("#set-beta", "0.4")
        page.press("#set-beta", "Tab")
    expect(page.locator(".field:has(#set-beta) .wrong")).to_be_hidden()


def test_notes_of_the_gallery_are_shown(new_page: NewPage, site: str) -> None:
    page = new_page()
    note = "The cache was damaged and has been rebuilt."
    page.route("**/api/gallery?*", facts(notes=[note]))
    page.goto(site)
    expect(page.locator("#notes li")).to_have_text([note])
    search(page, "a red circle")
    expect(page.locator("#notes")).to_contain_text(note)
    page.unroute("**/api/gallery?*")
    page.route("**/api/gallery?*", facts(notes=["3 images are being added."]))
    page.click("#to-gallery")  # what the gallery has to say now
    expect(page.locator("#notes li")).to_have_text(["3 images are being added."])
    page.unroute("**/api/gallery?*")
    page.route("**/api/gallery?*", facts(notes=[]))
    search(page, "a red circle")
    page.click("#to-gallery")
    expect(page.locator("#notes")).to_be_hidden()


def test_an_incomplete_gallery_is_noted_once(
    new_page: NewPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    folder = fill(tmp_path / "shapes")

    def stop(step: ProgressEvent) -> None:
        if step.stage == "indexing" and step.done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=HashEncoder(), batch_size=4, workers=1, progress=stop)
    page = new_page()
    page.goto(serve(folder))
    said = page.locator("#notes li", has_text="The gallery is incomplete: 12 files")
    expect(said).to_have_count(1)
    search(page, "a red circle")
    expect(said).to_have_count(1)


def test_notes_of_a_search_are_shown_once(page: Page) -> None:
    def handle(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["results"]["notes"] = ["The caption was cut.", "k was lowered.", "k was lowered."]
        route.fulfill(response=answer, json=body)

    page.route("**/api/search", handle)
    search(page, "a red circle")
    notes = page.locator("#notes li").all_inner_texts()
    assert notes[-2:] == ["The caption was cut.", "k was lowered."]
