"""Uploaded reference images: in memory for a while, or kept with the gallery if allowed."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from stitch_cir.errors import ImageTooLargeError, NotFoundError
from stitch_cir.gallery import KeptFile, KeptFolder
from stitch_cir.images import open_image
from stitch_cir.server._errors import KeepError, KeptFullError
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

    def __init__(self, settings: ServerSettings, kept: KeptFolder) -> None:
        """Start empty, within the limits of ``settings``; ``kept`` are those on the disk."""
        self.kept = kept
        self._keeps = settings.keep_uploads
        self._kept_bytes = settings.kept_bytes
        self.max_pixels = settings.upload_pixels
        self._seconds = settings.uploads_seconds
        self.cache: ByteBoundedCache[StoredUpload] = ByteBoundedCache(
            settings.uploads_bytes, seconds=settings.uploads_seconds
        )

    def add(self, content: bytes) -> StoredUpload:
        """Check and store an image. Raises ``ImageError`` for other files and images too large."""
        upload = self._checked(secrets.token_urlsafe(18), content)
        self.cache.put(upload.token, upload, len(content))
        return upload

    def _checked(self, token: str, content: bytes) -> StoredUpload:
        try:
            image = open_image(content, max_pixels=self.max_pixels, decode_side=64)
        except ImageTooLargeError as error:
            raise ImageTooLargeError(error.message, hint=name_option(error.hint)) from error
        return StoredUpload(
            token=token,
            content=content,
            size=image.info["full_size"],
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def get(self, token: str) -> StoredUpload:
        """Return an upload by its token, or a kept one by its id or its token.

        Raises ``NotFoundError`` for one that is unknown, removed or expired.
        """
        upload = self.cache.get(token)
        if upload is not None:
            return upload
        content = self.kept.content(token) or self.kept.content(self.kept.id_of(token))
        if content is None:
            raise NotFoundError(
                "There is no such upload, or it has expired.", hint="Upload the image again."
            )
        return self._checked(token, content)  # not into memory: it may be removed at any time

    def keep(self, token: str) -> KeptFile:
        """Keep an upload with the gallery until it is removed; the link to it names its id.

        Raises ``KeepError`` where that is not allowed, ``KeptFullError`` where there is no room,
        and what :meth:`get` raises.
        """
        if not self._keeps:
            raise KeepError(
                "This server keeps no uploads.",
                hint="Whoever runs it can allow that: stitch serve --keep-uploads",
            )
        upload = self.get(token)
        there = {each.id: each for each in self.kept.list()}
        if token in there:
            return there[token]
        if self.kept.id_of(token) not in there:
            used = sum(each.bytes for each in there.values())
            if used + len(upload.content) > self._kept_bytes:
                raise KeptFullError(
                    f"The uploads that are kept already take {used / 1e6:.0f} of "
                    f"{self._kept_bytes / 1e6:.0f} MB.",
                    hint="Whoever runs it can make room: stitch uploads GALLERY --remove ID",
                )
        return self.kept.keep(token, upload.content)

    def remove(self, token: str) -> None:
        """Remove an upload by its token, from memory and from the disk.

        Raises ``NotFoundError`` where it is in neither.
        """
        was_in_memory = self.cache.drop(token)
        try:
            self.kept.remove(self.kept.id_of(token))
        except NotFoundError:
            if not was_in_memory:
                raise

    def expires_in(self, token: str) -> float:
        """Return the seconds after which an upload expires at the latest."""
        return max(0.0, self._seconds - (self.cache.age(token) or 0.0))


def name_option(hint: str) -> str:
    """Return a hint with the server's option for more pixels instead of that of indexing."""
    return hint.replace("--max-megapixels", "--max-upload-megapixels")
