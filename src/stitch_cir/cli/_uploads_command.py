"""``stitch uploads``: the reference images that visitors kept for their links."""

from __future__ import annotations

from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._tables import write_table

__all__ = ["uploads"]


def uploads(
    gallery: o.GalleryArgument,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="ID", help="Delete one for good; repeatable."),
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """List the uploads that stitch serve --keep-uploads keeps for links, and remove them.

    A link to an upload that was removed says that its image is missing.

        stitch uploads photos
    """
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery, KeptFolder

        with Gallery.open(gallery) as opened:
            kept = KeptFolder(opened.directory)
        for id in remove or ():
            kept.remove(id)
        listed = kept.list()
        if as_json:
            emit_json(
                {
                    "removed": list(remove or ()),
                    "uploads": [
                        {
                            "id": each.id,
                            "bytes": each.bytes,
                            "kept_at": each.kept_at.isoformat(),
                        }
                        for each in listed
                    ],
                }
            )
            return
        out = console()
        for id in remove or ():
            out.print(f"removed: {id}", soft_wrap=True)
        if not listed:
            out.print("No uploads are kept.")
            return
        rows = [
            [each.id, each.kept_at.strftime("%Y-%m-%d %H:%M UTC"), f"{each.bytes / 1e6:.1f} MB"]
            for each in listed
        ]
        write_table(out, ["id", "kept", "size"], rows)
