"""Where a dataset may lie, and one spelling of its address."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stitch_cir._hints import shell_word
from stitch_cir.errors import GalleryError, GalleryMissingError, SettingError
from stitch_cir.gallery import DEFAULT_DIRECTORY
from stitch_cir.gallery.store import DATABASE

__all__ = [
    "ADDRESSES",
    "absolute_address",
    "address_text",
    "check_place",
    "holding_dataset",
    "require_no_gallery",
]

ADDRESSES = (
    "Give a folder, or an address such as s3://bucket/photos.lance, gs://… or az://…; one that "
    "begins with file:// has three slashes: file:///mnt/photos.lance"
)
_NO_FOLDER = re.compile(r"(?:file|memory|s3|gs|gcs|az|abfss?|hf|https?):(?!//)", re.IGNORECASE)
_NAMES_OF_LANCE = frozenset(
    {"data", "_transactions", "_versions", "_indices", "_deletions", "_refs"}
)
"""What Lance keeps in a dataset, also in one that was never finished."""


def address_text(uri: Path | str) -> str:
    """Return the address of a dataset as a text.

    Raises ``SettingError`` for an address in a path, which has lost one of its two slashes.
    """
    text = os.fspath(uri)
    if not isinstance(uri, str) and _NO_FOLDER.match(text):
        raise SettingError(
            f"{text} is an address in a Path, which keeps one of two slashes.",
            hint="Give addresses as texts: 's3://bucket/photos.lance'.",
        )
    return text


def absolute_address(uri: Path | str) -> str:
    """Return the address of a dataset as other processes, and nodes, open it: one spelling of it.

    Raises ``SettingError`` for one that is neither a folder nor an address.
    """
    uri = address_text(uri)
    if uri.lower().startswith("file://"):
        parts = urlsplit(uri)
        if parts.netloc not in ("", "localhost"):
            raise SettingError(f"The address {uri} names no file here.", hint=ADDRESSES)
        return os.path.normpath(unquote(parts.path))
    if _NO_FOLDER.match(uri):
        raise SettingError(f"The address {uri} lacks two slashes.", hint=ADDRESSES)
    if uri.lower().startswith("memory://"):
        raise SettingError(f"What is written to {uri} is kept nowhere.", hint=ADDRESSES)
    # links stay: they may lead elsewhere on other nodes
    return uri.rstrip("/") if "://" in uri else os.path.normpath(Path(uri).absolute())


def holding_dataset(uri: str) -> Path | None:
    """Return the dataset that a folder is, or lies in; ``None`` for one in object storage."""
    address = absolute_address(uri)
    if "://" in address:
        return None
    path = Path(address)
    return next((each for each in (path, *path.parents) if (each / "_versions").is_dir()), None)


def check_place(uri: str) -> None:
    """Raise ``GalleryError`` where a new dataset would be mixed with what is in a folder already.

    What an interrupted writer left of a dataset is no reason, nor is a dataset at the very address:
    another writer has just made it, and to create it a second time fails by itself.
    """
    address = absolute_address(uri)
    if "://" in address:
        return
    path = Path(address)
    gallery = next((each for each in (path, *path.parents) if (each / DATABASE).is_file()), None)
    dataset = holding_dataset(uri)
    outer = gallery or (None if dataset == path else dataset)
    reason = f"lies in the {'gallery' if gallery else 'dataset'} {outer}" if outer else None
    if reason is None and path.is_dir() and not all(map(_is_of_a_dataset, path.iterdir())):
        reason = "holds other files"
    if reason is not None:
        beside = (outer or path).parent / "photos.lance"
        raise GalleryError(
            f"No dataset can be made at {uri}: it {reason}.",
            hint=f"Choose a folder of its own, for example {beside}",
        )


def _is_of_a_dataset(entry: Path) -> bool:
    """Return whether a file or folder may be what an interrupted writer left, or a system's own."""
    if entry.name == "data" and entry.is_dir():
        # a file that is being written has a number behind its name
        return all(".lance" in each.name or each.name.startswith(".") for each in entry.iterdir())
    return entry.name in _NAMES_OF_LANCE or entry.name.startswith(".") or entry.name == "lost+found"


def require_no_gallery(uri: str) -> None:
    """Raise ``GalleryMissingError`` where a gallery was named in place of a dataset."""
    address = absolute_address(uri)
    if "://" in address:
        return
    path = Path(address)
    with suppress(OSError):
        holds = any((each / DATABASE).is_file() for each in (path, path / DEFAULT_DIRECTORY))
        if holds and not (path / "_versions").is_dir():
            raise GalleryMissingError(
                f"{uri} is a gallery, and no dataset.",
                hint=f"Write it into a dataset: stitch cluster export {shell_word(uri)} URI",
            )
