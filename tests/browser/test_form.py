"""The question: what the form says, what it waits for, and what it does not lose."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import draw
from tests.browser.steps import (
    close_dialog,
    drop,
    hits,
    hold_next,
    open_image,
    open_results,
    pick,
    png,
    search,
)

NewPage = Callable[..., Page]


def test_the_label_fits_the_question(page: Page) -> None:
    label = page.locator("label[for=text]")
    expect(label).to_have_text("What are you looking for?")
    pick(page, "circle/red.png")
    expect(label).to_have_text("What should change?")
    page.click("#clear")
    expect(label).to_have_text("What are you looking for?")


def test_the_page_uses_the_word_image_only(page: Page, site: str) -> None:
    words = [page.locator("body").inner_text()]
    open_results(page, site)
    words.append(page.locator("body").inner_text())
    open_image(page)
    words.append(page.locator("#viewer").inner_text())
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".wires .link")
    page.locator("#why details").evaluate("one => { one.open = true; }")
    words.append(page.locator("#viewer").inner_text())
    close_dialog(page)
    page.click("#help")
    page.wait_for_selector("#help-dialog h3")
    words.append(page.locator("#help-dialog").inner_text())
    ours = [word.replace("in this picture", "").replace("a picture", "") for word in words]
    assert [word for word in ours if "icture" in word] == []


def test_earlier_results_are_marked_as_such(page: Page, site: str) -> None:
    open_results(page, site)
    first = hits(page)[0]
    earlier = page.locator("#earlier")
    expect(earlier).to_be_hidden()
    page.locator(".tile").first.hover()
    page.locator(".tile").first.get_by_role("button", name="Use as the new reference").click()
    expect(page.locator("#reference img")).to_have_attribute("alt", f"Reference: {first}")
    expect(earlier).to_contain_text("answer the question before, “in blue instead”")
    faded = page.locator(".tile img").first.evaluate("one => getComputedStyle(one).opacity")
    assert float(faded) < 1
    earlier.get_by_role("button", name="Back to that question").click()
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/red.png")
    expect(page.locator("#text")).to_have_value("in blue instead")
    expect(earlier).to_be_hidden()
    page.fill("#text", "in green instead")
    expect(earlier).to_be_visible()
    search(page, "in green instead")
    expect(earlier).to_be_hidden()


def test_a_search_waits_for_the_image_on_its_way(page: Page) -> None:
    """Searching without the image that was just dropped would answer another question."""
    with hold_next(page, "**/api/uploads") as release:
        drop(page, png(draw("square", "green", (50, 60))))
    expect(page.locator("#reference")).to_have_attribute("aria-busy", "")
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url) if "/search" in sent.url else None)
    page.fill("#text", "in red instead")
    page.press("#text", "Enter")
    assert requests == []
    with page.expect_request("**/api/search") as sent:
        release()
    assert "upload" in sent.value.post_data_json["reference"]
    page.wait_for_selector(".tile .score")


def test_a_search_does_not_go_on_without_a_refused_image(page: Page) -> None:
    with hold_next(page, "**/api/uploads") as release:
        drop(page, b"this is no image", name="notes.png")
    page.fill("#text", "in red instead")
    page.press("#text", "Enter")
    release()
    expect(page.locator("#form-problem")).to_contain_text("not")
    expect(page.locator("#images-title")).to_have_text("Gallery")
    page.press("#text", "Enter")  # now it is known that there is none
    page.wait_for_selector(".tile .score")


def test_a_text_that_is_too_long_is_not_cut(page: Page) -> None:
    page.fill("#text", "x" * 2001)
    page.press("#text", "Enter")
    expect(page.locator("#form-problem")).to_contain_text("2,001 characters; at most 2,000")
    expect(page.locator("#text")).to_have_value("x" * 2001)
    text = "🦊" * 2000  # two units each in the browser, one character each for the server
    page.fill("#text", text)
    page.press("#text", "Enter")
    page.wait_for_selector(".tile .score")
    page.reload()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#text")).to_have_value(text)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_image_that_the_browser_cannot_draw_is_shown_by_the_server(page: Page) -> None:
    """As HEIC in most browsers: the file is good, and the server's copy of it is a JPEG."""
    page.add_init_script("URL.createObjectURL = () => 'data:image/heic,no';")
    page.reload()
    page.wait_for_selector(".pic img")
    drop(page, png(draw("square", "green", (50, 60))), name="IMG_0001.HEIC")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: IMG_0001.HEIC")
    expect(page.locator("#reference img")).to_have_js_property("naturalWidth", 50)


def test_a_pasted_image_without_a_name(page: Page) -> None:
    drop(page, png(draw("square", "green", (50, 60))), name="", kind="paste")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: your image")


def test_an_image_of_the_gallery_is_dragged_with_its_thumbnail_file(page: Page) -> None:
    """Browsers add the thumbnail as a file: the gallery's own image is meant."""
    page.wait_for_selector("#reference[data-takes]")
    page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.setData("application/x-stitch-id", "circle/blue.png");
          carried.items.add(new File([new Uint8Array(9)], "thumbnail.jpg", { type: "image/jpeg" }));
          const drop = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
          document.getElementById("reference").dispatchEvent(drop);
        }"""
    )
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/blue.png")


def test_an_image_dragged_from_another_page_gets_a_hint(page: Page) -> None:
    """Only its address comes along; without care the browser would leave this page for it."""
    page.wait_for_selector("#reference[data-takes]")
    left = page.evaluate(
        """() => {
          const carried = new DataTransfer();
          carried.setData("text/uri-list", "https://example.org/cat.jpg");
          const drop = new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true });
          return document.body.dispatchEvent(drop);
        }"""
    )
    assert left is False  # the browser does not open the address
    expect(page.locator("#form-problem")).to_contain_text("Copy the image and paste it")


def test_a_thumbnail_that_a_busy_server_refused_comes_after_all(
    new_page: NewPage, site: str
) -> None:
    page = new_page()
    page.route(
        "**/api/thumbnails/circle/red.png*", lambda route: route.fulfill(status=503), times=1
    )
    page.goto(site)
    image = page.locator('.pic[data-id="circle/red.png"] img')
    expect(image).to_have_attribute("src", re.compile("again=1"))
    expect(image).to_have_js_property("naturalWidth", 240)
    assert page.locator(".broken").count() == 0


def test_without_any_storage(new_page: NewPage, site: str) -> None:
    """Blocked cookies make every use of a storage an error."""
    page = new_page()
    page.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"])
             Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });"""
    )
    page.goto(site)
    page.wait_for_selector(".pic img")
    page.click("#theme")
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    page.go_back()
    expect(page.locator("#images-title")).to_have_text("Gallery")
    page.click("#help")
    page.get_by_label("Single-key shortcuts").uncheck()


def test_late_parts_report_when_they_fail(page: Page) -> None:
    search(page, "a red circle")
    for part in ("viewer", "settings", "help"):
        page.route(f"**/static/{part}.js", lambda route: route.abort())
    page.click("#details > summary")
    expect(page.locator("#settings-body")).to_contain_text("could not be loaded")
    page.locator(".tile .pic").first.click()
    expect(page.locator(".toast")).to_contain_text("The image could not be opened")
    page.wait_for_url(re.compile("#t=a[+]red[+]circle$"))
    page.click("#help")
    expect(page.locator(".toast")).to_contain_text("The help could not be loaded")
