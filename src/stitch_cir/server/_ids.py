"""Ids in addresses: they may hold anything, slashes and line breaks included."""

from __future__ import annotations

from starlette.convertors import PathConvertor, register_url_convertor

__all__ = ["register"]


class _Id(PathConvertor):
    # the framework's own ``path`` stops at a line break
    regex = "(?s:.*)"


def register() -> None:
    """Teach the framework the convertor ``image_id``: the rest of an address, whatever it is."""
    register_url_convertor("image_id", _Id())
