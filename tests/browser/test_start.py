"""The first minute: examples of this gallery, an honest line, and a gallery that is being indexed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.steps import RED_TO_BLUE, facts, hits, open_results, pick

NewPage = Callable[..., Page]
CIRCLE = {
    "id": "circle/red.png",
    "width": 240,
    "height": 180,
    "captions": [],
    "image": "/api/files/circle/red.png",
    "thumbnail": "/api/thumbnails/circle/red.png",
}
EXAMPLES = [{"reference": CIRCLE, "text": "in blue instead"}, {"text": "a green square"}]


def test_an_example_is_one_click_from_an_answer(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.route("**/api/examples?*", lambda route: route.fulfill(json={"examples": EXAMPLES}))
    page.goto(site)
    expect(page.locator("#start .example")).to_have_text(["“in blue instead”", "a green square"])
    page.get_by_role("button", name="Search with circle/red.png: in blue instead").click()
    page.wait_for_selector(".tile .score")
    assert "blue" in hits(page)[0]
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/red.png")
    expect(page.locator("#text")).to_have_value("in blue instead")
    expect(page.locator("#start")).to_be_hidden()
    page.go_back()
    expect(page.locator("#images-title")).to_have_text("Gallery")


def test_examples_step_back_for_a_question(page: Page) -> None:
    page.route("**/api/examples?*", lambda route: route.fulfill(json={"examples": EXAMPLES}))
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    pick(page, "circle/red.png")
    expect(page.locator("#start")).to_be_hidden()
    page.click("#clear")
    expect(page.locator("#start")).to_be_visible()


def test_a_stand_in_is_named_with_the_command_for_a_better_encoder(
    new_page: NewPage, site: str
) -> None:
    page = new_page()
    what = "mini is a stand-in, good at colours; CLIP finds far more"
    note = f"{what}: stitch models pull ViT-B-32 (605 MB to fetch once)."
    page.route("**/api/gallery?*", facts(encoder_note=note))
    page.goto(site)
    line = page.locator("#start .honest")
    expect(line.locator("summary")).to_have_text(f"{what}.")
    line.locator("summary").click()
    expect(line.locator("code")).to_have_text("stitch models pull ViT-B-32")
    expect(line.locator("p")).to_have_text("605 MB to fetch once.")


def test_what_was_said_of_a_stand_in_is_not_said_again(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.route("**/api/examples?*", lambda route: route.fulfill(json={"examples": EXAMPLES}))
    page.route("**/api/gallery?*", facts(encoder_note="mini is a stand-in: stitch models pull X"))
    page.goto(site)
    expect(page.locator("#start .honest")).to_be_visible()
    page.reload()
    expect(page.locator("#start .example")).to_have_count(2)
    expect(page.locator("#start .honest")).to_have_count(0)


def test_a_gallery_that_is_being_indexed_shows_how_far_it_is(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.clock.install()
    page.route("**/api/gallery?*", facts(images=16, complete=False, waiting=30))
    page.goto(site)
    page.wait_for_selector(".pic img")
    expect(page.locator("#indexing")).to_be_hidden()  # it may be a run that ended early
    for images in (24, 46):
        page.unroute("**/api/gallery?*")
        waiting = 46 - images
        page.route("**/api/gallery?*", facts(images=images, complete=waiting == 0, waiting=waiting))
        with page.expect_response("**/api/gallery?*"):
            page.clock.run_for(2_100)
        if waiting:
            expect(page.locator("#indexing")).to_contain_text("Being indexed: 24 of about 46")
            value = page.locator("#indexing progress").evaluate("bar => bar.value")
            assert round(value, 2) == round(24 / 46, 2)
    expect(page.locator("#indexing")).to_be_hidden()
    expect(page.locator("#about")).to_contain_text("46 images")
    expect(page.locator(".toast")).to_have_text("Indexing is finished: 46 images.")


def test_details_hold_what_is_jargon_and_stay_as_they_were(page: Page, site: str) -> None:
    open_results(page, site, **RED_TO_BLUE)
    for part in ("#captions-body", "#settings-body", "#facts", ".score .number >> nth=0"):
        expect(page.locator(part)).to_be_hidden()
    expect(page.locator("#looking > p")).to_have_text("Looking for: a blue thing")
    page.click("#details > summary")
    for part in ("#captions-body", "#settings-body", "#facts", ".score .number >> nth=0"):
        expect(page.locator(part)).to_be_visible()
    page.reload()
    expect(page.locator("#set-alpha")).to_be_visible()
    page.click("#details > summary")
    page.reload()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#facts")).to_be_hidden()
