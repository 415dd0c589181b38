"""``stitch cluster``: galleries in shared or object storage, with versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, emit_json
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from stitch_cir.cluster import (
        CompactReport,
        DatasetReport,
        GalleryExportReport,
        GalleryImportReport,
    )

    Report = CompactReport | DatasetReport | GalleryExportReport | GalleryImportReport

__all__ = ["cluster", "storage_options"]

cluster = Application(
    help="Datasets in shared or object storage: versions, indexing and searching on a Ray cluster.",
    no_args_is_help=True,
)

UriArgument = Annotated[
    str,
    typer.Argument(
        metavar="URI", help="A dataset: a folder, or an address such as s3://bucket/photos.lance."
    ),
]
StorageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--storage-option",
        metavar="KEY=VALUE",
        help="An option of the storage, such as region=eu-west-1. Repeat for more.",
    ),
]
VersionOption = Annotated[
    str | None,
    typer.Option("--version", metavar="N|TAG", help="A version or a tag. [the newest]"),
]


@cluster.command("export")
def export(
    gallery: o.GalleryArgument,
    uri: UriArgument,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Write a gallery into a dataset, as a new version; the dataset is made if there is none.

    stitch cluster export photos /mnt/share/photos.lance
    """
    with guard(as_json=as_json):
        from stitch_cir.cluster import export_gallery

        report = export_gallery(gallery, uri, storage_options=storage_options(storage))
        _show(report, as_json)


@cluster.command("import")
def import_(
    uri: UriArgument,
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="The directory of the new gallery.")
    ],
    version: VersionOption = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="FOLDER", help="Where the images are. [as exported]"),
    ] = None,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Make a gallery from a version of a dataset.

    stitch cluster import /mnt/share/photos.lance photos/.stitch
    """
    with guard(as_json=as_json):
        from stitch_cir.cluster import import_gallery

        report = import_gallery(
            uri, gallery, version=version, root=root, storage_options=storage_options(storage)
        )
        _show(report, as_json)


@cluster.command("log")
def log(uri: UriArgument, storage: StorageOption = None, as_json: o.JsonOption = False) -> None:
    """List the versions of a dataset, newest first."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        versions = SharedDataset.open(uri, storage_options=storage_options(storage)).versions()[
            ::-1
        ]
        if as_json:
            emit_json([each.to_dict() for each in versions])
            return
        for each in versions:
            tags = f"  {', '.join(each.tags)}" if each.tags else ""
            line = (
                f"{each.number:>6}  {each.written:%Y-%m-%d %H:%M:%S}  {each.rows:>11,} rows{tags}"
            )
            console().print(printable(line), soft_wrap=True)


@cluster.command("tag")
def tag(
    uri: UriArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tag.")],
    version: VersionOption = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the tag.")] = False,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Tag a version, so that it is kept; an existing tag moves."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        if delete and version is not None:
            raise SettingError(
                "A tag is deleted whatever its version.", hint="Leave out --version."
            )
        dataset = SharedDataset.open(uri, storage_options=storage_options(storage))
        if delete:
            dataset.untag(name)
            number = None
        else:
            number = dataset.tag(name, version)
        if as_json:
            emit_json({"tag": name, "version": number})
        else:
            text = f"{name} deleted." if number is None else f"{name} is version {number} now."
            console().print(printable(text), soft_wrap=True)


@cluster.command("checkout")
def checkout(
    uri: UriArgument,
    version: Annotated[str, typer.Argument(metavar="N|TAG", help="A version or a tag.")],
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Make an earlier version the newest, as a new version; later ones stay available."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        dataset = SharedDataset.open(uri, storage_options=storage_options(storage))
        number = dataset.check_out(version)
        if as_json:
            emit_json({"version": number, "rows": len(dataset)})
        else:
            console().print(f"version {number} has the content of version {printable(version)}.")


@cluster.command("delete")
def delete(
    uri: UriArgument,
    ids: Annotated[
        list[str], typer.Argument(metavar="ID…", help="Ids of images, as a search prints them.")
    ],
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Delete images from a dataset, all of them or none; earlier versions keep them."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        dataset = SharedDataset.open(uri, storage_options=storage_options(storage))
        number = dataset.delete(ids)
        if as_json:
            emit_json({"version": number, "deleted": len(set(ids))})
        else:
            console().print(f"version {number}: {len(set(ids)):,} deleted.")


@cluster.command("compact")
def compact(
    uri: UriArgument,
    keep_days: Annotated[
        float,
        typer.Option("--keep-days", min=0.0, help="Keep versions younger than this many days."),
    ] = 7.0,
    remove_unfinished: Annotated[
        bool,
        typer.Option(
            "--remove-unfinished",
            help="Also delete files that interrupted writers left within the last seven days. Safe "
            "only while nobody writes.",
        ),
    ] = False,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Merge small files and delete old versions; the newest and those with a tag are kept."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        dataset = SharedDataset.open(uri, storage_options=storage_options(storage))
        report = dataset.compact(keep_days=keep_days, remove_unfinished=remove_unfinished)
        _show(report, as_json)


@cluster.command("verify")
def verify(
    uri: UriArgument,
    version: VersionOption = None,
    storage: StorageOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Check every row of a dataset against its digest."""
    with guard(as_json=as_json):
        from stitch_cir.cluster import SharedDataset

        report = SharedDataset.open(uri, version, storage_options=storage_options(storage)).verify()
        if not as_json:
            for problem in report.problems:
                console().print(f"problem: {printable(problem)}", soft_wrap=True)
        _show(report, as_json)
        if report.problems:
            raise typer.Exit(5)


def storage_options(pairs: list[str] | None) -> dict[str, str]:
    """Return the options of the storage. Raises ``SettingError`` for one without a value."""
    options = {}
    for pair in pairs or ():
        name, sign, value = pair.partition("=")
        if not name or not sign:
            raise SettingError(
                # not shown: a value without its name may be a secret
                "A storage option has no name, or no value.",
                hint="Write --storage-option KEY=VALUE, for example region=eu-west-1.",
            )
        options[name] = value
    return options


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        emit_json(report.to_dict())
    else:
        console().print(printable(report.summary()), soft_wrap=True)
