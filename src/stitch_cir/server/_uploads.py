"""Uploaded references: in memory only, bounded, for a while."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from stitch_cir.errors import ImageTooLargeError, NotFoundError
from stitch_cir.images import open_image
from stitch_cir.server._cache import ByteBoundedCache
from stitch_cir.server._settings import ServerSettings

__all__ = ["StoredUpload", "UploadStore", "name_option"]


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A picture's file as it was sent, its upright size, and its SHA-256."""

    token: str
    content: bytes
    size: tuple[int, int]
    sha256: str


class UploadStore:
    """Keeps uploads under tokens that cannot be guessed; the least recently used leave first."""

    def __init__(self, settings: ServerSettings) -> None:
        """Take limits from ``settings``."""
        self.max_pixels = settings.upload_pixels
        self._seconds = settings.uploads_seconds
        self.cache: ByteBoundedCache[StoredUpload] = ByteBoundedCache(
            settings.uploads_bytes, seconds=settings.uploads_seconds
        )

    def add(self, content: bytes) -> StoredUpload:
        """Check and keep a picture. Raises ``ImageError`` when it is none, or too large."""
        try:
            image = open_image(content, max_pixels=self.max_pixels, decode_side=64)
        except ImageTooLargeError as error:
            raise ImageTooLargeError(error.message, hint=name_option(error.hint)) from error
        upload = StoredUpload(
            token=secrets.token_urlsafe(18),
            content=content,
            size=image.info["full_size"],
            sha256=hashlib.sha256(content).hexdigest(),
        )
        self.cache.put(upload.token, upload, len(content))
        return upload

    def get(self, token: str) -> StoredUpload:
        """Give an upload. Raises ``NotFoundError`` for an unknown or expired token."""
        found = self.cache.get(token)
        if found is None:
            raise NotFoundError(
                "There is no such upload, or it has expired.", hint="Upload the picture again."
            )
        return found

    def expires_in(self, token: str) -> float:
        """Give the seconds for which an upload is kept at most."""
        return max(0.0, self._seconds - (self.cache.age(token) or 0.0))


def name_option(hint: str) -> str:
    """Name the server's option for more pixels where a hint names that of indexing."""
    return hint.replace("--max-megapixels", "--max-upload-megapixels")
