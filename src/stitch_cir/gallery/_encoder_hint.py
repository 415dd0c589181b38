"""One line, once a gallery: its encoder is a stand-in, and how to get a better one."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.request import getproxies

from stitch_cir._cores import usable_cores
from stitch_cir.encoders import DualEncoder, StandIn, catalogue, is_installed
from stitch_cir.errors import StitchError

__all__ = ["encoder_hint", "encoder_note", "network_is_likely"]

MARK = "encoder-hint-shown"
"""A file in the gallery's folder: the line is never shown again."""
IMAGES_A_SECOND = 0.8
"""What ViT-B/32 in float32 encodes on one core, ten views an image (docs/benchmarks.md)."""
_NOWHERE = ("192.0.2.1", 9)
"""An address that belongs to nobody (RFC 5737)."""


def encoder_hint(
    directory: Path, encoder: DualEncoder, images: int, target: str = "FOLDER"
) -> str | None:
    """Return the :func:`encoder_note` the first time it makes sense, else ``None``.

    That is where the gallery can remember that the line was shown.
    """
    if (directory / MARK).exists():
        return None
    note = encoder_note(encoder, images, target)
    if note is None:
        return None
    try:
        # made by whoever comes first
        (directory / MARK).open("x").close()
    except OSError:
        return None
    return note


def encoder_note(encoder: DualEncoder, images: int, target: str = "FOLDER") -> str | None:
    """Return a line on a better encoder than a :class:`StandIn`: its command, size and time.

    ``None`` for other encoders, for a gallery without images, and where neither the better one is
    here already nor a network is likely. Nothing is sent anywhere. ``target`` is what
    ``stitch index`` is to be called with.
    """
    if not isinstance(encoder, StandIn) or not images:
        return None
    better = catalogue()[encoder.stand_in_for]
    try:
        here = is_installed(better.name)
    except StitchError:
        return None
    if not here and not network_is_likely():
        return None
    command = f"stitch index {target} --encoder {better.name} --switch-when-done"
    minutes = max(1, round(images / (IMAGES_A_SECOND * usable_cores()) / 60))
    cost = f"about {minutes:,} min for {images:,} {'images' if images > 1 else 'image'} here"
    if not here:
        command = f"stitch models pull {better.name} && {command}"
        cost = f"{better.size / 1e6:,.0f} MB to fetch once, then {cost}"
    return (
        f"{encoder.name} is a stand-in, good at {encoder.strengths}; CLIP finds far more: "
        f"{command} ({cost}; the gallery answers meanwhile)."
    )


def network_is_likely() -> bool:
    """Return whether a model hub may be reachable, without sending anything.

    A datagram socket is given an address that belongs to nobody: the kernel looks for a route and
    says so at once where this machine has none. A network with a route but no hub is not noticed.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    if os.environ.get("STITCH_MODEL_HUB") or getproxies():
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
        except OSError:
            return False
    return True
