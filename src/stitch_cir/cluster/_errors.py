"""Errors that pass between routers and shards; callers of a search see only ``ClusterError``."""

from __future__ import annotations

from stitch_cir.errors import ClusterError, StitchError

__all__ = [
    "ColumnMissingError",
    "NotLoadedError",
    "VersionGoneError",
    "described",
    "named_error",
    "reason_of",
]


class ColumnMissingError(Exception):
    """A shard lacks a column computed from the whole gallery: it was started after that."""


class VersionGoneError(ClusterError):
    """A shard no longer holds the version that was asked for."""


class NotLoadedError(ClusterError):
    """A replica cannot hold a version, for a reason of its node; another replica may."""


def described(error: StitchError | ColumnMissingError) -> tuple[str, str, str]:
    """Return class name, message and hint: errors with keyword arguments cannot be pickled."""
    if isinstance(error, StitchError):
        return type(error).__name__, error.message, error.hint
    return type(error).__name__, str(error), ""


def named_error(name: str, message: str, hint: str) -> Exception:
    """Return the error that another process sent as :func:`described`."""
    from stitch_cir import errors

    if name == "ColumnMissingError":
        return ColumnMissingError(message)
    for between in (VersionGoneError, NotLoadedError):
        if name == between.__name__:
            return between(message, hint=hint)
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.StitchError):
        return kind(message, hint=hint)
    return ClusterError(message, hint=hint)


def reason_of(error: BaseException) -> str:
    """Return the cause of a failed call in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")
