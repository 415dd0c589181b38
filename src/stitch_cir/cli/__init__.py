"""The command ``stitch``."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; typer turns what commands raise into exit codes."""
    from stitch_cir.cli._app import app

    app(prog_name="stitch")
