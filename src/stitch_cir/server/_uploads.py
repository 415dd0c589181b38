"""Uploaded reference images: in memory only, bounded, for a while."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from stitch_cir.errors import ImageTooLargeError, NotFoundError
from stitch_cir.images import open_image
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server.limits import ByteBoundedCache

__all__ = ["StoredUpload", "UploadStore", "name_option"]


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An image file as it was sent, its upright size, and its SHA-256."""

    token: str
    content: bytes
    size: tuple[int, int]
    sha256: str


class UploadStore:
    """Stores uploads under random tokens; the least recently used are dropped first."""

    def __init__(self, settings: ServerSettings) -> None:
        """Start empty, within the limits of ``settings``."""
        self.max_pixels = settings.upload_pixels
        self._seconds = settings.uploads_seconds
        self.cache: ByteBoundedCache[StoredUpload] = ByteBoundedCache(
            settings.uploads_bytes, seconds=settings.uploads_seconds
        )

    def add(self, content: bytes) -> StoredUpload:
        """Check and store an image. Raises ``ImageError`` for other files and images too large."""
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
        """Return an upload. Raises ``NotFoundError`` for an unknown or expired token."""
        upload = self.cache.get(token)
        if upload is None:
            raise NotFoundError(
                "There is no such upload, or it has expired.", hint="Upload the image again."
            )
        return upload

    def expires_in(self, token: str) -> float:
        """Return the seconds after which an upload expires at the latest."""
        return max(0.0, self._seconds - (self.cache.age(token) or 0.0))


def name_option(hint: str) -> str:
    """Return a hint with the server's option for more pixels instead of that of indexing."""
    return hint.replace("--max-megapixels", "--max-upload-megapixels")
