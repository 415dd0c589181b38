"""A composer that puts a request into several wordings, without reading the reference."""

from __future__ import annotations

from typing import Any

from stitch_cir import Caption, Composition, QueryError, Reference

WORDINGS = (
    "{}",
    "a photo of {}",
    "a close-up of {}",
    "{}, seen from afar",
    "a drawing of {}",
)


class WordingsComposer:
    """Writes the modification in the first wordings of a list."""

    name = "wordings"

    def settings(self) -> dict[str, Any]:
        """Return what shapes the captions: it is recorded with every result."""
        return {"composer": self.name, "wordings": list(WORDINGS)}

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Return up to ``count`` captions, all of them different."""
        if not modification.strip():
            raise QueryError("There is nothing to word.", hint="Say what the image should show.")
        captions = tuple(
            Caption(wording.format(modification.strip()), 1.0, self.name)
            for wording in WORDINGS[:count]
        )
        return Composition(captions, modification, self.name, settings=self.settings())
