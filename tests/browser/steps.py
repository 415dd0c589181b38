"""What a user does, in few words."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page, Response, Route, expect

RED_TO_BLUE = {"r": "circle/red.png", "t": "in blue instead"}


def link(site: str, **parts: Any) -> str:
    """Make a shared address."""
    return f"{site}#{urlencode(parts, doseq=True)}"


def forget_hits(page: Page) -> None:
    """Take the hits of an earlier question away, so that waiting for hits means the new ones."""
    page.evaluate("for (const one of document.querySelectorAll('.tile')) one.remove()")


def open_results(page: Page, site: str, **parts: Any) -> None:
    """Open a shared address and wait for its hits."""
    forget_hits(page)
    page.goto(link(site, **(parts or RED_TO_BLUE)))
    page.wait_for_selector(".tile .score")


def close_dialog(page: Page) -> None:
    """Press Escape once the dialog is open, and wait for the step back that closes it.

    The browser takes that step later: an address opened before would be left again by it. The
    title of an image stands before its dialog is open, which waits for its style sheets.
    """
    page.wait_for_function("() => document.querySelector('dialog[open]') !== null")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !history.state?.open && !history.state?.help")


def open_details(page: Page) -> None:
    """Open the details of the question: captions, settings, and how the images were found."""
    page.locator("#details").evaluate("part => { part.open = true; }")
    expect(page.locator("#set-alpha")).to_be_visible()


def open_image(page: Page, number: int = 0) -> str:
    """Open the image of a hit, large; return its id."""
    id = hits(page)[number]
    page.locator(".tile .pic").nth(number).click()
    expect(page.locator("#viewer-title .name")).to_have_attribute("title", id)
    return id


def open_why(page: Page, number: int = 0) -> str:
    """Open the image of a hit and its explanation; return its id."""
    id = open_image(page, number)
    page.get_by_role("tab", name="Why?").click()
    page.wait_for_selector(".wires .link")
    return id


def pick(page: Page, id: str) -> None:
    """Take an image of the gallery as the reference."""
    page.locator(f'.pic[data-id="{id}"]').click()
    expect(page.locator("#reference img")).to_have_attribute("alt", f"Reference: {id}")


def search(page: Page, text: str) -> None:
    """Type a change and press Enter; wait for the answer to this very question."""
    page.fill("#text", text)
    forget_hits(page)
    # an older search, held back by a test, may be answered meanwhile
    with page.expect_response(lambda response: _answers(response, text)) as answer:
        page.press("#text", "Enter")
    assert answer.value.ok, answer.value.text()
    page.wait_for_selector(".tile .score")


def facts(**values: Any) -> Callable[[Any], None]:
    """Answer GET /api/gallery with these facts as well."""

    def handle(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **values})

    return handle


@contextmanager
def hold_next(page: Page, pattern: str) -> Iterator[Callable[[], None]]:
    """Hold the request that the block sends, and go on when it is held; yield what lets it go on.

    Later requests are not held. Taking the route off while a request is held would let the browser lose the next one.
    """
    held: list[Route] = []

    def handle(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(pattern, handle)
    yield lambda: held[0].continue_()
    for _ in range(3000):
        if held:
            return
        # the browser sends when it likes, whatever the page shows meanwhile
        page.wait_for_timeout(10)
    raise AssertionError(f"no request for {pattern}")


def _answers(response: Response, text: str) -> bool:
    """Return whether a response is that of a search with this text."""
    if not response.url.endswith("/api/search"):
        return False
    return bool(response.request.post_data_json["text"].strip() == text.strip())


def hits(page: Page) -> list[str]:
    """Ids of the hits, best first."""
    return page.locator(".tile .pic").evaluate_all("all => all.map((one) => one.dataset.id)")


def show_more(page: Page, *, by_keyboard: bool = False) -> None:
    """Press “Show more” without scrolling to it, which would show more by itself."""
    button = page.locator("#more")
    if by_keyboard:
        button.evaluate("button => button.focus({ preventScroll: true })")
        page.keyboard.press("Enter")
    else:
        button.dispatch_event("click")


def members(page: Page) -> list[str]:
    """The captions in the editor."""
    return page.locator("#captions textarea").evaluate_all("all => all.map((one) => one.value)")


def png(image: Image.Image) -> bytes:
    """An image's file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def drop(page: Page, content: bytes, name: str = "own.png", kind: str = "drop") -> None:
    """Drop a file on the page, or (``paste``) paste it, once it takes that."""
    page.wait_for_selector("#reference[data-takes]", state="attached")
    page.evaluate(
        """([content, name, kind]) => {
          const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
          const carried = new DataTransfer();
          carried.items.add(new File([bytes], name, { type: "image/png" }));
          const bubbles = { bubbles: true, cancelable: true };
          if (kind === "paste") {
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, ...bubbles }));
            return;
          }
          for (const type of ["dragover", "drop"]) {
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer: carried, ...bubbles }));
          }
        }""",
        [base64.b64encode(content).decode(), name, kind],
    )
