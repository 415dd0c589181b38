"""Take the image of docs/shop.md: ``python scripts/shop_screenshot.py FOLDER``.

Needs the environment of ``make test-browser``; FOLDER has a folder of images for each kind.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path[:0] = ["examples/shop", "scripts"]
from screenshots import CHROMIUM, FLAGS, serving, shot  # noqa: E402
from shop import create_shop, make_shop  # noqa: E402
from stitch_cir.encoders import load_encoder  # noqa: E402

OUT = Path("docs/images/shop.png")


def main() -> None:
    """Make the shop, point at an image, say what should change, and take the image."""
    encoder = load_encoder("mini")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make_shop(Path(sys.argv[1]).resolve(), Path(folder), encoder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving(create_shop(Path(folder) / "gallery", encoder)) as site:
            page = browser.new_page(viewport={"width": 1100, "height": 760})
            page.goto(site)
            page.wait_for_selector("#products li")
            for text, button in (
                ("a white flower", "form button"),
                ("", ".like >> nth=0"),
                ("in red instead", "form button"),
            ):
                page.fill("#query", text)
                with page.expect_response("**/catalog/search"):
                    page.click(button)
                page.wait_for_load_state("networkidle")
            shot(page).quantize(256).save(OUT, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
