"""Frames of a page, a pointer and a line of words below them, saved as an animation that loops.

The module of ``record_page.py`` that knows nothing of what is recorded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont
from playwright.sync_api import Locator, Page

from screenshots import SETTLED

__all__ = ["MOST_BYTES", "Recording"]

MOST_BYTES = 3_000_000
BAR = 44
STEPS = 6
"""Frames of a movement of the pointer."""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))


@dataclass
class Recording:
    """Takes frames of a page; ``words`` stand below those that follow."""

    page: Page
    words: str = ""
    frames: list[Image.Image] = field(default_factory=list)
    milliseconds: list[int] = field(default_factory=list)
    pointer: tuple[float, float] = (0, 0)

    def hold(self, milliseconds: int) -> None:
        """Take a frame of what is there and show it for so long; the same frame is shown longer."""
        self._add(self._screen(), milliseconds)

    def type(self, target: Locator, text: str, *, at_once: int = 3) -> None:
        """Type a text, a few characters a frame."""
        for start in range(0, len(text), at_once):
            target.press_sequentially(text[start : start + at_once])
            self.hold(110)
        self.hold(500)

    def click(self, target: Locator) -> None:
        """Move the pointer to an element and click it."""
        self.move(target)
        target.click()

    def move(self, target: Locator) -> None:
        """Move the pointer to the middle of an element, which is scrolled into view."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        assert box is not None, "the element is not shown"
        end = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        start, screen = self.pointer, self._screen()
        for step in range(1, STEPS + 1):
            part = (1 - (1 - step / STEPS) ** 2) if step < STEPS else 1.0
            self.pointer = tuple(a + part * (b - a) for a, b in zip(start, end, strict=True))
            self._add(screen, 45)
        self.page.mouse.move(*end)
        self.hold(350)

    def save(self, path: Path) -> int:
        """Write WebP, with fewer details where it would be too large; return its bytes."""
        for quality in (80, 70, 60, 50, 40):
            self.frames[0].save(
                path,
                save_all=True,
                append_images=self.frames[1:],
                duration=self.milliseconds,
                loop=0,
                quality=quality,
                method=4,
                minimize_size=False,
            )
            if path.stat().st_size <= MOST_BYTES:
                return path.stat().st_size
        raise ValueError(f"{path} has more than {MOST_BYTES:,} bytes: record less")

    def _screen(self) -> Image.Image:
        self.page.locator("img").evaluate_all(
            "(all) => { for (const one of all) one.loading = 'eager'; }"
        )
        self.page.wait_for_function(SETTLED)
        self.page.evaluate(PAINTED)
        return Image.open(io.BytesIO(self.page.screenshot(animations="disabled"))).convert("RGB")

    def _add(self, screen: Image.Image, milliseconds: int) -> None:
        frame = Image.new("RGB", (screen.width, screen.height + BAR), (29, 27, 24))
        frame.paste(screen, (0, 0))
        pen = ImageDraw.Draw(frame)
        x, y = self.pointer
        pen.polygon([(x + dx, y + dy) for dx, dy in POINTER], fill="black", outline="white")
        font = ImageFont.load_default(20)
        pen.text((20, screen.height + BAR / 2), self.words, font=font, fill="white", anchor="lm")
        if self.frames and ImageChops.difference(frame, self.frames[-1]).getbbox() is None:
            self.milliseconds[-1] += milliseconds
        else:
            self.frames.append(frame)
            self.milliseconds.append(milliseconds)
