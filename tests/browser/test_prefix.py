"""The page below the path of a reverse proxy that strips this path, or does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app, prepare
from tests.browser.conftest import draw, running
from tests.browser.steps import close_dialog, drop, hits, open_why, pick, png, search

NewPage = Callable[..., Page]
Proxied = Callable[..., str]
HEADER = (b"x-forwarded-prefix", b"/pics")


def proxy(app: Any, *, strips: bool, header: bool) -> Any:
    """Hand requests below /pics on as a proxy does; anything else is another program's."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path != "/pics" and not path.startswith("/pics/"):
                await send({"type": "http.response.start", "status": 404, "headers": []})
                await send({"type": "http.response.body", "body": b"another program"})
                return
            scope = {**scope, "headers": [*scope["headers"], *([HEADER] if header else [])]}
            if strips:
                scope["path"] = path.removeprefix("/pics") or "/"
        await app(scope, receive, send)

    return call


@pytest.fixture
def proxied(shapes: Path) -> Iterator[Proxied]:
    """Serve behind a proxy; give its address."""
    with ExitStack() as stack:

        def proxied(*, strips: bool, header: bool = False, root_path: str = "") -> str:
            settings = ServerSettings(rate=0, root_path=root_path)
            app = create_app(shapes, encoder=HashEncoder(), settings=settings)
            served = prepare(app, trust_proxy=header).config.app
            return stack.enter_context(running(proxy(served, strips=strips, header=header)))

        yield proxied


@pytest.mark.parametrize(
    ("way", "opened"),
    [
        ({"strips": True}, "pics/"),
        ({"strips": True, "root_path": "/pics"}, "pics"),
        ({"strips": True, "header": True}, "pics"),
        ({"strips": False, "root_path": "/pics"}, "pics/"),
        ({"strips": False, "root_path": "/pics"}, "pics"),
    ],
    ids=["stripped", "stripped-option", "stripped-header", "kept", "kept-no-slash"],
)
def test_the_page_works(
    new_page: NewPage, proxied: Proxied, way: dict[str, Any], opened: str
) -> None:
    site = proxied(**way)
    page = new_page()
    outside: list[str] = []
    page.on(
        "request",
        lambda sent: outside.append(sent.url) if f"{site}pics" not in sent.url else None,
    )
    page.goto(site + opened)
    page.wait_for_selector(".pic img")
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    assert "blue" in hits(page)[0]
    assert page.url.startswith(f"{site}{opened}#r=")
    open_why(page)
    expect(page.locator(".canvas-frame img")).to_be_visible()
    close_dialog(page)
    drop(page, png(draw("circle", "green", (300, 200))))
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: own.png")
    search(page, "in red instead")
    page.reload()
    page.wait_for_selector(".tile .score")
    with page.expect_download() as saved:
        page.click("#sheet")
    assert saved.value.suggested_filename == "stitch.html"
    assert [url for url in outside if not url.startswith(("blob:", "data:"))] == []
