"""Modules inside the gallery in which tests replace a step, to make it fail, wait or be counted.

No public call breaks at exactly that step: a decoder that a file changes under, a process that dies
between two commits, a disk that refuses. Tests patch these modules and reach for nothing else in
them.
"""

from __future__ import annotations

from stitch_cir.gallery.attributes import _carried
from stitch_cir.gallery.cache import _build, _format
from stitch_cir.gallery.index import _decode, _folder_run, _pending, _scan
from stitch_cir.gallery.store import _reading

__all__ = [
    "building",
    "carried",
    "checking",
    "decoding",
    "folder_run",
    "pending",
    "reading",
    "scanning",
]

building = _build
carried = _carried
checking = _format
decoding = _decode
folder_run = _folder_run
pending = _pending
reading = _reading
scanning = _scan
