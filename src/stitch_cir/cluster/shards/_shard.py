"""A shard: the process that holds the rows of some shard numbers, at two versions."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stitch_cir import __version__
from stitch_cir._cores import THREADS, usable_cores
from stitch_cir._hints import shell_word
from stitch_cir.cluster._errors import (
    ColumnMissingError,
    NotLoadedError,
    VersionGoneError,
    described,
)
from stitch_cir.cluster._ray import assigned_gpus, node_id, node_name
from stitch_cir.cluster.shards._log import log_answer, log_to_stderr
from stitch_cir.cluster.shards._materialise import ROOM, materialise, materialise_apart
from stitch_cir.cluster.shards._shard_gallery import ShardGallery
from stitch_cir.cluster.shards._wire import packed, unpacked
from stitch_cir.cluster.storage import options_digest
from stitch_cir.errors import (
    ClusterError,
    GalleryMissingError,
    ModelError,
    NotFoundError,
    SettingError,
    StitchError,
)
from stitch_cir.gallery import Gallery

__all__ = ["DatasetShard"]

_HELD = 2
_REPLACED = (
    "After a dataset was replaced: end its shards with stitch cluster stop {}, and start the "
    "servers again."
)
_PAUSE = 5.0
"""Seconds before a version that could not be loaded is tried again."""
_QUESTIONS = frozenset(name for name in dir(ShardGallery) if not name.startswith("_")) - {
    "gallery",
    "images",
    "rows",
}


class DatasetShard:
    """Answers questions about the rows with certain shard numbers; safe to share between threads.

    It holds the two newest versions that it has loaded.
    """

    def __init__(
        self,
        uri: str,
        numbers: tuple[int, int],
        folder: str,
        storage_options: Mapping[str, str] | None = None,
        *,
        label: str = "",
        sharing: int = 0,
    ) -> None:
        """Hold nothing yet; ``folder`` is where galleries of shards are kept on this machine.

        ``label``: the shard's name in logs and errors, such as ``1/2``.
        ``sharing``: this process does nothing else, and so many shards share its machine, each
        with its part of the cores. It writes what it answers to stderr, and has galleries made by
        a further process, whose memory is given back.
        """
        self._uri = uri
        self._numbers = numbers
        self._label = label or f"{numbers[0]}-{numbers[1] - 1}"
        self._folder = Path(folder)
        self._options = dict(storage_options or {})
        self._parts: dict[int, ShardGallery] = {}
        self._version_ids: dict[int, str | None] = {}
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._answered = 0
        self._making: int | None = None
        self._refusal: tuple[int, float, NotLoadedError] | None = None
        """The version that could not be loaded, when, and why."""
        self._node = node_name() if sharing else platform.node()
        self._node_id = node_id() if sharing else ""
        self._gpus = assigned_gpus() if sharing else 0.0
        self._make = materialise_apart if sharing else materialise
        if sharing:
            log_to_stderr()
            # more threads than cores would only take turns
            os.environ.setdefault(THREADS, str(max(1, usable_cores() // sharing)))

    def hello(self) -> dict[str, Any]:
        """Return the state of this replica: where it runs, and which versions it holds."""
        with self._lock:
            held = {version: part.rows for version, part in self._parts.items()}
            images = {version: part.images for version, part in self._parts.items()}
        refusal = self._refusal
        return {
            "stitch": __version__,
            "python": platform.python_version(),
            "numbers": self._numbers,
            "machine": platform.node(),
            "node": self._node_id,
            "gpus": self._gpus,
            "folder": str(self._folder),
            "options": options_digest(self._options),
            "pid": os.getpid(),
            "threads": usable_cores(),
            "time": time.time(),
            "versions": held,
            "images": images,
            "answered": self._answered,
            "loading": self._making,
            "problem": "" if refusal is None else refusal[2].message,
        }

    def load(self, version: int, version_id: str | None = None) -> tuple[Any, ...]:
        """Hold a version from now on, and the one before it; ``version_id`` as for a question."""
        return self._guarded(lambda: self._part(version, version_id, again=True).rows)

    def answer(
        self,
        version: int,
        question: str,
        arguments: bytes,
        request: str = "",
        version_id: str | None = None,
    ) -> tuple[Any, ...]:
        """Return what ``ShardGallery`` answers at a version, with what a router checks.

        That is ("answer", shard numbers, stitch version, (rows, value)), or ("error", class,
        message, hint). ``arguments`` are packed, and so are rows and value. ``request``: the id
        that is logged. ``version_id``: the id of the version, so that the same number of another
        dataset at this address is never taken for it; ``None``: any.
        """
        began = time.perf_counter()

        def work() -> Any:
            if question not in _QUESTIONS:
                raise SettingError(f"Shards are not asked {question!r}.", hint="Update stitch-cir.")
            part = self._part(version, version_id)
            values = unpacked(arguments)
            try:
                return packed((part.rows, getattr(part, question)(*values)))
            except GalleryMissingError:
                # another process of this machine holds later versions, and deleted this one
                part = self._part(version, version_id, instead_of=part)
                return packed((part.rows, getattr(part, question)(*values)))

        answer = self._guarded(work)
        seconds = time.perf_counter() - began
        log_answer(
            request, question, seconds, shard=self._label, version=version, outcome=answer[0]
        )
        return answer

    def _guarded(self, work: Any) -> tuple[Any, ...]:
        try:
            value = work()
        except ModelError as error:
            # torch, a GPU or its memory is missing on this node, not on the user's machine
            kind, message, hint = described(error)
            return "error", kind, f"On the node {self._node}: {message}", hint
        except (ColumnMissingError, StitchError) as error:
            return "error", *described(error)
        self._answered += 1
        return "answer", self._numbers, __version__, value

    def _part(
        self,
        version: int,
        version_id: str | None,
        *,
        again: bool = False,
        instead_of: ShardGallery | None = None,
    ) -> ShardGallery:
        """Return what is held at a version, loaded if need be; see :meth:`_loaded`.

        ``instead_of``: what was held, and can be read no more.
        """
        with self._lock:
            if instead_of is not None and self._parts.get(version) is instead_of:
                del self._parts[version], self._version_ids[version]
        if (part := self._held(version, version_id)) is not None:
            return part
        with self._loading:
            if (part := self._held(version, version_id)) is not None:
                return part
            with self._lock:
                held = sorted(self._parts)
            if len(held) >= _HELD and version < held[0]:
                raise VersionGoneError(
                    f"The shard {self._label} of {self._uri} no longer "
                    f"holds version {version}, but versions {' and '.join(map(str, held))}.",
                    hint=f"Search again. {_REPLACED.format(shell_word(self._uri))}",
                )
            part = self._loaded(version, version_id, again=again)
            with self._lock:
                self._parts[version], self._version_ids[version] = part, version_id
                for old in sorted(self._parts)[:-_HELD]:
                    # not closed: requests under way still read it
                    del self._parts[old], self._version_ids[old]
            return part

    def _held(self, version: int, version_id: str | None) -> ShardGallery | None:
        """Return what is held at a version already, or ``None``.

        Raises ``ClusterError`` where it was made from another dataset at the same address.
        """
        with self._lock:
            part, id_of_part = self._parts.get(version), self._version_ids.get(version)
        if None not in (part, version_id, id_of_part) and version_id != id_of_part:
            raise ClusterError(
                f"The dataset at {self._uri} was replaced by another one; its shards still hold "
                f"version {version} of the one before.",
                hint=_REPLACED.format(shell_word(self._uri)),
            )
        return part

    def _loaded(self, version: int, version_id: str | None, *, again: bool) -> ShardGallery:
        """Return a version from the storage.

        Raises ``VersionGoneError`` where it was cleaned up, ``NotLoadedError`` where this node
        cannot hold it: at once where that was tried a moment ago, unless it is to be tried again.
        """
        if self._refusal is not None and not again:
            refused, when, why = self._refusal
            if refused == version and time.monotonic() < when + _PAUSE:
                raise why
        self._making = version
        try:
            target, rows = self._make(
                self._uri, version, self._numbers, self._folder, self._options, version_id
            )
            gallery = Gallery.open(target)
            gallery.matrix()  # packed before the first query
        except NotFoundError as error:
            raise VersionGoneError(error.message, hint=error.hint) from error
        except (StitchError, OSError) as error:
            reason, hint = str(error), "Look at its disk and its memory: stitch cluster status"
            if isinstance(error, StitchError):
                reason, hint = error.message, error.hint or hint
            if str(self._folder) in reason:
                # the hint is about a gallery of the user's, and this is not one
                hint = ROOM
            why = NotLoadedError(
                f"The node {self._node} cannot load version {version} of {self._uri}: {reason}",
                hint=hint,
            )
            self._refusal = version, time.monotonic(), why
            raise why from error
        finally:
            self._making = None
        self._refusal = None
        return ShardGallery(gallery, rows, len(gallery))


def check_hello(hello: Mapping[str, Any], where: str) -> None:
    """Raise ``ClusterError`` for a shard of another version of stitch."""
    if hello["stitch"] != __version__:
        raise ClusterError(
            f"{where} runs stitch {hello['stitch']} on {hello['machine']}; this is stitch "
            f"{__version__}.",
            hint="Install the same version on every node, and restart its shards.",
        )
