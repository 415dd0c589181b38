"""What captioning a gallery did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stitch_cir.chat import Usage
from stitch_cir.gallery import ImageCaptions

__all__ = ["CaptionReport"]


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """Counts of one run.

    ``written`` holds the captions of all images that have them now, in the order of ids: those of
    this run, and the ``kept`` ones of earlier runs. ``failed`` are (id, reason) of images without,
    ``malformed`` the replies that were rejected and requested again. ``weight`` says as how many
    views a caption counts.
    """

    written: tuple[ImageCaptions, ...]
    kept: int
    failed: tuple[tuple[str, str], ...]
    malformed: int
    weight: int
    usage: Usage
    seconds: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return it in one line."""
        new = len(self.written) - self.kept
        parts = [f"{new:,} image{'' if new == 1 else 's'} captioned"]
        if self.kept:
            parts.append(f"{self.kept:,} had captions already")
        if self.failed:
            parts.append(f"{len(self.failed):,} without")
        if self.malformed:
            parts.append(f"{self.malformed:,} malformed replies")
        return f"{', '.join(parts)}; {self.usage}; {self.seconds:.1f} s"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, without the captions."""
        return {
            "captioned": len(self.written) - self.kept,
            "kept": self.kept,
            "failed": [{"id": id, "reason": reason} for id, reason in self.failed],
            "malformed": self.malformed,
            "weight": self.weight,
            "usage": self.usage.to_dict(),
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
        }
