"""What `make recordings` made is short, light, and what the documentation shows."""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image, ImageSequence

from tests.docs.blocks import ROOT

IMAGES = ROOT / "docs" / "images"


def test_the_animation_of_the_page_is_short_and_light() -> None:
    path = IMAGES / "page.webp"
    assert path.stat().st_size <= 3_000_000
    with Image.open(path) as animation:
        assert animation.info["loop"] == 0
        shown = [frame.copy().info["duration"] for frame in ImageSequence.Iterator(animation)]
    assert 40 <= len(shown) <= 400
    assert 15_000 <= sum(shown) <= 60_000


@pytest.mark.parametrize("page", ["README.md", "docs/look.md"])
def test_whoever_wants_no_motion_sees_an_image_instead(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    before, _, after = text.partition("page.webp")
    assert 'media="(prefers-reduced-motion: reduce)"' in before[before.rindex("<picture>") :]
    assert 'alt="' in after[: after.index("</picture>")]


def test_the_docs_show_the_screen_that_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("the recorder needs a terminal of Unix")
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from record_terminal import screen

    header, *events = map(json.loads, (IMAGES / "terminal.cast").read_text("utf-8").splitlines())
    assert header["version"] == 2
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert {kind for _, kind, _ in events} == {"o"}
    text = screen([(at, data) for at, _, data in events])
    assert text.count("$ stitch ") >= 4
    assert f"```text\n{text}\n```" in (ROOT / "docs" / "look.md").read_text(encoding="utf-8")
