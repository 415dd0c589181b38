"""What a gallery's database holds: tables, transactions, view sets, provenance."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.gallery.store._database import (
        DATABASE,
        Database,
        delete_database,
        write_lock,
    )
    from stitch_cir.gallery.store._digest import earlier_row_digest, row_digest
    from stitch_cir.gallery.store._id_records import (
        ContentRecord,
        IdRecord,
        attribute_kinds,
        delete_records,
        put_records,
        read_records,
    )
    from stitch_cir.gallery.store._provenance import (
        check_encoder,
        completeness,
        encoder_name,
        record,
        root_of,
        set_root,
        switch_notes,
    )
    from stitch_cir.gallery.store._store import Item, Store, same_id, to_path
    from stitch_cir.gallery.store._view_sets import StoredSet, StoredView

__all__ = [
    "DATABASE",
    "ContentRecord",
    "Database",
    "IdRecord",
    "Item",
    "Store",
    "StoredSet",
    "StoredView",
    "attribute_kinds",
    "check_encoder",
    "completeness",
    "delete_database",
    "delete_records",
    "earlier_row_digest",
    "encoder_name",
    "put_records",
    "read_records",
    "record",
    "root_of",
    "row_digest",
    "same_id",
    "set_root",
    "switch_notes",
    "to_path",
    "write_lock",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "DATABASE": "_database",
        "ContentRecord": "_id_records",
        "Database": "_database",
        "IdRecord": "_id_records",
        "Item": "_store",
        "Store": "_store",
        "StoredSet": "_view_sets",
        "StoredView": "_view_sets",
        "attribute_kinds": "_id_records",
        "check_encoder": "_provenance",
        "completeness": "_provenance",
        "delete_database": "_database",
        "delete_records": "_id_records",
        "earlier_row_digest": "_digest",
        "encoder_name": "_provenance",
        "put_records": "_id_records",
        "read_records": "_id_records",
        "record": "_provenance",
        "root_of": "_provenance",
        "row_digest": "_digest",
        "same_id": "_store",
        "set_root": "_provenance",
        "switch_notes": "_provenance",
        "to_path": "_store",
        "write_lock": "_database",
    },
)
