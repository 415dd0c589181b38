"""``stitch attributes``: what items are filtered by, set, shown, counted, dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._output import console, emit_json, show_facets

__all__ = ["attributes"]

attributes = Application(
    help="Attributes of images, such as price, brand or date: set, show, count, drop.",
    no_args_is_help=True,
)


@attributes.command("set")
def set_(
    gallery: o.GalleryArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or TSV with a column id, JSON lines, or Parquet. Empty cells delete values.",
        ),
    ],
    as_json: o.JsonOption = False,
) -> None:
    """Set attributes from a file; no image is encoded again, and a running server sees it at once.

    stitch attributes set photos prices.csv
    """
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        report = Gallery.open(gallery).set_attributes(file)
        if as_json:
            emit_json(report.to_dict())
        else:
            out = console()
            for id in report.unknown[:10]:
                out.print(f"not in the gallery: {printable(id)}", soft_wrap=True)
            out.print(printable(report.summary()), soft_wrap=True)
        if report.unknown:
            raise typer.Exit(EXIT_SKIPPED)


@attributes.command("show")
def show(
    gallery: o.GalleryArgument,
    id: Annotated[
        str | None, typer.Argument(metavar="ID", help="An image. [the schema of all]")
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """Show the attributes of an image, or which attributes there are."""
    with guard(as_json=as_json):
        from stitch_cir.errors import NotFoundError
        from stitch_cir.gallery import Gallery

        opened = Gallery.open(gallery)
        if id is None:
            schema = opened.info()["attributes"]
            if as_json:
                emit_json(schema)
                return
            lines = [(each["name"], f"{each['kind']}, {each['items']:,} items") for each in schema]
        else:
            resolved = opened.resolve(id)
            if resolved is None:
                raise NotFoundError(
                    f"The gallery {opened.directory} has no image {id!r}.",
                    hint="Give an id as printed by a search.",
                )
            values = opened.attributes_of(resolved)
            if as_json:
                emit_json({"id": resolved, "attributes": values})
                return
            lines = [(name, _shown(value)) for name, value in values.items()]
        _print(lines or [("no attributes", "")])


@attributes.command("count")
def count(
    gallery: o.GalleryArgument,
    facets: Annotated[
        list[str],
        typer.Argument(
            metavar="FACET…",
            help="An attribute, with ranges (price:0,50,100) or a period (taken:year) if you like.",
        ),
    ],
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help='Count only these: "price < 50".'),
    ] = None,
    as_json: o.JsonOption = False,
) -> None:
    """Count the values of attributes, over the whole gallery or a part of it.

    stitch attributes count photos camera taken:year --where "rating >= 4"
    """
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        with Gallery.open(gallery).snapshot() as snapshot:
            attributes = snapshot.attributes
            rows = None if where is None else attributes.rows(where)
            counted = attributes.facets(facets, rows)
        if as_json:
            emit_json([facet.to_dict() for facet in counted])
            return
        show_facets(counted, console())


@attributes.command("drop")
def drop(
    gallery: o.GalleryArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An attribute.")],
    as_json: o.JsonOption = False,
) -> None:
    """Delete an attribute with all its values, for example to set it again with another kind."""
    with guard(as_json=as_json):
        from stitch_cir.gallery import Gallery

        items = Gallery.open(gallery).drop_attribute(name)
        if as_json:
            emit_json({"name": name, "items": items})
        else:
            console().print(printable(f"{name} dropped; {items:,} items had it."))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " · ".join(value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _print(lines: list[tuple[str, str]]) -> None:
    width = max(len(printable(name)) for name, _ in lines)
    for name, value in lines:
        console().print(f"{printable(name):<{width}}  {printable(value)}".rstrip(), soft_wrap=True)
