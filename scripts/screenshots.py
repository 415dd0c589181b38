"""Take the screenshots of docs/page.md: ``python scripts/screenshots.py [GALLERY]``.

Needs the environment of ``make test-browser`` and the gallery of ``make demo``.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from stitch_cir.server import ServerSettings, create_app

OUT = Path("docs/images")
CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
    or "/usr/bin/chromium-headless-shell"
)
MOST_BYTES = 250_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SETTLED = "() => [...document.images].every((one) => one.complete && one.naturalWidth > 0)"
DESKTOP = {"width": 1280, "height": 860}

OWL = {"r": "animals/birds/owl.png", "t": "a wild cat instead"}
SEDAN = {"r": "vehicles/auto/sedan.png", "t": "a truck instead"}


def main() -> int:
    """Serve the gallery, take every screenshot, return the exit code."""
    gallery = sys.argv[1] if len(sys.argv) > 1 else "demo/gallery"
    app = create_app(gallery, settings=ServerSettings(rate=0))
    app.state.services.provider.warm_up()
    with serving(app) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        desktop(browser, site, "light", SEDAN, "page-light.png")
        desktop(browser, site, "dark", OWL, "page-dark.png")
        explanation(browser, site)
        phone(browser, site)
        browser.close()
    return 0


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve on a free port, in a thread."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(10)


def desktop(
    browser: Browser, site: str, scheme: Any, parameters: dict[str, str], name: str
) -> None:
    """Results, after a step back and forth, so that the trail shows."""
    page = browser.new_page(viewport=DESKTOP, color_scheme=scheme)
    page.goto(f"{site}#{urlencode(parameters)}")
    page.wait_for_selector(".tile .score")
    page.locator(".tile").nth(3).hover()
    page.locator(".tile").nth(3).get_by_role("button", name="Less like this").click()
    page.wait_for_selector("#less .chip")
    page.mouse.move(640, 5)
    keep(page, name)


def explanation(browser: Browser, site: str) -> None:
    """Why a hit was found."""
    page = browser.new_page(viewport=DESKTOP, color_scheme="light")
    page.goto(f"{site}#{urlencode({**OWL, 'x': 'animals/mammals/cats/tiger.png', 'y': 1})}")
    page.wait_for_selector(".wires .link")
    keep(page, "page-why.png")


def phone(browser: Browser, site: str) -> None:
    """Results at 360 pixels, beside one of them."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
        device_scale_factor=1.5,
    )
    page = context.new_page()
    page.goto(f"{site}#{urlencode(SEDAN)}")
    page.wait_for_selector(".tile .score")
    left = shot(page, "#images")
    page.locator(".tile .pic").nth(2).tap()
    page.wait_for_selector("#viewer .canvas img")
    right = shot(page)
    both = Image.new("RGB", (left.width + right.width + 40, left.height), (143, 136, 125))
    both.paste(left, (0, 0))
    both.paste(right, (left.width + 40, 0))
    save(both, "page-phone.png")


def shot(page: Page, top: str = "html") -> Image.Image:
    """Look at the page from an element on, once nothing moves any more."""
    page.locator(top).evaluate("part => part.scrollIntoView()")
    page.locator("img").evaluate_all("(all) => { for (const one of all) one.loading = 'eager'; }")
    for _ in range(100):
        if page.evaluate(SETTLED):
            break
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def keep(page: Page, name: str) -> None:
    """Take a screenshot of the page under this name."""
    save(shot(page), name)


def save(image: Image.Image, name: str) -> None:
    """Write a PNG of at most 250 kB: fewer colours where it would be larger."""
    for colours in (256, 160, 96, 64):
        made = image.quantize(colours, dither=Image.Dither.NONE)
        made.save(OUT / name, optimize=True)
        if (OUT / name).stat().st_size <= MOST_BYTES:
            break
    print(f"{OUT / name}: {(OUT / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
