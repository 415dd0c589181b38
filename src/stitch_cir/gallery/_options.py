"""What a gallery remembers of how its folder is looked at: exclusions, and how long to keep."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.errors import GalleryMissingError, SettingError
from stitch_cir.gallery._database import DATABASE
from stitch_cir.gallery._exclude import Exclusions
from stitch_cir.gallery._store import Store
from stitch_cir.gallery._vanished import KEEP_DAYS

__all__ = ["Options", "recorded_options"]

_UNSET: dict[str, Any] = {"exclude": [], "default_excludes": True, "keep_days": KEEP_DAYS}


@dataclass(frozen=True, slots=True)
class Options:
    """Options that stay with a gallery until they are given again."""

    exclusions: Exclusions
    keep_days: float

    @classmethod
    def of(
        cls,
        place: Path,
        exclude: Sequence[str] | None,
        default_excludes: bool | None,
        keep_days: float | None,
    ) -> Options:
        """Return the options given, or else those that the gallery ``place`` has recorded.

        Raises ``SettingError`` for a pattern or a number of days that makes no sense.
        """
        if keep_days is not None and not keep_days >= 0:
            raise SettingError(
                f"keep_days is {keep_days!r}.", hint="Give a number of days, 0 or more."
            )
        recorded = _recorded(place) if (place / DATABASE).is_file() else _UNSET
        patterns = recorded["exclude"] if exclude is None else exclude
        defaults = recorded["default_excludes"] if default_excludes is None else default_excludes
        days = recorded["keep_days"] if keep_days is None else keep_days
        return cls(Exclusions(patterns, defaults=defaults), days)

    def to_dict(self) -> dict[str, Any]:
        """Return what is recorded with the gallery."""
        return {
            "exclude": list(self.exclusions.patterns),
            "default_excludes": self.exclusions.defaults,
            "keep_days": self.keep_days,
        }

    def record(self, store: Store) -> None:
        """Record the options where they differ."""
        if store.meta().get("folder") != self.to_dict():
            store.set_meta(folder=self.to_dict())


def recorded_options(store: Store) -> dict[str, Any]:
    """Return the recorded options, or what counts where none are: the defaults."""
    return {**_UNSET, **store.meta().get("folder", {})}


def _recorded(place: Path) -> dict[str, Any]:
    try:
        with closing(Store(place)) as store:
            return recorded_options(store)
    except GalleryMissingError:
        return dict(_UNSET)
