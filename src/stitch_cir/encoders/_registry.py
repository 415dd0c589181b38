"""Encoders by name: the built-in ones, and those that other packages register.

A package offers an encoder through the entry-point group ``stitch_cir.encoders``: a callable
without arguments that gives a ``DualEncoder``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata

from stitch_cir.encoders._hash import HashEncoder
from stitch_cir.encoders._mini import MiniEncoder
from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.errors import SettingError

__all__ = ["GROUP", "encoder_names", "load_encoder", "load_mini", "load_test"]

GROUP = "stitch_cir.encoders"


def load_mini() -> MiniEncoder:
    """Give the built-in encoder; its models are opened when first needed."""
    return MiniEncoder()


def load_test() -> HashEncoder:
    """Give the deterministic encoder for tests."""
    return HashEncoder()


_BUILT_IN: dict[str, Callable[[], DualEncoder]] = {"mini": load_mini, "test": load_test}


def encoder_names() -> tuple[str, ...]:
    """Give the names of all encoders that can be loaded here."""
    return tuple(
        sorted({*_BUILT_IN, *(point.name for point in metadata.entry_points(group=GROUP))})
    )


def load_encoder(name: str) -> DualEncoder:
    """Load an encoder by name.

    Raises ``SettingError`` listing the known names, ``ModelError`` when its files are missing.
    """
    if name in _BUILT_IN:  # without reading every installed package's metadata
        return _BUILT_IN[name]()
    for point in metadata.entry_points(group=GROUP, name=name):
        encoder: DualEncoder = point.load()()
        return encoder
    raise SettingError(
        f"There is no encoder {name!r}.", hint=f"Encoders here: {', '.join(encoder_names())}."
    )
