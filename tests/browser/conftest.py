"""The page in headless Chromium, before servers with galleries that the tests draw themselves.

These tests need Playwright and Debian's chromium-headless-shell (or chromium), so they are not
part of ``make test``; ``make test-browser`` runs them. Every page must stay free of script errors
and of violations of the content security policy.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.server import ServerSettings, create_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if importlib.util.find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]

CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
    or "/usr/bin/chromium-headless-shell"
)
MILLISECONDS = 60_000
"""How long a step may take at most: a machine with other work is slow, and no reason to fail."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAINTS = {
    "red": (214, 40, 40),
    "blue": (38, 84, 214),
    "green": (44, 160, 70),
    "yellow": (242, 200, 40),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle")
HOSTILE = "<img src=x onerror=window.hurt=1>.png"


def draw(shape: str, paint: str, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A plain shape on a pale ground."""
    image = Image.new("RGB", size, (236, 232, 224))
    pen = ImageDraw.Draw(image)
    box = (size[0] // 5, size[1] // 6, 4 * size[0] // 5, 5 * size[1] // 6)
    if shape == "circle":
        pen.ellipse(box, fill=PAINTS[paint])
    elif shape == "square":
        pen.rectangle(box, fill=PAINTS[paint])
    else:
        top = ((box[0] + box[2]) // 2, box[1])
        pen.polygon([top, (box[2], box[3]), (box[0], box[3])], fill=PAINTS[paint])
    return image


def fill(folder: Path) -> Path:
    """Shapes in all colours, one of them under a name that is HTML."""
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for number, paint in enumerate(PAINTS):
            size = ((240, 180), (180, 240), (320, 180))[number % 3]
            draw(shape, paint, size).save(folder / shape / f"{paint}.png")
    draw("circle", "red", (200, 200)).save(folder / HOSTILE)
    return folder


def attributes_of(number: int, shape: str, paint: str) -> dict[str, Any]:
    """Thirty images: prices from 10 to 155, two brands, three sizes; every third has no season."""
    values: dict[str, Any] = {
        "shape": shape,
        "brand": "Acme" if number % 3 else "O'Neil",
        "price": 10 + 5 * number,
        "sizes": ["S", "M", "L"][: 1 + number % 3],
        "sold_out": number % 10 == 0,
        "added": f"{2024 + number % 2}-05-{1 + number % 28:02}",
        "item_group_id": f"{shape} {paint}",
    }
    return values if number % 3 else {**values, "season": ["spring", "autumn"][number % 2]}


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an application on a free port, in a thread of this process."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An indexed folder of shapes."""
    folder = fill(tmp_path_factory.mktemp("gallery") / "shapes")
    index_folder(folder, encoder=HashEncoder())
    return folder


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder under these settings; give the address."""
    with ExitStack() as stack:

        def serve(folder: Path, **settings: Any) -> str:
            chosen = ServerSettings(**{"rate": 0, **settings})
            app = create_app(folder, encoder=HashEncoder(), settings=chosen)
            return stack.enter_context(running(app))

        yield serve


@pytest.fixture(scope="session")
def site(shapes: Path, serve: Callable[..., str]) -> str:
    """The address of a server that all tests share; none changes its gallery."""
    return serve(shapes, upload_bytes=1 << 20)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., str]) -> str:
    """Serve two images of each shape in each colour, with attributes."""
    folder = tmp_path_factory.mktemp("shop") / "shop"
    values: dict[str, dict[str, Any]] = {}
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for paint in PAINTS:
            for size in ((240, 180), (200, 200)):
                id = f"{shape}/{paint}-{size[0]}.png"
                draw(shape, paint, size).save(folder / id)
                values[id] = attributes_of(len(values), shape, paint)
    index_folder(folder, encoder=HashEncoder())
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes(values)
    return serve(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """Open pages in contexts of their own; at the end none may have had an error."""
    faults: list[str] = []
    with ExitStack() as stack:

        def new_page(**context: Any) -> Page:
            made = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **context})
            stack.callback(made.close)
            made.set_default_timeout(MILLISECONDS)
            page = made.new_page()
            # what a route still fetches when a test ends would fail in the next one
            stack.callback(page.unroute_all, behavior="ignoreErrors")
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
            return page

        yield new_page
    assert faults == []


def is_fault(said: Any) -> bool:
    """Errors that scripts or the policy raise; an answer with an error status is none."""
    return said.type == "error" and "Failed to load resource" not in said.text


@pytest.fixture
def page(new_page: Callable[..., Page], site: str) -> Page:
    """The start of the page: the gallery."""
    page = new_page()
    page.goto(site)
    page.wait_for_selector(".pic img")
    page.wait_for_selector(".facets .choice", state="attached")  # the last that a start loads
    return page
