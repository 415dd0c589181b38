"""Reference images that are kept with a gallery for links: a folder beside its database."""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from stitch_cir.errors import GalleryError, NotFoundError

__all__ = ["KeptFile", "KeptFolder"]

FOLDER = "uploads"
_ID = re.compile(r"[A-Za-z0-9_-]{24}")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One kept image: its id, the size of its file in bytes, and when it was kept (UTC)."""

    id: str
    bytes: int
    kept_at: datetime.datetime


class KeptFolder:
    """Keeps uploads under ids derived from their tokens: a link names the id, which opens no more.

    Whoever has the token can remove its image, whoever has the id can only look at it. The files
    are as they were sent, with their metadata. Safe to share between threads and processes.
    """

    def __init__(self, directory: Path) -> None:
        """Use the directory of a gallery; nothing is written before the first image is kept."""
        self.folder = directory / FOLDER

    @staticmethod
    def id_of(token: str) -> str:
        """Return the id under which the upload with this token is kept: 24 characters."""
        return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:18]).decode()

    def keep(self, token: str, content: bytes) -> KeptFile:
        """Keep the file of an upload for good; one that is kept already stays as it is.

        Raises ``GalleryError`` where it cannot be written.
        """
        id = self.id_of(token)
        path = self.folder / id
        try:
            if not path.exists():
                self.folder.mkdir(mode=0o700, exist_ok=True)
                part = self.folder / f".{id}.{secrets.token_hex(4)}.part"
                try:
                    part.write_bytes(content)
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
            return _kept(path)
        except OSError as error:
            raise GalleryError(
                f"The image cannot be kept in {self.folder}: {error.strerror or error}.",
                hint="Let the server write into the gallery's folder, and see that its disk has "
                "room.",
            ) from error

    def content(self, id: str) -> bytes | None:
        """Return the file of a kept image, or ``None`` where there is none of that id."""
        if _ID.fullmatch(id) is None:
            return None
        try:
            return (self.folder / id).read_bytes()
        except FileNotFoundError:
            return None

    def list(self) -> tuple[KeptFile, ...]:
        """Return what is kept, oldest first."""
        try:
            paths = [path for path in self.folder.iterdir() if _ID.fullmatch(path.name)]
        except FileNotFoundError:
            return ()
        kept = []
        for path in paths:
            try:
                kept.append(_kept(path))
            except FileNotFoundError:  # removed meanwhile
                continue
        return tuple(sorted(kept, key=lambda each: (each.kept_at, each.id)))

    def remove(self, id: str) -> None:
        """Delete a kept image; links to it stop working. Raises ``NotFoundError`` for none."""
        try:
            if _ID.fullmatch(id) is None:
                raise FileNotFoundError
            (self.folder / id).unlink()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"No upload {id!r} is kept.", hint="See which are: stitch uploads GALLERY"
            ) from error


def _kept(path: Path) -> KeptFile:
    facts = path.stat()
    moment = datetime.datetime.fromtimestamp(int(facts.st_mtime), datetime.UTC)
    return KeptFile(path.name, facts.st_size, moment)
