"""Verification: the database, every vector, the cache against them, and the files on disk.

The intact side repairs the other: a record that is damaged in the database and whole in a cache is
put back, and a cache that is damaged or says something else is thrown away, but only when nothing
in it is needed any more.
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stitch_cir.errors import GalleryDamagedError, GalleryError
from stitch_cir.gallery._check_files import check_files
from stitch_cir.gallery._repair import FromFiles, Repairs, repair
from stitch_cir.gallery._report import VerifyReport
from stitch_cir.gallery.attributes._check import damaged_attributes, take_out
from stitch_cir.gallery.cache import ViewMatrix, open_cache
from stitch_cir.gallery.index import id_of
from stitch_cir.gallery.store import Store, StoredSet
from stitch_cir.gallery.store._products import product_ids
from stitch_cir.gallery.store._provenance import completeness
from stitch_cir.gallery.store._view_sets import problem_of, sets

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["verify"]

ROUNDS = 3
"""How often what was repaired is checked, and what then shows is repaired as well."""


@dataclass(slots=True)
class _Findings:
    """What checking everything found; ``damaged`` are sets with what is wrong with each."""

    images: int = 0
    views: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: list[tuple[StoredSet, str]] = field(default_factory=list)
    structure: list[str] = field(default_factory=list)
    cache: str | None = None
    facts: bool = False


def verify(
    store: Store,
    facts: Mapping[str, Any],
    directory: Path,
    path_of: Callable[[str], Path | None],
    *,
    encoder: Callable[[], DualEncoder] | None = None,
    max_pixels: int,
    read_files: bool = False,
) -> VerifyReport:
    """Check everything that can be checked without encoding; problems are reported, not raised.

    What is proved right by its digest is repaired from caches, where the gallery can be written;
    with ``encoder`` the rest is encoded again from the files, and what was repaired is no problem
    any more. ``path_of`` gives the file of an id. A changed or missing file is no problem of the
    gallery; it is counted. Files whose size and time are as recorded are read only with
    ``read_files``. Raises what loading the encoder raises.
    """
    cache = directory / "cache"
    findings = _check(store, facts, cache)
    before, repairs = findings, Repairs()
    # an index that is built anew may show damaged records that were not to be seen before
    for _ in range(ROUNDS):
        if not (findings.damaged or findings.structure or findings.facts):
            break
        files = None
        if encoder is not None:
            files = FromFiles(encoder(), facts["recipe"], path_of, max_pixels)
        try:
            now = repair(directory, [stored for stored, _ in findings.damaged], files)
        except GalleryDamagedError as error:
            findings.problems.append(f"database: {error.message}")
            break
        except GalleryError as error:
            findings.problems.append(f"nothing can be repaired here: {error.message}")
            break
        repairs = repairs | now
        if not (now.ids or now.structure or now.facts):
            break
        findings = _check(store, facts, cache)
    problems, repaired = _lines(
        store, cache, before, findings, repairs, requested=encoder is not None
    )
    missing = changed = 0
    state: dict[str, Any] = {"complete": None, "waiting": None}
    try:
        _check_attributes(store, directory, problems, repaired, requested=encoder is not None)
        missing, changed = check_files(store, path_of, read=read_files)
        state = completeness(store.meta())
    except GalleryDamagedError as error:
        problems.append(f"database: {error.message}")
    return VerifyReport(
        findings.images,
        findings.views,
        missing,
        changed,
        tuple(dict.fromkeys(problems)),
        complete=state["complete"],
        waiting_files=state["waiting"],
        read_files=read_files,
        repaired=tuple(repaired),
    )


def _check_attributes(
    store: Store, directory: Path, problems: list[str], repaired: list[str], *, requested: bool
) -> None:
    """Add what is wrong with attributes to the lines; where ``requested``, take it out.

    Nothing but their source knows what damaged values were, so they cannot be put back.
    """
    damage = damaged_attributes(store)
    if not damage:
        return
    removable = [each for each in damage if each.key is not None]
    problems += [each.line for each in damage if each.key is None]
    if requested and removable:
        try:
            take_out(directory, removable)
        except GalleryError as error:
            problems.append(f"nothing can be repaired here: {error.message}")
        else:
            repaired += [f"{each.line}; taken out, set it again" for each in removable]
            return
    advice = "set it again, or take it out: stitch verify GALLERY --repair"
    problems += [f"{each.line} ({advice})" for each in removable]


def _lines(
    store: Store,
    cache: Path,
    before: _Findings,
    findings: _Findings,
    repairs: Repairs,
    *,
    requested: bool,
) -> tuple[list[str], list[str]]:
    """Return what is wrong, and what was repaired, a line each."""
    repaired = [f"{id}: {how}" for id, how in sorted(repairs.ids.items())]
    if before.structure and not findings.structure:
        repaired.insert(0, f"database: {before.structure[0]}; its indexes were rebuilt")
    if repairs.facts:
        repaired.insert(0, "database: the facts it records were damaged; repaired from the cache")
    problems = [f"database: {line}" for line in findings.structure] + findings.problems
    if findings.facts:
        problems.append("database: the facts it records are damaged; a copy is in the cache")
    for stored, reason in findings.damaged:
        more = repairs.failed.get(stored.id)
        advice = more or "not in any cache; stitch verify GALLERY --repair encodes it again"
        problems.append(f"{stored.id}: {reason} ({advice})")
    # what is left of a damaged record may be in a cache that is otherwise useless
    if findings.cache is not None and not findings.damaged:
        line = f"cache: {findings.cache}; {_throw_away(cache, store)}"
        (repaired if requested else problems).append(line)
    elif findings.cache is not None:
        problems.append(f"cache: {findings.cache}; kept until the database is repaired")
    if not requested:
        problems = [*repaired, *problems]
        repaired = []
    return problems, repaired


def _check(store: Store, facts: Mapping[str, Any], cache: Path) -> _Findings:
    findings = _Findings()
    try:
        lines = store.rows("PRAGMA integrity_check")
        findings.structure += [str(line) for (line,) in lines if line != "ok"]
        findings.facts = store.facts_are_damaged()
        with store.read_transaction():
            _check_sets(store, facts["dim"], cache, findings)
        products = product_ids(store)
        for item in store.items():
            findings.images += 1
            is_named = item.path is None or item.id in products or _is_name_of(item.id, item.path)
            if not is_named:
                findings.problems.append(
                    f"{item.id}: its record names another file ({item.path!r}); "
                    "run stitch index FOLDER"
                )
    except GalleryDamagedError as error:
        findings.problems.append(f"database: {error.message}")
    return findings


def _check_sets(store: Store, dim: int, cache: Path, findings: _Findings) -> None:
    """Check all vectors, and the cache's rows against them."""
    state = store.state()
    matrix = open_cache(cache, state, dim, complete=True)
    if matrix is None and (cache / str(state[0])).exists():
        findings.cache = "damaged"
    recorded = store.meta().get("dim")
    if recorded != dim:
        findings.problems.append(f"database: vectors have {recorded} dimensions, expected {dim}")
        return
    matched = 0
    agrees = True
    for stored in sets(store):
        problem = problem_of(stored, dim)
        size = len(stored.image_views) + sum(map(len, stored.caption_views))
        findings.views += size // (4 * dim)
        row = None if matrix is None else matrix.ids.row_of(stored.id)
        matched += row is not None
        if problem is None and matrix is not None and stored.id not in matrix.salvaged:
            same = row is not None and _agrees(matrix, row, stored, dim)
            if not same and not store.has_digests:
                problem = "database and cache differ, and nothing says which is right"
            else:
                agrees = agrees and same
        if problem is not None:
            findings.damaged.append((stored, problem))
    if matrix is not None and not (agrees and matched == len(matrix.ids)):
        findings.cache = "does not hold what the database holds"


def _agrees(matrix: ViewMatrix, row: int, stored: StoredSet, dim: int) -> bool:
    start, end = matrix.offsets[row : row + 2]
    image_count = int((matrix.kinds[start:end] == 0).sum())
    return np.array_equal(
        matrix.vectors[start:end], stored.members(dim), equal_nan=True
    ) and image_count * 4 * dim == len(stored.image_views)


def _is_name_of(id: str, path: bytes) -> bool:
    """Return whether an id is a path's, whichever system and Unicode form spelled either."""
    first, second = (unicodedata.normalize("NFC", s.replace("\\", "/")) for s in (id, id_of(path)))
    return first == second


def _throw_away(cache: Path, store: Store) -> str:
    path = cache / str(store.state()[0])
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        return f"delete {path}"
    return "thrown away, the next search builds a new one"
