from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, draw
from tests.browser.steps import (
    RED_TO_BLUE,
    drop,
    hits,
    link,
    members,
    open_details,
    open_image,
    open_results,
    pick,
    png,
    search,
)


def test_pick_an_image_describe_the_change_and_search(page: Page) -> None:
    pick(page, "circle/red.png")
    expect(page.locator("#text")).to_be_focused()
    search(page, "in blue instead")
    assert "blue" in hits(page)[0]
    assert "circle/red.png" not in hits(page)
    expect(page.locator("#live")).to_contain_text("15 images found. Best: ")
    expect(page.locator("#facts")).to_contain_text("test (")
    expect(page.locator("#facts")).to_contain_text("α 0.45")
    expect(page.locator("#facts")).to_contain_text("τ 0.001")
    expect(page.locator("#understood li")).not_to_have_count(0)
    expect(page.locator("#looking")).to_contain_text("Looking for: ")
    assert page.url.endswith("#r=circle%2Fred.png&t=in+blue+instead")


def test_text_alone_and_image_alone(page: Page) -> None:
    search(page, "a green square")
    assert "green" in hits(page)[0]
    page.click("#to-gallery")
    page.wait_for_selector(".pic[aria-pressed]")
    page.fill("#text", "")
    pick(page, "square/yellow.png")
    page.click("#search")
    page.wait_for_selector(".tile .score")
    assert "yellow" in hits(page)[0]
    expect(page.locator("#captions-body")).to_contain_text("the views of the image itself")


@pytest.mark.parametrize("way", ["drop", "paste", "choose"])
def test_an_uploaded_image(page: Page, way: str) -> None:
    content = png(draw("circle", "green", (300, 200)))
    if way == "choose":
        page.set_input_files(
            "#file", {"name": "own.png", "mimeType": "image/png", "buffer": content}
        )
    else:
        drop(page, content, kind=way)
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: own.png")
    search(page, "in red instead")
    assert "red" in hits(page)[0] or hits(page)[0] == HOSTILE
    # the browser's own entry of the history knows the upload: a reload brings it back
    page.reload()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#reference img")).to_be_visible()
    # the address does not
    assert page.url.endswith("#u=1&t=in+red+instead")
    page.click("#share")
    expect(page.locator(".toast, #notes")).to_contain_text(
        [re.compile("cannot be shared|not part of it")]
    )


def test_a_link_with_an_upload_names_what_is_missing(
    new_page: Callable[..., Page], site: str
) -> None:
    page = new_page()
    page.goto(link(site, u=1, t="in red instead"))
    expect(page.locator(".state h3")).to_have_text("The image of this link is not here")
    expect(page.locator("#text")).to_have_value("in red instead")
    page.set_input_files(
        "#file",
        {"name": "a.png", "mimeType": "image/png", "buffer": png(draw("square", "blue", (99, 99)))},
    )
    page.wait_for_selector("#reference img")
    page.click("#search")
    page.wait_for_selector(".tile .score")


def test_an_upload_the_server_forgot_is_sent_again(page: Page) -> None:
    drop(page, png(draw("triangle", "green", (222, 111))))
    page.wait_for_selector("#reference .act")
    page.evaluate("history.replaceState({ ...history.state }, '')")
    page.route("**/api/search", _forget_once())
    search_answers: list[int] = []
    page.on(
        "response",
        lambda got: search_answers.append(got.status) if "/api/search" in got.url else None,
    )
    page.fill("#text", "in red instead")
    page.press("#text", "Enter")
    page.wait_for_selector(".tile .score")
    assert search_answers == [404, 200]


def _forget_once() -> Callable[..., None]:
    requests: list[str] = []

    def handle(route) -> None:  # type: ignore[no-untyped-def]
        requests.append(route.request.post_data)
        if len(requests) == 1:
            error = {"type": "NotFoundError", "message": "There is no such upload.", "hint": ""}
            route.fulfill(status=404, json={"error": error})
        else:
            assert requests[0] != requests[1]  # another token
            route.continue_()

    return handle


def test_an_image_of_the_gallery_is_recognised(page: Page) -> None:
    drop(page, png(draw("circle", "red", (240, 180))), name="mine.png")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/red.png")
    expect(page.locator(".toast")).to_contain_text("The gallery has this very image")


def test_captions_are_edited_weighed_switched_off_and_added(page: Page, site: str) -> None:
    open_results(page, site)
    open_details(page)
    composed = members(page)
    before = hits(page)
    assert len(composed) >= 2
    with page.expect_request("**/api/search") as request:
        page.locator("#captions input[type=checkbox]").nth(1).uncheck()
    assert [caption["on"] for caption in request.value.post_data_json["captions"]][:2] == [
        True,
        False,
    ]
    expect(page.locator("#captions-count")).to_contain_text(
        f"{len(composed) - 1} of {len(composed)} · edited"
    )
    with page.expect_request("**/api/search") as request:
        page.locator("#captions textarea").first.fill("a yellow thing")
        page.locator("#captions textarea").first.press("Enter")
    assert request.value.post_data_json["captions"][0]["text"] == "a yellow thing"
    expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    with page.expect_request("**/api/search") as request:
        page.locator("#captions .weight").first.fill("9")
        page.locator("#captions .weight").first.press("Tab")
    assert request.value.post_data_json["captions"][0]["weight"] == 9
    page.get_by_role("button", name="Add a caption").click()
    with page.expect_request("**/api/search") as request:
        page.keyboard.type("a yellow square")
        page.keyboard.press("Enter")
    assert request.value.post_data_json["captions"][-1]["text"] == "a yellow square"
    expect(page.locator("#facts")).to_contain_text(f"K {len(composed)} ")
    assert hits(page) != before
    assert any("yellow" in hit for hit in hits(page)[:3])
    # all of it stands in the address, and comes back
    edited = members(page)
    page.goto("about:blank")
    page.go_back()
    page.wait_for_selector(".tile .score")
    assert members(page) == edited
    assert not page.locator("#captions input[type=checkbox]").nth(1).is_checked()
    open_details(page)
    expect(page.locator("#set-num_captions")).to_be_disabled()
    expect(page.locator("#hint-num_captions")).to_have_text("Your own captions are used.")
    page.get_by_role("button", name="Compose anew").click()
    expect(page.locator("#captions-count")).to_have_text(str(len(composed)))
    assert members(page) == composed


def test_captions_of_another_question_do_not_go_along(page: Page, site: str) -> None:
    open_results(page, site, **RED_TO_BLUE, c='[{"text":"a black square","weight":1,"on":true}]')
    open_details(page)
    assert members(page) == ["a black square"]
    page.fill("#text", "in green instead")
    expect(page.locator("#captions textarea").first).to_be_disabled()
    search(page, "in green instead")
    assert any("green" in text for text in members(page))
    assert "c=" not in page.url


def test_settings(page: Page, site: str) -> None:
    open_results(page, site)
    open_details(page)
    with page.expect_request("**/api/search") as request:
        page.locator("#set-alpha").press("ArrowRight")
    assert request.value.post_data_json["settings"]["alpha"] == 0.5
    expect(page.locator("#facts")).to_contain_text("α 0.5")
    with page.expect_request("**/api/search") as request:
        page.locator("#set-num_captions").press("Home")
    assert request.value.post_data_json["settings"]["num_captions"] == 1
    expect(page.locator("#captions textarea")).to_have_count(1)
    page.click("#settings .advanced summary")
    page.select_option("#set-scorer", "chamfer")
    expect(page.locator("#facts")).to_contain_text("Chamfer")
    page.fill("#set-hits", "3")
    page.press("#set-hits", "Enter")
    expect(page.locator(".tile")).to_have_count(3)
    page.click("#more")
    expect(page.locator(".tile")).to_have_count(15)
    expect(page.locator("#settings-count")).to_have_text("3 changed")
    page.click("#reset")
    expect(page.locator("#facts")).to_contain_text("preset paper")


def test_less_like_this(page: Page, site: str) -> None:
    open_results(page, site)
    first = hits(page)[0]
    page.locator(".tile").first.hover()
    page.locator(".tile").first.get_by_role("button", name="Less like this").click()
    expect(page.locator("#less .chip")).to_have_count(1)
    expect(page.locator(".tile .pic").first).not_to_have_attribute("data-id", first)
    assert first not in hits(page)
    assert "n=" in page.url
    page.click("#less .chip")
    expect(page.locator("#less")).to_be_hidden()
    expect(page.locator(".tile .pic").first).to_have_attribute("data-id", first)


def test_steps_back_and_forward(page: Page) -> None:
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    first = hits(page)
    page.locator(".tile").first.hover()
    page.locator(".tile").first.get_by_role("button", name="Use as the new reference").click()
    expect(page.locator("#reference img")).to_have_attribute("alt", f"Reference: {first[0]}")
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_value("")
    page.mouse.wheel(0, 400)
    search(page, "in yellow instead")
    expect(page.locator("#trail")).to_be_in_viewport()
    second = hits(page)
    assert second != first
    expect(page.locator("#trail .step")).to_have_count(2)
    expect(page.locator("#trail [aria-current]")).to_have_text("in yellow instead")
    page.go_back()
    expect(page.locator("#text")).to_have_value("in blue instead")
    assert hits(page) == first
    expect(page.locator("#trail [aria-current]")).to_have_text("in blue instead")
    page.locator("#trail .step").nth(1).click()
    expect(page.locator("#text")).to_have_value("in yellow instead")
    assert hits(page) == second
    page.reload()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#trail .step")).to_have_count(2)
    page.go_back()
    expect(page.locator("#text")).to_have_value("in blue instead")
    page.go_back()
    expect(page.locator("#images-title")).to_have_text("Gallery")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/red.png")


def test_a_shared_address_gives_the_same(new_page: Callable[..., Page], page: Page) -> None:
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    open_details(page)
    page.locator("#set-alpha").press("End")
    expect(page.locator("#facts")).to_contain_text("α 1")
    hit_ids = hits(page)
    other = new_page()
    other.goto(page.url)
    other.wait_for_selector(".tile .score")
    assert hits(other) == hit_ids
    expect(other.locator("#text")).to_have_value("in blue instead")
    other.reload()
    other.wait_for_selector(".tile .score")
    assert hits(other) == hit_ids


def test_user_text_never_stands_in_a_request_address(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url.partition("#")[0]))
    search(page, "zanzibar")
    page.reload()
    page.wait_for_selector(".tile .score")
    assert requests
    assert not any("zanzibar" in url for url in requests)


def test_html_in_names_and_captions_is_text(page: Page, site: str) -> None:
    pick(page, HOSTILE)
    search(page, "<img src=x onerror=window.hurt=1> in blue")
    open_results(
        page,
        site,
        r="circle/red.png",
        t="<b>x</b>",
        c='[{"text":"<img src=x onerror=window.hurt=1>","weight":1,"on":true}]',
        n=[HOSTILE],
    )
    open_image(page)
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".met")
    assert page.locator("img[src='x'], img[src$='/x'], .said b, .looking b").count() == 0
    assert page.evaluate("window.hurt") is None
    expect(page.locator("#why .said")).to_have_text("<img src=x onerror=window.hurt=1>")


def test_the_gallery_is_filtered(page: Page) -> None:
    page.fill("#filter", "triangle")
    expect(page.locator("#images-count")).to_have_text("5 images")
    expect(page.locator(".tile")).to_have_count(5)
    page.fill("#filter", "nowhere")
    expect(page.locator(".state h3")).to_have_text("Nothing matches")
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator(".tile")).to_have_count(16)
