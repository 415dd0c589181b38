"""Cleaning the captions that a model wrote of an image: the rule of ``cirr-captions``.

In this order, and nothing else:

1. whitespace is collapsed, blank captions are dropped;
2. refusals are dropped ("I cannot provide descriptions …"): they do not describe the image;
3. frames are removed ("The image shows …", "… is pictured."): every image shows something;
4. captions of a single word are dropped;
5. of captions that differ only in case and punctuation the first stays, and a caption that another
   caption begins with is dropped as a fragment;
6. the first ``MOST`` stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["MOST", "RULE", "caption_views", "clean_captions"]

RULE = "captions-1"
"""Version of the rule; part of the benchmark's protocol line."""
MOST = 6
JOINED = 3
SHORTEST = 2

_REFUSAL = re.compile(
    r"\b(?:I|I'm|I'd|My)\b.*\b(?:cannot|can't|unable|not able|understand|programmed|happy|sorry|"
    r"apologize|purpose|do my best|provide)\b|\bplease (?:feel free|consider|let me)"
    r"|important to (?:remember|be mindful)|sexually|harmful|I can",
    re.I,
)
_IMAGE = r"(?:image|photo|picture|photograph)"
_FRAME = re.compile(
    rf"^(?:(?:the|this|an?) {_IMAGE}(?: also)? (?:shows|depicts|features|displays|captures"
    r"|contains|presents|is of|showcases|has)"
    r"|(?:this|it) is (?:an? )?(?:image|photo|picture)? ?(?:of)?"
    rf"|(?:the |this )?(?:image|photo|picture) of|in (?:the|this) (?:image|picture|photo),?"
    r"|there (?:is|are)) +",
    re.I,
)
_SHOWN = re.compile(
    r",? (?:(?:is|are) (?:shown|pictured|featured|depicted|displayed|presented|seen|visible"
    rf"|captured)(?: in (?:the|this) (?:image|photo|picture))?|in (?:the|this) {_IMAGE})\.?$",
    re.I,
)


def clean_captions(captions: Iterable[str]) -> tuple[str, ...]:
    """Return one image's captions cleaned by the rule above, possibly none.

    >>> clean_captions(["The image shows a red  bus.", "A red bus", "Bus", "A red bus is parked."])
    ('A red bus is parked',)
    """
    by_key: dict[str, str] = {}
    for caption in captions:
        text = " ".join(caption.split())
        if not text or _REFUSAL.search(text):
            continue
        text = _unframed(text)
        key = _fold(text)
        if len(key.split()) >= SHORTEST:
            by_key.setdefault(key, text)
    kept = [
        text
        for key, text in by_key.items()
        if not any(other != key and other.startswith(key) for other in by_key)
    ]
    return tuple(kept[:MOST])


def caption_views(captions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the view set of an image: its captions and, of several, the first three joined.

    The joined caption stands for the image as a whole, as the original view does beside its crops.
    """
    if len(captions) < 2:
        return captions
    return (*captions, ". ".join(captions[:JOINED]))


def _unframed(text: str) -> str:
    bare = _SHOWN.sub("", _FRAME.sub("", text)).strip(" .")
    return bare if len(bare.split()) > 1 else text.rstrip(" .")


def _fold(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
