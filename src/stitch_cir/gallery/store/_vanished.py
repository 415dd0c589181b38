"""Items whose files have gone, kept for a while with vectors and captions: a disk may be away."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from stitch_cir.gallery.store._store import Store

__all__ = ["KEEP_DAYS", "bring_back", "count", "expire", "expired", "let_go", "take_over"]

KEEP_DAYS = 30
"""Days for which vectors and captions of vanished files are kept, where nothing else is said."""
_DAY = 24 * 60 * 60


def let_go(store: Store, ids: Sequence[str]) -> None:
    """Move items to the vanished ones, in a transaction of the caller."""
    since = _now(store)
    rows = [(since, id) for id in ids]
    store.run(
        "INSERT OR REPLACE INTO vanished (id, path, size, mtime_ns, hash, mark, since)"
        " SELECT id, path, size, mtime_ns, hash, mark, ? FROM items WHERE id = ?",
        rows,
    )
    store.remove_items(ids)


def bring_back(store: Store) -> int:
    """Make items again of the vanished ones whose files the survey met unchanged; count them.

    Nothing is read or encoded for them.
    """
    back = (
        "SELECT v.id, v.path, v.size, v.mtime_ns, v.hash, f.mark"
        " FROM vanished v JOIN temp.found f USING (id)"
        " WHERE v.size = f.size AND v.mtime_ns = f.mtime_ns AND v.path = f.path"
        " AND coalesce(v.mark = f.mark, 1) AND v.hash IN (SELECT hash FROM contents)"
        " AND v.id NOT IN (SELECT id FROM items)"
    )
    if not store.value(f"SELECT 1 FROM ({back} LIMIT 1)"):
        return 0
    with store.transaction():
        returned = store.run(
            f"INSERT INTO items (id, path, size, mtime_ns, hash, mark) {back}", [()]
        )
        store.rows(
            "DELETE FROM skipped WHERE id IN (SELECT id FROM vanished)"
            " AND id IN (SELECT id FROM items)"
        )
        store.rows("DELETE FROM vanished WHERE id IN (SELECT id FROM items)")
    return returned


def take_over(store: Store, old: Store) -> None:
    """Copy into a rebuild the items of the old gallery that it did not meet, and what vanished.

    Their contents are not encoded by the new encoder, so only ids and captions can come back.
    """
    now = _now(old)
    rows = [
        (id, path, since)
        for id, path, since in old.rows(
            "SELECT id, path, ? FROM items WHERE path NOT NULL"
            " UNION ALL SELECT id, path, since FROM vanished",
            (now,),
        )
        if store.item(id) is None
        and not store.value("SELECT 1 FROM temp.found WHERE id = ?", (id,))
    ]
    with store.transaction():
        store.rows("DELETE FROM vanished")
        store.run("INSERT OR IGNORE INTO vanished (id, path, since) VALUES (?, ?, ?)", rows)


def expire(store: Store, days: float) -> int:
    """Forget what vanished ``days`` or more days ago, for good; count it."""
    before = _now(store) - days * _DAY
    if not store.value("SELECT 1 FROM vanished WHERE since <= ? LIMIT 1", (before,)):
        return 0
    with store.transaction():
        return store.run("DELETE FROM vanished WHERE since <= ?", [(before,)])


def expired(store: Store, days: float) -> list[str]:
    """Return the ids of what vanished ``days`` or more days ago."""
    before = _now(store) - days * _DAY
    return [id for (id,) in store.rows("SELECT id FROM vanished WHERE since <= ?", (before,))]


def count(store: Store) -> int:
    """Count the vanished items; 0 for a gallery of an older version that is only read."""
    exists = store.value("SELECT 1 FROM sqlite_master WHERE name = 'vanished'")
    return store.count("vanished") if exists else 0


def _now(store: Store) -> int:
    """Return the time in seconds since 1970, never before what the gallery has recorded already.

    A clock that starts in 1970 until the network sets it would else let everything expire at once.
    """
    latest = store.value("SELECT max(since) FROM vanished") or 0
    created = store.meta().get("created")
    made = datetime.datetime.fromisoformat(created).timestamp() if created else 0
    return max(store.now_ns() // 1_000_000_000, latest, int(made))
