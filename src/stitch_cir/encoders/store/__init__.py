"""Models on this machine: the catalogue, the hub, their files and checksums."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.encoders.store._catalogue import (
        CatalogueEntry,
        catalogue,
        is_installed,
        model_dir,
        models_folder,
    )
    from stitch_cir.encoders.store._check import check_model
    from stitch_cir.encoders.store._digests import check_file, file_sha256, joint_sha256
    from stitch_cir.encoders.store._hub import PulledModel, pull_model
    from stitch_cir.encoders.store._model_file import (
        GOLDEN_TEXTS,
        ModelFile,
        encoder_name,
        golden_images,
        local_folder,
        read_model_file,
    )

__all__ = [
    "GOLDEN_TEXTS",
    "CatalogueEntry",
    "ModelFile",
    "PulledModel",
    "catalogue",
    "check_file",
    "check_model",
    "encoder_name",
    "file_sha256",
    "golden_images",
    "is_installed",
    "joint_sha256",
    "local_folder",
    "model_dir",
    "models_folder",
    "pull_model",
    "read_model_file",
]

# each is imported when it is first used: a search needs few of them
_exports.publish(
    __name__,
    __all__,
    lazy={
        "GOLDEN_TEXTS": "_model_file",
        "CatalogueEntry": "_catalogue",
        "ModelFile": "_model_file",
        "PulledModel": "_hub",
        "catalogue": "_catalogue",
        "check_file": "_digests",
        "check_model": "_check",
        "encoder_name": "_model_file",
        "file_sha256": "_digests",
        "golden_images": "_model_file",
        "is_installed": "_catalogue",
        "joint_sha256": "_digests",
        "local_folder": "_model_file",
        "model_dir": "_catalogue",
        "models_folder": "_catalogue",
        "pull_model": "_hub",
        "read_model_file": "_model_file",
    },
)
