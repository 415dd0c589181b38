"""Where tests reach inside a gallery: its store and its lock, to make what no public call makes."""

from __future__ import annotations

from stitch_cir.gallery.store._database import Database, write_lock
from stitch_cir.gallery.store._store import Item, Store

__all__ = ["Database", "Item", "Store", "write_lock"]
