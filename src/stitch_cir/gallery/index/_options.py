"""What a gallery remembers of how its folder is looked at: exclusions, how long to keep, pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.errors import GalleryDamagedError, GalleryMissingError, SettingError
from stitch_cir.gallery.index._exclude import Exclusions
from stitch_cir.gallery.store._database import DATABASE
from stitch_cir.gallery.store._store import Store
from stitch_cir.gallery.store._vanished import KEEP_DAYS
from stitch_cir.images import MAX_PIXELS

__all__ = ["Options", "recorded_options"]

_UNSET: dict[str, Any] = {
    "exclude": [],
    "default_excludes": True,
    "keep_days": KEEP_DAYS,
    "max_pixels": MAX_PIXELS,
    "change_times": True,
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options that stay with a gallery until they are set again."""

    exclusions: Exclusions
    keep_days: float
    max_pixels: int
    change_times: bool

    @classmethod
    def of(
        cls,
        directory: Path,
        exclude: Sequence[str] | None,
        default_excludes: bool | None,
        keep_days: float | None,
        max_pixels: int | None,
        change_times: bool | None,
    ) -> Options:
        """Return these options, or else those that the gallery ``directory`` has recorded.

        Raises ``SettingError`` for a pattern or a number that makes no sense.
        """
        if max_pixels is not None and max_pixels < 1:
            raise SettingError(f"max_pixels is {max_pixels!r}.", hint="It must be at least 1.")
        if keep_days is not None and not (keep_days >= 0 and math.isfinite(keep_days)):
            raise SettingError(
                f"keep_days is {keep_days!r}.", hint="Give a number of days, 0 or more."
            )
        recorded = _recorded(directory) if (directory / DATABASE).is_file() else _UNSET
        patterns = recorded["exclude"] if exclude is None else exclude
        defaults = recorded["default_excludes"] if default_excludes is None else default_excludes
        days = recorded["keep_days"] if keep_days is None else keep_days
        pixels = recorded["max_pixels"] if max_pixels is None else max_pixels
        times = recorded["change_times"] if change_times is None else change_times
        return cls(Exclusions(patterns, defaults=defaults), days, pixels, times)

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded with the gallery."""
        return {
            "exclude": list(self.exclusions.patterns),
            "default_excludes": self.exclusions.defaults,
            "keep_days": self.keep_days,
            "max_pixels": self.max_pixels,
            "change_times": self.change_times,
        }

    def record(self, store: Store) -> None:
        """Record the options where they differ."""
        if store.meta().get("folder") != self.to_dict():
            store.set_meta(folder=self.to_dict())


def recorded_options(store: Store) -> dict[str, Any]:
    """Return the recorded options, or what counts where none are: the defaults."""
    return {**_UNSET, **store.meta().get("folder", {})}


def _recorded(directory: Path) -> dict[str, Any]:
    try:
        with closing(Store(directory)) as store:
            return recorded_options(store)
    except (GalleryMissingError, GalleryDamagedError):
        # a damaged gallery is refused later, unless it is rebuilt
        return dict(_UNSET)
