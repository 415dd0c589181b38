"""Cursors: where the next page of a ranking begins, and of which ranking it is one."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stitch_cir.errors import CursorError, CursorGoneError
from stitch_cir.gallery import Snapshot
from stitch_cir.searcher._features import ComposedQuery
from stitch_cir.searcher._query import MAX_OFFSET
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.views import content_key

__all__ = ["Cursor"]

_DIGEST, _CHECKSUM = 16, 8
_LAYOUT = struct.Struct(f">BQ{_DIGEST}s{_DIGEST}s")
_VERSION = 1
_PAGE_ONLY = ("k", "preset", "device", "partial")
"""Settings that change no ranking: another page may have others."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a ranking: ``offset`` hits stand before it.

    ``state`` is a digest of what is ranked, and ``query`` one of what it is ranked by. Its text is
    no secret and nothing of it is executed: a checksum refuses a text that was altered.
    """

    offset: int
    state: bytes
    query: bytes

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        composed: ComposedQuery,
        negatives: tuple[str, ...],
        settings: SearchSettings,
        others: Mapping[str, Any],
    ) -> Cursor:
        """Return the cursor of the first page of a query.

        What is digested of the query is what is encoded of it: a page that sends the composed
        captions back goes on with the same ranking. ``others`` is what else shapes it: the settings
        of a reranker or of a composed-query encoder.
        """
        composition = composed.composition
        references, shares = composed.references, composed.shares
        shaping = {
            name: value for name, value in settings.to_dict().items() if name not in _PAGE_ONLY
        }
        parts = [
            composed.texts(),
            None if composition is None else [caption.weight for caption in composition.captions],
            composed.roles.to_dict(),
            [(_reference_key(each), share) for each, share in zip(references, shares, strict=True)],
            negatives,
            shaping,
            dict(others),
        ]
        return cls(0, state_digest(snapshot, settings), _digest(parts))

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """Return the cursor of a text. Raises ``CursorError`` for any other text."""
        try:
            data = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            body, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
            version, offset, state, query = _LAYOUT.unpack(body)
        except (ValueError, struct.error) as error:
            raise _unusable() from error
        is_canonical = base64.urlsafe_b64encode(data).decode("ascii") == text
        if _checksum(body) != checksum or version != _VERSION or not is_canonical:
            raise _unusable()
        if offset > MAX_OFFSET:
            raise _unusable()
        return cls(offset, state, query)

    def __str__(self) -> str:
        """Return the text of the cursor, of letters, digits, ``-`` and ``_``."""
        body = _LAYOUT.pack(_VERSION, self.offset, self.state, self.query)
        return base64.urlsafe_b64encode(body + _checksum(body)).decode("ascii")

    @property
    def ranking(self) -> bytes:
        """What identifies the ranking, whichever of its pages."""
        return self.state + self.query

    def at(self, offset: int) -> Cursor:
        """Return the cursor of another place in the same ranking."""
        return replace(self, offset=offset)

    def check_state(self, snapshot: Snapshot, settings: SearchSettings) -> None:
        """Raise ``CursorGoneError`` where the gallery is no longer what was ranked."""
        if self.state != state_digest(snapshot, settings):
            raise CursorGoneError(
                "The gallery has changed since the cursor was made, so its next page is gone.",
                hint="Search again from the first page.",
            )

    def check_query(self, first: Cursor) -> None:
        """Raise ``CursorError`` where ``first``, the query's own, is the cursor of another one."""
        if self.query != first.query:
            raise CursorError(
                "The cursor is of another query: the next page needs the same reference, text, "
                "captions, negatives and settings.",
                hint="Send what the first page was requested with; only k may be another. Captions "
                "that a model wrote can be sent back as captions.",
            )


def state_digest(snapshot: Snapshot, settings: SearchSettings) -> bytes:
    """Return what identifies the ranked state of a gallery, 16 bytes.

    Attributes count where the settings filter or group by them: a new price ends no other ranking.
    """
    uses_attributes = settings.where is not None or settings.group_by is not None
    collapses = settings.near_duplicates == "collapse"
    return _digest(
        [
            snapshot.commit,
            snapshot.attributes.state if uses_attributes else "",
            snapshot.num_perceptual_hashes if collapses else 0,
        ]
    )


def _reference_key(reference: ResolvedReference) -> str:
    if reference.content is not None or reference.image is None:
        return reference.content or f"id {reference.gallery_id}"
    return content_key(reference.image).hex()


def _digest(data: Any) -> bytes:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8"), digest_size=_DIGEST).digest()


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM, person=b"stitch cursor").digest()


def _unusable() -> CursorError:
    return CursorError(
        "The cursor is none that a search returned: it was altered or cut short.",
        hint="Send next_cursor as it was returned, or search again from the first page.",
    )
