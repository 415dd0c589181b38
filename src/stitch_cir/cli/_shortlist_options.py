"""Options of ``stitch serve`` for searches that score a shortlist alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from stitch_cir._schema import DECLARED
from stitch_cir.cli import _options as o
from stitch_cir.cli._setting_options import SettingOptions

if TYPE_CHECKING:
    from stitch_cir.candidates import CandidateSource

__all__ = ["ShortlistOptions"]

_SETTINGS = (DECLARED["shortlist"],)


@dataclass(frozen=True)
class ShortlistOptions:
    """How many images every search scores, and which other system names them."""

    settings: Annotated[SettingOptions, _SETTINGS]
    candidates: o.CandidateOptions

    def make(self, *, local: bool) -> tuple[int | None, CandidateSource | None]:
        """Return the size of the shortlist, and the source; ``None`` where there is none.

        Raises ``SettingError`` for a source without a shortlist, and for one beside a cluster.
        """
        from stitch_cir.searcher import check_shortlist

        settings, source = self.settings.build(), self.candidates.make()
        check_shortlist(source, settings, paged=False, local=local)
        return settings.shortlist, source
