"""What a gallery's database holds: tables, transactions, view sets, provenance."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.store._database import DATABASE, Database, write_lock
    from stitch_cir.gallery.store._provenance import record
    from stitch_cir.gallery.store._store import Item, Store, to_path
    from stitch_cir.gallery.store._view_sets import StoredSet, StoredView

__all__ = [
    "DATABASE",
    "Database",
    "Item",
    "Store",
    "StoredSet",
    "StoredView",
    "record",
    "to_path",
    "write_lock",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "DATABASE": "_database",
        "Database": "_database",
        "Item": "_store",
        "Store": "_store",
        "StoredSet": "_view_sets",
        "StoredView": "_view_sets",
        "record": "_provenance",
        "to_path": "_store",
        "write_lock": "_database",
    },
)
