"""The versions of a dataset, which others make, tag and clean up meanwhile."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from stitch_cir._hints import shell_word
from stitch_cir.cluster.storage._lance import lance_errors
from stitch_cir.cluster.storage._metadata import SHAPING, facts_of
from stitch_cir.cluster.storage._reports import DatasetVersion
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryMismatchError,
    GalleryMissingError,
    NotFoundError,
    SettingError,
)

__all__ = ["TRIES", "DatasetVersions", "unhurried"]

_TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|lock$|$))*")
TRIES = 10
"""How often something begins again that others were in the way of."""
T = TypeVar("T")


def unhurried(uri: str, look: Callable[[], T]) -> T:
    """Return what ``look`` finds; it looks again where what it has listed is cleaned up."""
    for _ in range(TRIES - 1):
        with suppress(GalleryDamagedError), lance_errors(uri):
            return look()
    with lance_errors(uri):
        return look()


class DatasetVersions:
    """A dataset at one version, and which versions and tags it has."""

    def __init__(self, uri: str, dataset: Any, facts: Mapping[str, Any]) -> None:
        """Use :meth:`SharedDataset.open`."""
        self.uri = uri
        self.lance = dataset
        self.facts = dict(facts)

    @property
    def version(self) -> int:
        """The number of the version."""
        return int(self.lance.version)

    def versions(self) -> list[DatasetVersion]:
        """Return all versions that can be opened, oldest first."""
        tags: dict[int, list[str]] = {}
        for name, tag in unhurried(self.uri, self.lance.tags.list).items():
            tags.setdefault(int(tag["version"]), []).append(name)
        versions = [
            DatasetVersion(
                int(each["version"]),
                each["timestamp"].astimezone(datetime.UTC),
                int(each["metadata"].get("total_rows", 0)),
                tuple(sorted(tags.get(int(each["version"]), ()))),
            )
            for each in unhurried(self.uri, self.lance.versions)
        ]
        if not versions:
            raise GalleryMissingError(
                f"There is no dataset at {self.uri} any more.",
                hint="Check the address, or make a dataset: stitch cluster export GALLERY URI",
            )
        return versions

    def follow(self) -> None:
        """Go to the newest version, which others may have made.

        Raises ``GalleryMismatchError`` where they made all vectors anew, and not as before.
        """
        unhurried(self.uri, self.lance.checkout_latest)
        facts = facts_of(self.lance, self.uri)
        if any(facts[name] != self.facts[name] for name in SHAPING):
            raise GalleryMismatchError(
                f"The vectors of {self.uri} were made anew meanwhile, by another encoder or with "
                "other views; nothing was added to them.",
                hint="Run the same command again, with the encoder and the views that it has now.",
            )
        self.facts = facts

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Name the cause where what is read of this version is not there.

        Raises ``NotFoundError`` where it was cleaned up meanwhile, else what
        :func:`lance_errors` raises.
        """
        try:
            with lance_errors(self.uri):
                yield
        except GalleryDamagedError as error:
            if self._is_kept():
                raise
            raise NotFoundError(
                f"Version {self.version} of {self.uri} was cleaned up while it was read.",
                hint="Run the same command again; give a version that is needed for long a tag: "
                "stitch cluster tag",
            ) from error

    def _is_kept(self) -> bool:
        """Return whether no clean-up deletes this version: it is the newest, or has a tag."""
        tags = unhurried(self.uri, self.lance.tags.list)
        with lance_errors(self.uri):
            newest = int(self.lance.latest_version)
        return self.version >= newest or self.version in {int(t["version"]) for t in tags.values()}

    def _number(self, version: int | str) -> int:
        """Return the number of a version or tag. Raises ``NotFoundError``."""
        there = {each.number: each for each in self.versions()}
        text = str(version)
        number = int(text) if text.isdecimal() else None
        if number is None:
            number = next((n for n, each in there.items() if text in each.tags), None)
        if number is None or number not in there:
            raise self._absent("version" if text.isdecimal() else "tag", text)
        return number

    def _absent(self, what: str, name: str) -> NotFoundError:
        return NotFoundError(
            f"{self.uri} has no {what} {name!r}; it may have been cleaned up.",
            hint=f"See what there is: stitch cluster log {shell_word(self.uri)}",
        )

    def tag(self, name: str, version: int | str | None = None) -> int:
        """Name a version, this one by default, so that it is kept; return its number.

        A tag that exists moves. Raises ``NotFoundError`` for a version that is not there,
        ``SettingError`` for a name that could be a number.
        """
        # a tag with other letters is written, and then no version can be listed any more
        if name.isdecimal() or not _TAG.fullmatch(name):
            raise SettingError(
                f"A tag cannot be called {name!r}.",
                hint="Take a name of the letters a to z, digits, and . _ - between them, that is "
                "no number.",
            )
        number = self.version if version is None else self._number(version)
        tags = self.lance.tags
        for _ in range(TRIES):
            exists = self._has_tag(name)
            try:
                with lance_errors(self.uri):
                    (tags.update if exists else tags.create)(name, number)
            except GalleryError:
                if self._has_tag(name) == exists:
                    self._number(number)  # was it cleaned up since?
                    raise
            else:
                return number
        raise GalleryBusyError(
            f"Others kept making and deleting the tag {name!r} of {self.uri}.",
            hint="Run the same command again.",
        )

    def untag(self, name: str) -> None:
        """Delete a tag; its version may be cleaned up from now on. Raises ``NotFoundError``."""
        try:
            with lance_errors(self.uri):
                self.lance.tags.delete(name)
        except GalleryError as error:
            if self._has_tag(name):
                raise
            raise self._absent("tag", name) from error

    def _has_tag(self, name: str) -> bool:
        return name in unhurried(self.uri, self.lance.tags.list)
