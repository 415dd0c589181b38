"""Lance datasets: rows, versions, what goes in and comes out."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.cluster.storage._addresses import RowAddresses
    from stitch_cir.cluster.storage._dataset import SharedDataset
    from stitch_cir.cluster.storage._importing import import_gallery
    from stitch_cir.cluster.storage._lance import (
        FILE_FORMAT,
        create_dataset,
        import_lance,
        lance_errors,
        quoted,
    )
    from stitch_cir.cluster.storage._locations import absolute_address, address_text, check_place
    from stitch_cir.cluster.storage._metadata import AttributePosition, metadata_of, positions
    from stitch_cir.cluster.storage._reports import (
        ClusterIndexReport,
        CompactReport,
        DatasetReport,
        DatasetVersion,
        GalleryExportReport,
        GalleryImportReport,
    )
    from stitch_cir.cluster.storage._rows import (
        SHARDS,
        SURVEYED,
        batches,
        decoded,
        is_digest_of,
        row_of,
        schema,
        to_record,
        to_surveyed_record,
    )
    from stitch_cir.cluster.storage._secrets import check_address, options_digest
    from stitch_cir.cluster.storage._transfer import export_gallery

__all__ = [
    "FILE_FORMAT",
    "SHARDS",
    "SURVEYED",
    "AttributePosition",
    "ClusterIndexReport",
    "CompactReport",
    "DatasetReport",
    "DatasetVersion",
    "GalleryExportReport",
    "GalleryImportReport",
    "RowAddresses",
    "SharedDataset",
    "absolute_address",
    "address_text",
    "batches",
    "check_address",
    "check_place",
    "create_dataset",
    "decoded",
    "export_gallery",
    "import_gallery",
    "import_lance",
    "is_digest_of",
    "lance_errors",
    "metadata_of",
    "options_digest",
    "positions",
    "quoted",
    "row_of",
    "schema",
    "to_record",
    "to_surveyed_record",
]

# each is imported when it is first used
_exports.publish(
    __name__,
    __all__,
    lazy={
        "FILE_FORMAT": "_lance",
        "AttributePosition": "_metadata",
        "ClusterIndexReport": "_reports",
        "CompactReport": "_reports",
        "DatasetReport": "_reports",
        "DatasetVersion": "_reports",
        "GalleryExportReport": "_reports",
        "GalleryImportReport": "_reports",
        "RowAddresses": "_addresses",
        "SHARDS": "_rows",
        "SURVEYED": "_rows",
        "SharedDataset": "_dataset",
        "absolute_address": "_locations",
        "address_text": "_locations",
        "batches": "_rows",
        "check_address": "_secrets",
        "check_place": "_locations",
        "create_dataset": "_lance",
        "decoded": "_rows",
        "export_gallery": "_transfer",
        "import_gallery": "_importing",
        "import_lance": "_lance",
        "is_digest_of": "_rows",
        "lance_errors": "_lance",
        "metadata_of": "_metadata",
        "options_digest": "_secrets",
        "positions": "_metadata",
        "quoted": "_lance",
        "row_of": "_rows",
        "schema": "_rows",
        "to_record": "_rows",
        "to_surveyed_record": "_rows",
    },
)
