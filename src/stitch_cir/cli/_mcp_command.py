"""``stitch mcp``: one gallery as tools for an assistant."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._setting_options import with_options
from stitch_cir.cli._spread_options import SpreadOptions

__all__ = ["mcp"]


@with_options
def mcp(
    gallery: Annotated[
        str,
        typer.Argument(
            metavar="GALLERY",
            help="An indexed folder, or a gallery directory; with --cluster a dataset.",
        ),
    ],
    encoder: o.EncoderOption = None,
    composed: o.ComposedOption = None,
    *,
    spread: SpreadOptions,
    models: ModelOptions,
) -> None:
    """Serve a gallery to an assistant: the tools search, compose and explain, over MCP.

    Speaks the Model Context Protocol on stdin and stdout; an assistant starts this command itself.
    Needs the extra mcp. See docs/mcp.md. With --cluster the gallery is a dataset that a Ray cluster
    searches in shards; see docs/cluster.md.

        stitch mcp photos
    """
    with guard():
        spread.check()
        from stitch_cir.cli._open import ComposedMaker, chosen_composer, open_gallery
        from stitch_cir.encoders import load_encoder
        from stitch_cir.mcp import create_server
        from stitch_cir.searcher import SearchSettings

        # stdout is the assistant's: whatever a model or a plug-in prints while it opens goes astray
        with redirect_stdout(sys.stderr):
            composer = chosen_composer(models, SearchSettings())
            opened = (
                open_gallery(Path(gallery), encoder, texts=True)
                if spread.cluster is None
                else spread.open(gallery, None if encoder is None else load_encoder(encoder))
            )
            make_composed = None if composed is None else ComposedMaker(composed)
            if make_composed is not None:
                # a name that is none, or a model that is not there, is an error now
                make_composed(opened.encoder)
            server = create_server(opened, composer=composer, make_composed=make_composed)
        server.run("stdio")
