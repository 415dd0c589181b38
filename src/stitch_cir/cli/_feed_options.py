"""Options of feeds: where the images are, and what a changed feed may do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["FeedImageOptions", "SyncOptions"]


@dataclass(frozen=True)
class FeedImageOptions:
    """Where the images of a feed are."""

    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Where the images of a feed are: by the path or the file name in its links; "
            "remembered. [the feed's folder]",
        ),
    ] = None
    fetch_images: Annotated[
        bool | None,
        typer.Option(
            "--fetch-images/--no-fetch-images",
            help="Fetch the images of a feed from their addresses: only then does anything leave "
            "this machine; remembered. [no-fetch-images]",
            show_default=False,
        ),
    ] = None

    def check(self, feed: Path | None) -> None:
        """Raise ``SettingError`` where there is no feed that they belong to."""
        from stitch_cir.errors import SettingError

        if feed is None and (self.images is not None or self.fetch_images is not None):
            raise SettingError(
                "Where images are is said of a feed only.",
                hint="Give the feed: stitch index --feed FILE --images DIR",
            )


@dataclass(frozen=True)
class SyncOptions:
    """What a changed feed may do."""

    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would change; nothing is written or fetched."),
    ] = False
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="The feed holds changes only: products that are not in it stay."
        ),
    ] = False
    delete: Annotated[
        list[str] | None,
        typer.Option("--delete", metavar="ID", help="Delete this product; repeatable."),
    ] = None
    allow_missing: Annotated[
        bool,
        typer.Option("--allow-missing", help="Accept that more than half of the products go."),
    ] = False

    def settings(self) -> dict[str, Any]:
        """Return them as ``index_feed`` takes them."""
        return {
            "dry_run": self.dry_run,
            "partial": self.partial,
            "delete": self.delete or (),
            "allow_missing": self.allow_missing,
        }
