"""The tree of errors; every one says what happened, where, and what to do next.

::

    StitchError
    ├── SettingError            a setting outside its range (α, τ, k, …)
    ├── QueryError              nothing to search for, or a query that cannot be composed
    │   └── CursorError         a cursor that was altered, or that is of another query
    │       └── CursorGoneError the gallery has changed since the cursor was made
    ├── NotFoundError           a path or gallery id that does not exist
    ├── VectorError             vectors of the wrong shape, not finite, or not unit length
    ├── RecordError             a JSONL line (captions, compositions) that cannot be understood
    ├── ImageError              one image that cannot be used
    │   ├── NotAnImageError     the content is no image of an allowed format
    │   ├── BrokenImageError    an allowed format, but truncated or damaged
    │   └── ImageTooLargeError  more pixels than allowed, refused from the header
    │       └── MemoryLimitError  decoding it alone takes more memory than allowed
    ├── GalleryError            something about a gallery on disk
    │   ├── GalleryMissingError no gallery at that place
    │   ├── GalleryEmptyError   a gallery without any image that could be ranked
    │   ├── GalleryMismatchError  vectors made by another encoder or other views
    │   ├── GalleryBusyError    another process is writing it
    │   ├── ClusterError        a machine of a cluster is out of reach, or does not fit the others
    │   └── GalleryDamagedError the database itself is damaged
    │       └── RowDamagedError the record of one image is damaged
    ├── CacheError              a file of recorded answers that cannot be used
    └── ModelError              model files missing, altered or unusable
        └── EndpointError       a language model's end point: no key, unreachable, no usable answer
            └── PromptTooLargeError  more images or text in one request than the end point takes

The command line maps each class to an exit code and a server to an HTTP status, in one place each.
"""

from __future__ import annotations

__all__ = [
    "BrokenImageError",
    "CacheError",
    "ClusterError",
    "CursorError",
    "CursorGoneError",
    "EndpointError",
    "GalleryBusyError",
    "GalleryDamagedError",
    "GalleryEmptyError",
    "GalleryError",
    "GalleryMismatchError",
    "GalleryMissingError",
    "ImageError",
    "ImageTooLargeError",
    "MemoryLimitError",
    "ModelError",
    "NotAnImageError",
    "NotFoundError",
    "PromptTooLargeError",
    "QueryError",
    "RecordError",
    "RowDamagedError",
    "SettingError",
    "StitchError",
    "VectorError",
]


class StitchError(Exception):
    """Base of all errors the library raises on purpose.

    ``message`` says what is wrong and where; ``hint`` (may be empty) says what to do next.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep both halves so that a front end can lay them out as it likes."""
        hint = hint.strip()
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Both halves on one line."""
        return f"{self.message} {self.hint}".strip()


class SettingError(StitchError):
    """A setting lies outside its range."""


class QueryError(StitchError):
    """Nothing to search for, or a query that cannot be composed."""


class CursorError(QueryError):
    """A cursor was altered, or is of another query."""


class CursorGoneError(CursorError):
    """The gallery has changed since the cursor was made, so its ranking is gone."""


class NotFoundError(StitchError):
    """A path or a gallery id does not exist."""


class VectorError(StitchError):
    """Vectors have the wrong shape, are not finite, or are not unit length."""


class RecordError(StitchError):
    """A line of a JSONL file cannot be understood."""


class ImageError(StitchError):
    """One image cannot be used."""


class NotAnImageError(ImageError):
    """The content is not an image of an allowed format."""


class BrokenImageError(ImageError):
    """An image of an allowed format that is truncated or damaged."""


class ImageTooLargeError(ImageError):
    """More pixels than allowed; refused from the header, before decoding."""


class MemoryLimitError(ImageTooLargeError):
    """Decoding one image takes more memory than all together may; refused from the header."""


class GalleryError(StitchError):
    """Something is wrong with a gallery on disk."""


class GalleryMissingError(GalleryError):
    """There is no gallery at that place."""


class GalleryEmptyError(GalleryError):
    """The gallery holds no image that could be ranked."""


class GalleryMismatchError(GalleryError):
    """The gallery's vectors were made by another encoder or with other views."""


class GalleryBusyError(GalleryError):
    """Another process is writing the gallery."""


class ClusterError(GalleryError):
    """A machine of a cluster cannot be reached, or does not fit the others; it is named."""


class GalleryDamagedError(GalleryError):
    """The gallery's database is damaged."""


class RowDamagedError(GalleryDamagedError):
    """What the database records about one image is damaged; ``id`` names it."""

    def __init__(self, message: str, *, hint: str = "", id: str = "") -> None:
        """Keep the id, so that a search can leave this image out."""
        super().__init__(message, hint=hint)
        self.id = id


class ModelError(StitchError):
    """Model files are missing, altered or unusable."""


class EndpointError(ModelError):
    """A language model's end point has no key, cannot be reached, or gives no usable answer."""


class PromptTooLargeError(EndpointError):
    """A request holds more images or more text than the end point takes.

    ``most_images`` is the limit where the end point states one.
    """

    def __init__(self, message: str, *, hint: str = "", most_images: int | None = None) -> None:
        """Keep the limit beside the two halves of the message."""
        super().__init__(message, hint=hint)
        self.most_images = most_images


class CacheError(StitchError):
    """A file of recorded answers cannot be opened, read or written."""
