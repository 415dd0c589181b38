"""What the server searches with beside its gallery: composers, encoders, and a shortlist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from stitch_cir.candidates import CandidateSource
from stitch_cir.composers import Composer
from stitch_cir.encoders import ComposedEncoder, DualEncoder
from stitch_cir.searcher import SearchSettings

__all__ = ["ComposedFactory", "ComposerFactory", "ServerModels"]

ComposerFactory: TypeAlias = Callable[[SearchSettings], Composer | None]
"""Returns the composer for the settings of a query; ``None`` is the verbatim composer."""
ComposedFactory: TypeAlias = Callable[[DualEncoder], ComposedEncoder]
"""Returns what encodes reference and text together, for a gallery of this encoder."""


def _verbatim_composer(settings: SearchSettings) -> Composer | None:
    return None


@dataclass(frozen=True, slots=True)
class ServerModels:
    """The models that whoever runs a server chose for it; no request can name another.

    Parameters
    ----------
    make_composer:
        Returns the composer for the settings of a query.
    close_composers:
        Called when the server stops: it ends the requests to models that are under way.
    make_composed:
        Returns what encodes reference and text together, where a query gives that a weight; by
        default the gallery's encoder where it can, else the sum of its vectors.
    shortlist:
        How many images every search scores, those nearest to the query; ``None``: all of them.
    candidates:
        Names these, where it is not nearness to mean views.
    """

    make_composer: ComposerFactory = _verbatim_composer
    close_composers: Callable[[], None] | None = None
    make_composed: ComposedFactory | None = None
    shortlist: int | None = None
    candidates: CandidateSource | None = None

    def settings(self, values: Mapping[str, Any]) -> SearchSettings:
        """Return the settings of a query. Raises ``SettingError``."""
        if self.shortlist is None:
            return SearchSettings.from_preset(**values)
        # measuring recall would search exactly beside every search
        return SearchSettings.from_preset(**values, shortlist=self.shortlist, measure_recall=False)

    def composed(self, encoder: DualEncoder) -> ComposedEncoder | None:
        """Return the composed-query encoder for a gallery of ``encoder``; ``None``: its default."""
        return None if self.make_composed is None else self.make_composed(encoder)

    def composed_waits(self, settings: SearchSettings) -> bool:
        """Return whether a query may wait for the composed-query encoder."""
        return self.make_composed is not None and settings.composed_weight > 0
