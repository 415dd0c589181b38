"""Record the page as a short animation: ``python scripts/record_page.py [GALLERY]``.

Needs the environment of ``make test-browser`` and the gallery of ``make demo``; ``make recordings``
runs it. The gallery is copied, and its images get an attribute to filter by: their folder.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from recording import Recording
from screenshots import CHROMIUM, FLAGS, serving
from stitch_cir.gallery import Gallery
from stitch_cir.server import ServerSettings, create_app

OUT = Path("docs/images/page.webp")
SIZE = {"width": 1040, "height": 660}
REFERENCE = "vehicles/auto/sedan.png"


def main() -> int:
    """Record a search and what one can do with it; return the exit code."""
    gallery = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/gallery")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy = Path(folder) / "gallery"
        shutil.copytree(gallery, copy)
        with Gallery.open(copy) as opened:
            ids = opened.find(limit=-1)[1]
            opened.set_attributes({id: {"kind": id.partition("/")[0]} for id in ids})
        app = create_app(copy, settings=ServerSettings(rate=0))
        app.state.services.provider.warm_up()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving(app) as site:
            context = browser.new_context(
                viewport=SIZE, color_scheme="light", reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(site)
            page.wait_for_selector(".pic img")
            page.wait_for_selector(".facets .choice", state="attached")
            recording = Recording(page, pointer=(520, 330))
            play(page, recording)
        browser.close()
    size = recording.save(OUT)
    seconds = sum(recording.milliseconds) / 1000
    print(f"{OUT}: {len(recording.frames)} frames, {seconds:.0f} s, {size:,} bytes")
    return 0


def play(page: Page, recording: Recording) -> None:
    """Search, reject a hit, edit a caption, filter, and ask why."""
    recording.words = "A folder of images. Take one of them …"
    recording.hold(1200)
    recording.type(page.locator("#filter"), "sedan", at_once=5)
    reference = page.locator(f'.pic[data-id="{REFERENCE}"]')
    page.wait_for_function("() => document.querySelectorAll('.tile').length < 5")
    recording.hold(400)
    recording.click(reference)
    page.wait_for_selector("#reference img")
    recording.hold(700)

    recording.words = "… and say what should change."
    recording.type(page.locator("#text"), "a truck instead")
    answered(page, lambda: page.press("#text", "Enter"))
    to_results(page)
    recording.hold(2200)

    recording.words = "Not what you meant? Search away from it."
    answered(page, lambda: less_like(page, recording, 3))
    to_results(page)
    recording.hold(1800)

    recording.words = "The captions that were searched with can be edited."
    page.evaluate("scrollTo(0, 0)")
    recording.click(page.locator("#details > summary"))
    caption = page.locator("#captions textarea").nth(1)
    caption.wait_for()
    recording.click(caption)
    caption.fill("")
    recording.type(caption, "a red fire engine")
    answered(page, lambda: caption.press("Enter"))
    recording.hold(600)
    to_results(page)
    recording.hold(2000)

    recording.words = "Attributes are filters, with counts."
    recording.click(page.locator(".facet > summary").filter(has_text="Kind").first)
    choice = page.locator(".facets .choice").filter(has_text="vehicles").first
    answered(page, lambda: recording.click(choice))
    page.keyboard.press("Escape")
    to_results(page)
    recording.hold(1800)

    recording.words = "Why was it found? Which caption met which part of the image."
    recording.click(page.locator(".tile .pic").first)
    page.wait_for_selector("#viewer .canvas img")
    recording.hold(1200)
    recording.click(page.get_by_role("tab", name="Why?"))
    page.wait_for_selector(".wires .link")
    recording.hold(3000)


def less_like(page: Page, recording: Recording, number: int) -> None:
    """Reject the hit of this number."""
    tile = page.locator(".tile").nth(number)
    tile.hover()
    recording.click(tile.get_by_role("button", name="Less like this"))


def answered(page: Page, act: Callable[[], object]) -> None:
    """Do something that searches, and wait for the answer."""
    with page.expect_response("**/api/search"):
        act()
    page.wait_for_selector(".tile .score")
    page.wait_for_function("() => !document.querySelector('#stage[aria-busy]')")


def to_results(page: Page) -> None:
    """Scroll to the head of the results."""
    page.evaluate("document.getElementById('images').scrollIntoView()")


if __name__ == "__main__":
    sys.exit(main())
