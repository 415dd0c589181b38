from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_captions
from tests.browser.steps import RED_TO_BLUE, hits, link, open_image, open_results, open_why


def open_results_why(page: Page, site: str) -> None:
    open_results(page, site)
    open_why(page)


def strokes(page: Page) -> list[tuple[str, str]]:
    return page.locator(".wires .link").evaluate_all(
        "all => all.map((one) => [one.dataset.caption, one.dataset.view])"
    )


def test_boxes_lines_and_bars(page: Page, site: str) -> None:
    open_results_why(page, site)
    expect(page.locator("#why .summary")).to_contain_text("Found because ")
    score = float(page.locator(".tile .score .number").first.text_content() or "")
    shares = [float(text) for text in page.locator("#why .share .number").all_inner_texts()]
    assert sum(shares) == pytest.approx(score, abs=0.003)
    # every box lies on the image
    frame = page.locator(".canvas-frame").bounding_box()
    boxes = page.locator(".wires .box").all()
    assert boxes
    for box in boxes:
        area = box.bounding_box()
        assert area["x"] >= frame["x"] - 3
        assert area["y"] >= frame["y"] - 3
        assert area["x"] + area["width"] <= frame["x"] + frame["width"] + 3
        assert area["y"] + area["height"] <= frame["y"] + frame["height"] + 3
    widths = [
        float(link.get_attribute("stroke-width")) for link in page.locator(".wires .link").all()
    ]
    assert len(set(widths)) > 1


def test_both_directions(page: Page, site: str) -> None:
    open_results_why(page, site)
    captions = page.locator(".met").count()
    page.get_by_role("radio", name="Captions look").check()
    # every caption sends its look somewhere
    assert {caption for caption, _ in strokes(page)} == {str(number) for number in range(captions)}
    page.locator("#why details summary").click()
    expect(page.locator("#why details .hint")).to_contain_text("Rank 1, score ")
    for row in page.locator(".plan tbody tr").all():
        assert sum(float(cell) for cell in row.locator("td").all_inner_texts()) == pytest.approx(
            1, abs=0.01
        )
    page.get_by_role("radio", name="Views look").check()
    expect(page.locator(".plan caption")).to_contain_text("of each view to the captions")
    columns = [
        [float(cell) for cell in row.locator("td").all_inner_texts()]
        for row in page.locator(".plan tbody tr").all()
    ]
    for column in zip(*columns, strict=True):
        assert sum(column) == pytest.approx(1, abs=0.01)
    assert len({view for _, view in strokes(page)}) == len(columns[0])
    expect(page.locator(".matches tbody tr")).not_to_have_count(0)


def test_pointing_brings_out_what_belongs_together(page: Page, site: str) -> None:
    open_results_why(page, site)
    page.locator(".met").first.hover()
    assert page.locator(".wires .link:not(.dim)").evaluate_all(
        "all => all.every((one) => one.dataset.caption === '0')"
    )
    page.locator("#viewer-title").hover()
    expect(page.locator(".wires .dim")).to_have_count(0)


def test_from_hit_to_hit_and_back(page: Page, site: str) -> None:
    open_results(page, site)
    first, second = hits(page)[:2]
    assert open_image(page) == first
    expect(page.locator("#viewer-title")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", second)
    expect(page.locator("#viewer .count")).to_have_text("2 of 15")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(f'.tile .pic[data-id="{second}"]')).to_be_focused()
    assert "x=" not in page.url


def test_an_explanation_can_be_shared(new_page: Callable[..., Page], site: str) -> None:
    page = new_page()
    page.goto(link(site, **RED_TO_BLUE, x="triangle/yellow.png", y=1))
    expect(page.locator("#why .summary")).to_contain_text("Found because ")
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", "triangle/yellow.png")
    page.goto(link(site, **RED_TO_BLUE, x="gone.png"))
    expect(page.locator("#viewer .state")).to_contain_text("gone.png")
    page.click("#viewer-close")
    expect(page.locator(".tile")).to_have_count(15)


def test_going_on_from_an_explanation(page: Page, site: str) -> None:
    open_results_why(page, site)
    first = hits(page)[0]
    page.get_by_role("button", name="Use as the new reference").last.click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#reference img")).to_have_attribute("alt", f"Reference: {first}")
    expect(page.locator("#text")).to_be_focused()


def test_explanations_are_saved_as_images(page: Page, site: str) -> None:
    open_results_why(page, site)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as an image").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    page.click("#viewer-close")
    with page.expect_download() as saved:
        page.click("#sheet")
    assert saved.value.suggested_filename == "stitch.html"


def test_a_gallery_of_captions(
    new_page: Callable[..., Page], serve: Callable[..., str], tmp_path: Path
) -> None:
    words = {
        "one": ["a red car in the city"],
        "two": ["a blue car", "a car at night"],
        "three": ["a dog"],
    }
    lines = tmp_path / "captions.jsonl"
    lines.write_text(
        "".join(json.dumps({"id": id, "captions": texts}) + "\n" for id, texts in words.items())
    )
    index_captions(lines, tmp_path / "gallery", encoder=HashEncoder())
    address = serve(tmp_path / "gallery")
    page = new_page()
    page.goto(link(address, t="a blue car at night"))
    page.wait_for_selector(".tile .score")
    assert hits(page)[0] == "two"
    open_why(page)
    expect(page.locator(".summary")).to_contain_text("is close to its caption")
    expect(page.locator(".chips li")).to_have_text(["a blue car", "a car at night"])
