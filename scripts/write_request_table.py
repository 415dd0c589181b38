"""Write the reviewer's table of docs/composing.md: what the verbatim composer makes of 40 requests.

The requests are every third line of ``tests/composers/real_requests.txt``; a test checks that the
table is current.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stitch_cir.composers import Reference, VerbatimComposer
from stitch_cir.concepts import Concept

ROOT = Path(__file__).parents[1]
REQUESTS = ROOT / "tests" / "composers" / "real_requests.txt"
PAGE = ROOT / "docs" / "composing.md"
BEGIN, END = "<!-- requests: scripts/write_request_table.py -->", "<!-- end of requests -->"
WEIGHTS = (0.5, 0.3, 0.2)


class RealRequest(NamedTuple):
    """One line: whose manner, what the encoder recognises in the reference, and the request."""

    manner: str
    objects: tuple[str, ...]
    colour: str
    text: str

    @property
    def reference(self) -> Reference:
        """The reference as an encoder would describe it."""
        objects = tuple(map(Concept, self.objects, ["object"] * 3, WEIGHTS))  # type: ignore[arg-type]
        return Reference("a.jpg", concepts=(*objects, Concept(self.colour, "colour", 0.6)))


def real_requests() -> list[RealRequest]:
    """Return all requests of the file, in its order."""
    requests = []
    for line in REQUESTS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            manner, shown, text = (part.strip() for part in line.split("|", 2))
            objects, _, colour = shown.partition("/")
            names = tuple(name.strip() for name in objects.split(","))
            requests.append(RealRequest(manner, names, colour.strip(), text))
    return requests


def table() -> str:
    """Return the table in Markdown."""
    rows = ["| reference | request | captions | to vanish |", "|---|---|---|---|"]
    for request in real_requests()[::3]:
        made = VerbatimComposer().compose(request.reference, request.text, 5)
        shown = f"{', '.join(request.objects)} · {request.colour}"
        others = " · ".join(made.texts[1:]) or "–"
        removed = ", ".join(each.text for each in made.roles.forbidden)
        rows.append(f"| {shown} | {request.text} | {others} | {removed} |")
    return "\n".join(rows)


def page_with(rows: str) -> str:
    """Return the page with these rows between its two marks."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{rows}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), encoding="utf-8")
