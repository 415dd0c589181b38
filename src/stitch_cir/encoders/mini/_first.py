"""``mini-1``: the first edition of ``mini``, which galleries made with it are searched by."""

from __future__ import annotations

from stitch_cir.encoders.mini._encoder import MiniEncoder

__all__ = ["FirstMiniEncoder"]

FINGERPRINT = "b9f7931de0a6f61d54e2a5d2085b67528106a02213a5bf9b37979cc5668a3671"
"""What galleries of the first edition record; its files had other names and hashes then."""


class FirstMiniEncoder(MiniEncoder):
    """The built-in encoder before it had a head and averaged prompts: vectors stay as they were."""

    name = "mini-1"
    weights_tag = "efficientnet-lite2+minilm-l6-v2-int8"
    prompted = False
    whole_share = 0.0
    strengths = "kinds of things and colours"

    @property
    def head(self) -> None:
        """No head."""
        return

    @property
    def fingerprint(self) -> str:
        """Digest that galleries of this edition record."""
        return FINGERPRINT

    @property
    def notes(self) -> tuple[str, ...]:
        """That there is a better edition."""
        return (
            "mini-1 is the earlier edition of mini, kept for galleries made with it. The present "
            "one finds more: stitch index FOLDER --encoder mini --switch-when-done",
        )
