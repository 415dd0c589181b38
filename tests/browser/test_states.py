from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from tests.browser.conftest import draw, fill
from tests.browser.steps import (
    RED_TO_BLUE,
    drop,
    hits,
    hold_next,
    link,
    open_details,
    open_results,
    pick,
    png,
    search,
)

Serve = Callable[..., str]
NewPage = Callable[..., Page]


def test_an_empty_gallery(new_page: NewPage, serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw("circle", "red").save(folder / "one.png")
    index_folder(folder, encoder=HashEncoder())
    (folder / "one.png").unlink()
    index_folder(folder, encoder=HashEncoder(), allow_missing=True)
    address = serve(folder)
    page = new_page()
    page.goto(address)
    expect(page.locator(".state h3")).to_have_text("This gallery is empty")
    expect(page.locator(".state")).to_contain_text("stitch index FOLDER")
    page.fill("#text", "a dog")
    page.press("#text", "Enter")
    expect(page.locator(".state h3")).to_have_text("Nothing is left to rank")


def test_an_empty_query(page: Page) -> None:
    page.click("#search")
    expect(page.locator("#form-problem")).to_contain_text("Choose an image, or write")
    expect(page.locator("#text")).to_be_focused()


def test_no_result_above_the_least_score(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, m="1.999"))
    expect(page.locator(".state h3")).to_have_text("Nothing is that near")
    page.get_by_role("button", name="Take the limit away").click()
    expect(page.locator(".tile")).to_have_count(15)


def test_a_reference_that_is_gone(page: Page, site: str) -> None:
    page.goto(link(site, r="gone/away.png", t="in red"))
    expect(page.locator(".state")).to_contain_text("gone/away.png")
    page.get_by_role("button", name="Choose another image").last.click()
    expect(page.locator("#images-title")).to_have_text("Gallery")
    expect(page.locator("#choose")).to_be_visible()


def test_a_missing_negative(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, n="gone.png"))
    page.get_by_role("button", name="Search without").click()
    expect(page.locator(".tile")).to_have_count(15)


def test_an_image_whose_file_is_missing(new_page: NewPage, serve: Serve, tmp_path: Path) -> None:
    folder = fill(tmp_path / "shapes")
    index_folder(folder, encoder=HashEncoder())
    (folder / "circle/blue.png").unlink()
    page = new_page()
    page.goto(link(serve(folder), **RED_TO_BLUE))
    page.wait_for_selector(".tile .score")
    tile = page.locator('.tile:has([data-id="circle/blue.png"])')
    expect(tile.locator(".broken")).to_have_text("no image")
    # its vectors are still here: it can be explained
    tile.locator(".pic").click()
    expect(page.locator("#viewer .broken")).to_contain_text("The file is gone")
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".met")
    expect(page.locator("#why .broken")).to_contain_text("The file is gone")


def test_the_server_is_away_and_comes_back(page: Page) -> None:
    pick(page, "circle/red.png")
    page.fill("#text", "in blue instead")
    page.route("**/api/**", lambda route: route.abort("internetdisconnected"))
    page.press("#text", "Enter")
    expect(page.locator(".state h3")).to_have_text("The server is away")
    expect(page.locator(".state")).to_have_attribute("role", "alert")
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#text")).to_have_value("in blue instead")


def test_away_at_the_start(new_page: NewPage, site: str) -> None:
    page = new_page()
    page.route("**/api/gallery?*", lambda route: route.abort())
    page.goto(link(site, **RED_TO_BLUE))
    expect(page.locator(".state h3")).to_have_text("The server is away")
    page.unroute("**/api/gallery?*")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".tile .score")


def test_too_many_requests(page: Page) -> None:
    error = {"type": "RateError", "message": "Too many requests.", "hint": "Ask again."}
    page.route(
        "**/api/search",
        lambda route: route.fulfill(
            status=429, headers={"retry-after": "60"}, json={"error": error}
        ),
        times=1,
    )
    page.clock.install()
    page.fill("#text", "a red circle")
    page.press("#text", "Enter")
    expect(page.locator(".state h3")).to_have_text("A moment, please")
    again = page.locator(".state .primary")
    expect(again).to_contain_text("Try again in ")
    expect(again).to_be_disabled()
    page.clock.fast_forward(61_000)
    expect(again).to_be_enabled()
    again.click()
    page.wait_for_selector(".tile .score")


def test_refused_uploads(page: Page) -> None:
    drop(page, b"this is no picture", name="<b>notes</b>.png")
    expect(page.locator("#form-problem")).to_contain_text("not")
    drop(page, b"0" * ((1 << 20) + 1), name="large.png")
    expect(page.locator("#form-problem")).to_contain_text("at most 1.0 MB")
    expect(page.locator("#choose")).to_be_visible()
    drop(page, png(draw("square", "green", (50, 60))))
    expect(page.locator("#form-problem")).to_be_hidden()


def test_a_search_is_cancelled(page: Page) -> None:
    with hold_next(page, "**/api/search"):
        page.fill("#text", "a red circle")
        page.press("#text", "Enter")
    expect(page.locator(".waiting")).to_contain_text("Writing captions")
    expect(page.locator(".ghost").first).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".state h3")).to_have_text("Cancelled")
    page.get_by_role("button", name="Search again").click()
    page.wait_for_selector(".tile .score")


def test_a_newer_query_overtakes_an_older_one(page: Page) -> None:
    with hold_next(page, "**/api/search"):
        page.fill("#text", "a red circle")
        page.press("#text", "Enter")
    expect(page.locator(".waiting")).to_be_visible()
    search(page, "a blue square")
    expect(page.locator("#trail [aria-current] > span").last).to_have_text("a blue square")
    hit_ids = hits(page)
    page.wait_for_timeout(100)
    assert hits(page) == hit_ids


def test_all_captions_off_keeps_the_results(page: Page, site: str) -> None:
    open_results(page, site, **RED_TO_BLUE)
    open_details(page)
    before, address = hits(page), page.url
    ticks = page.locator("#captions input[type=checkbox]")
    for tick in ticks.all()[1:]:
        with page.expect_response("**/api/search"):
            tick.uncheck()
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    ticks.first.uncheck()
    expect(page.locator("#captions-body")).to_contain_text("All are switched off")
    expect(page.locator("#captions-count")).to_have_text(f"0 of {ticks.count()} · edited")
    expect(page.locator(".tile")).to_have_count(len(before))
    page.click("#search")
    expect(page.locator("#form-problem")).to_contain_text("All captions are switched off")
    assert requests == []
    with page.expect_response("**/api/search"):
        ticks.nth(1).check()
    expect(page.locator("#form-problem")).to_be_hidden()
    page.get_by_role("button", name="Compose anew").click()
    expect(page.locator("#captions-count")).to_have_text(str(ticks.count()))
    assert hits(page) == before
    assert page.url == address


def test_a_link_with_all_captions_off(page: Page, site: str) -> None:
    page.goto(link(site, **RED_TO_BLUE, c='[{"text":"a blue circle","weight":1,"on":false}]'))
    expect(page.locator(".state h3")).to_have_text("All captions are switched off")
    page.get_by_role("button", name="Switch them on").click()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#captions textarea")).to_have_value("a blue circle")
    page.click("#undo")
    page.get_by_role("button", name="Compose anew").last.click()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#captions textarea")).not_to_have_count(1)


def test_a_gallery_that_shrank(new_page: NewPage, serve: Serve, tmp_path: Path) -> None:
    folder = fill(tmp_path / "shapes")
    index_folder(folder, encoder=HashEncoder())
    page = new_page()
    page.goto(serve(folder))
    page.wait_for_selector(".pic img")
    for name in ("black", "green"):
        (folder / "square" / f"{name}.png").unlink()
    index_folder(folder, encoder=HashEncoder())
    assert len(Gallery.open(folder, encoder=HashEncoder())) == 14
    page.fill("#text", "a red circle")
    page.press("#text", "Enter")
    expect(page.locator(".tile .score")).to_have_count(14)


def test_a_changed_setting_is_cancelled_with_the_old_hits_in_sight(page: Page, site: str) -> None:
    open_results(page, site)
    page.route("**/api/search", lambda route: None)
    open_details(page)
    page.locator("#set-alpha").press("Home")
    expect(page.locator("#images-count")).to_have_text("searching …")
    expect(page.locator("#stage")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".tile")).to_have_count(15)
    page.locator("#to-gallery").focus()
    page.keyboard.press("Escape")
    expect(page.locator(".state h3")).to_have_text("Cancelled")


def test_an_answer_takes_nothing_away_from_who_types(page: Page, site: str) -> None:
    open_results(page, site)
    open_details(page)
    with hold_next(page, "**/api/search") as release:
        page.locator("#captions textarea").first.fill("a yellow thing")
        page.locator("#captions textarea").first.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Add a caption").click()
    page.keyboard.type("a yellow sq")
    with page.expect_response("**/api/search"):
        release()
    expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#captions-count")).to_contain_text("edited")
    page.keyboard.type("uare")
    with page.expect_request("**/api/search") as request:
        page.keyboard.press("Enter")
    texts = [caption["text"] for caption in request.value.post_data_json["captions"]]
    assert (texts[0], texts[-1]) == ("a yellow thing", "a yellow square")


def test_two_images_dropped_in_haste(page: Page) -> None:
    with hold_next(page, "**/api/uploads"):
        drop(page, png(draw("square", "green", (50, 60))), name="first.png")
    expect(page.locator("#reference")).to_have_attribute("aria-busy", "")
    drop(page, png(draw("square", "red", (60, 50))), name="second.png")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: second.png")
    expect(page.locator("#form-problem")).to_be_hidden()
