"""The connections of an open gallery: one that stays, and one for each snapshot."""

from __future__ import annotations

import threading
from pathlib import Path

from stitch_cir.gallery.store import Store

__all__ = ["Connections"]

_MAX_IDLE = 8
"""Connections that are kept open for the next snapshots."""


class Connections:
    """Connections to the database of one gallery. Safe to share between threads.

    ``live`` answers single questions. A snapshot borrows a connection for itself alone, unless the
    gallery cannot be written: then ``live`` shows a single state anyway.
    """

    def __init__(self, directory: Path, live: Store) -> None:
        """Take over ``live``, a connection to the gallery in ``directory``."""
        self._directory = directory
        self.live = live
        self._idle: list[Store] = []
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def is_closed(self) -> bool:
        """Whether the gallery was closed."""
        return self._is_closed

    def renew(self) -> Store:
        """Return ``live``, opened anew where another file has taken the database's place.

        The older connection stays open for the snapshots that read it.
        """
        with self._lock:
            return self._renew()

    def borrow(self) -> Store:
        """Return a connection for one snapshot; :meth:`give_back` takes it."""
        with self._lock:
            live = self._renew()
            if not live.is_live:
                return live
            while self._idle:
                store = self._idle.pop()
                if not store.is_outdated():
                    return store
                store.close()
        return Store(self._directory)

    def give_back(self, store: Store) -> None:
        """End what ``store`` reads, and keep it for the next snapshot or close it."""
        store.end_reading()
        with self._lock:
            if store is self.live:
                return
            if store.is_live and len(self._idle) < _MAX_IDLE and not self._is_closed:
                self._idle.append(store)
            elif store.is_live:
                store.close()

    def close(self) -> None:
        """Close every connection that no snapshot reads."""
        with self._lock:
            self._is_closed = True
            for store in (*self._idle, self.live):
                store.close()
            self._idle.clear()

    def _renew(self) -> Store:
        if self.live.is_outdated():
            self.live = Store(self._directory)
        return self.live
