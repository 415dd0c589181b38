"""The other object that the reference may show: one click on its chip rewrites all captions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from stitch_cir.concepts import Concept
from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from tests.browser.conftest import running
from tests.browser.steps import members, open_details, open_results


class Unsure(HashEncoder):
    """Takes everything for a ball, or less surely for an apple."""

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        return [(Concept("ball", "object", 0.4), Concept("apple", "object", 0.3)) for _ in images]


def test_one_click_on_a_chip_rewrites_all_captions(
    shapes: Path, new_page: Callable[..., Page]
) -> None:
    app = create_app(shapes, encoder=Unsure(), settings=ServerSettings(rate=0))
    with running(app) as site:
        page = new_page()
        open_results(page, site, r="circle/red.png", t="in blue instead")
        open_details(page)
        assert members(page) == ["in blue instead", "a blue ball", "a blue apple"]
        expect(page.locator("#looking")).to_contain_text("Looking for: a blue ball")
        expect(page.locator("#looking strong")).to_have_text("ball")
        page.get_by_text("Not right?").click()
        with page.expect_response("**/api/search"):
            page.get_by_role("button", name="The reference shows: apple").click()
        expect(page.locator("#looking strong")).to_have_text("apple")
        page.get_by_text("Not right?").click()
        chosen = page.get_by_role("button", name="No longer take it for: apple")
        expect(chosen).to_be_visible()
        expect(page.locator("#captions textarea")).to_have_count(2)
        assert members(page) == ["in blue instead", "a blue apple"]
        assert page.url.endswith("&d=apple")
        with page.expect_response("**/api/search"):
            chosen.click()
        expect(page.locator("#captions textarea")).to_have_count(3)
        assert "d=" not in page.url
