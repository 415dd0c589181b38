"""Modules inside the gallery in which tests replace a step, to make it fail, wait or be counted.

No public call breaks at exactly that step: a decoder that a file changes under, a process that dies
between two commits, a disk that refuses. Tests patch these modules and reach for nothing else in
them.
"""

from __future__ import annotations

from stitch_cir.gallery.attributes import _carried as carried
from stitch_cir.gallery.cache import _build as building
from stitch_cir.gallery.cache import _format as checking
from stitch_cir.gallery.index import _budget as budget
from stitch_cir.gallery.index import _decode as decoding
from stitch_cir.gallery.index import _folder_run as folder_run
from stitch_cir.gallery.index import _pending as pending
from stitch_cir.gallery.index import _scan as scanning
from stitch_cir.gallery.store import _reading as reading

__all__ = [
    "budget",
    "building",
    "carried",
    "checking",
    "decoding",
    "folder_run",
    "pending",
    "reading",
    "scanning",
]
