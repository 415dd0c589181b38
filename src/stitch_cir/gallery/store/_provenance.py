"""What shaped a gallery's vectors: recorded once, compared at every opening."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.errors import GalleryMismatchError
from stitch_cir.gallery.store._store import Store
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = [
    "begin",
    "check",
    "check_encoder",
    "completeness",
    "encoder_name",
    "finish",
    "has_left",
    "incomplete_note",
    "is_of",
    "record",
    "refuse_other_folder",
    "refuse_other_kind",
    "root_of",
    "set_root",
    "set_waiting",
    "switch_notes",
]


EARLIER_EDITIONS = {
    "b9f7931de0a6f61d54e2a5d2085b67528106a02213a5bf9b37979cc5668a3671": "mini-1",
}
"""Fingerprints of encoders whose name means a later edition now, and the name they have today."""


def encoder_name(facts: Mapping[str, Any]) -> str:
    """Return the name by which the encoder of a gallery's vectors is loaded today."""
    return EARLIER_EDITIONS.get(facts["fingerprint"], str(facts["encoder"]))


def record(
    store: Store, encoder: DualEncoder, recipe: ViewRecipe, root: Path | None, directory: Path
) -> None:
    """Record encoder, views and root (inside a transaction of the caller's)."""
    store.set_meta(
        encoder=encoder.name,
        weights_tag=encoder.weights_tag,
        dim=encoder.dim,
        fingerprint=encoder.fingerprint,
        recipe=recipe.to_dict(),
        root=None if root is None else _stored_root(root, directory),
        survey={"complete": False, "waiting": None},
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        stitch_version=_version(),
    )


def begin(
    store: Store,
    encoder: DualEncoder,
    recipe: ViewRecipe | None,
    root: Path | None,
    directory: Path,
    *,
    may_move: bool = False,
    feed: Mapping[str, Any] | None = None,
) -> ViewRecipe:
    """Record what shapes the vectors, or compare with what is recorded; return the recipe.

    ``feed`` is what is recorded of a feed, which may have its images in another folder than before.
    """
    facts = store.meta()
    if "fingerprint" in facts:
        refuse_other_kind(facts, directory, is_feed=feed is not None)
        if feed is not None and root is not None and not is_of(facts, root, directory):
            set_root(store, root, directory)
            facts = store.meta()
        return check(facts, encoder, recipe, directory, root, may_move=may_move)
    chosen = recipe or ViewRecipe()
    with store.transaction():
        record(store, encoder, chosen, root, directory)
        if feed is not None:
            store.set_meta(feed=dict(feed))
    return chosen


def set_waiting(store: Store, files: int | None) -> None:
    """Record how many of the folder's files are not indexed yet; ``None``: not counted yet."""
    store.set_meta(survey={"complete": False, "waiting": files})


def completeness(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return whether the last run came to its end (``complete``), and how many files wait if not.

    Both are None for a gallery last written by a version that did not record it; ``waiting``
    alone is None when the files had not been counted yet.
    """
    return dict(facts.get("survey") or {"complete": None, "waiting": None})


def incomplete_note(facts: Mapping[str, Any]) -> str | None:
    """Return a sentence that says that a gallery is incomplete, or None."""
    survey = completeness(facts)
    if survey["complete"] is not False:
        return None
    waiting = survey["waiting"]
    if waiting == 0:
        return "The last run of stitch index did not come to its end: run it again."
    files = "files are" if waiting != 1 else "file is"
    count = "some" if waiting is None else f"{waiting:,}"
    return f"The gallery is incomplete: {count} {files} not indexed yet. Run stitch index again."


def finish(store: Store) -> None:
    """Record that a run came to its end."""
    complete = {"complete": True, "waiting": 0}
    if store.meta().get("survey") != complete:
        store.set_meta(survey=complete)


def check(
    facts: Mapping[str, Any],
    encoder: DualEncoder,
    recipe: ViewRecipe | None,
    directory: Path,
    root: Path | None,
    *,
    may_move: bool = False,
) -> ViewRecipe:
    """Compare with what is recorded; return the recorded recipe.

    With ``may_move`` the root may be another one if nothing is left of the recorded one.

    Raises ``GalleryMismatchError`` when encoder, views or root differ.
    """
    check_encoder(facts, encoder, directory)
    recorded = ViewRecipe.from_dict(facts["recipe"])
    if recipe is not None and recipe != recorded:
        raise GalleryMismatchError(
            f"The gallery {directory} was made with the views {_describe(recorded)}, not "
            f"{_describe(recipe)}.",
            hint="Use the same views, or encode everything again: stitch index FOLDER --rebuild",
        )
    recorded_root = root_of(facts, directory)
    if _real(recorded_root) != _real(root) and not (
        may_move and root and recorded_root and has_left(recorded_root)
    ):
        raise GalleryMismatchError(
            f"The gallery {directory} was made from {_describe_root(recorded_root)}, not from "
            f"{_describe_root(root)}.",
            hint="Choose another place with --gallery DIR, or start afresh with --rebuild.",
        )
    return recorded


def refuse_other_kind(facts: Mapping[str, Any], directory: Path, *, is_feed: bool) -> None:
    """Raise ``GalleryMismatchError`` for a feed on a folder's gallery, or the other way round."""
    feed = facts.get("feed")
    if is_feed and feed is None:
        raise GalleryMismatchError(
            f"The gallery {directory} was made from {_describe_root(root_of(facts, directory))}, "
            "not from a feed.",
            hint="Choose another place with --gallery DIR, or start afresh with --rebuild.",
        )
    if feed is not None and not is_feed:
        raise GalleryMismatchError(
            f"The gallery {directory} was made from the feed {feed['file']}, not from a folder.",
            hint="Apply a feed with stitch sync GALLERY FEED, or choose another place with "
            "--gallery DIR.",
        )


def refuse_other_folder(facts: Mapping[str, Any], root: Path | None, directory: Path) -> None:
    """Raise ``GalleryMismatchError`` where a switch of encoders would also switch the folder."""
    if not is_of(facts, root, directory):
        raise GalleryMismatchError(
            f"The gallery {directory} was made from {_describe_root(root_of(facts, directory))}, "
            f"not from {_describe_root(root)}: a switch changes the encoder alone.",
            hint="Name the same folder. Where it has moved, run stitch index on it once without "
            "--encoder; to start afresh from another one, use --rebuild.",
        )


def switch_notes(before: str | None, encoder: DualEncoder) -> tuple[str, ...]:
    """Return a note on a switch from the encoder ``before``; nothing where there was none."""
    if before is None:
        return ()
    return (f"The gallery now has the vectors of {encoder.name}; those of {before} are gone.",)


def check_encoder(
    facts: Mapping[str, Any],
    encoder: DualEncoder,
    address: Path | str,
    command: str = "stitch index FOLDER",
) -> None:
    """Raise ``GalleryMismatchError`` unless this encoder made the vectors of a gallery.

    ``command`` encodes it anew.
    """
    if facts["fingerprint"] == encoder.fingerprint:
        return
    name = encoder_name(facts)
    made = f"{name} ({facts['weights_tag']}, {facts['fingerprint'][:12]})"
    current = f"{encoder.name} ({encoder.weights_tag}, {encoder.fingerprint[:12]})"
    raise GalleryMismatchError(
        f"The vectors of the gallery {address} were made by {made}; the encoder here is "
        f"{current}. Vectors of two encoders cannot be compared.",
        hint=f"Use the encoder {name}, or encode everything again, while searches see "
        f"the old vectors: {command} --encoder {encoder.name} --switch-when-done",
    )


def root_of(facts: Mapping[str, Any], directory: Path) -> Path | None:
    """Return the folder the gallery was made from, or None for captions only."""
    root = facts.get("root")
    return None if root is None else directory / Path(root)


def is_of(facts: Mapping[str, Any], root: Path | None, directory: Path) -> bool:
    """Return whether a gallery was made from this folder, or with ``None`` from captions only."""
    return _real(root_of(facts, directory)) == _real(root)


def set_root(store: Store, root: Path, directory: Path) -> None:
    """Record that the folder is now called ``root``."""
    with store.transaction():
        store.set_meta(root=_stored_root(root, directory))


def has_left(root: Path) -> bool:
    """Return whether a folder does not exist or is empty, as where its disk was mounted."""
    try:
        return not root.is_dir() or not any(root.iterdir())
    except OSError:
        return False


def _stored_root(root: Path, directory: Path) -> str:
    """Return the root relative to a gallery inside it (both can then be moved), else absolute."""
    real, inside = Path(os.path.realpath(root)), Path(os.path.realpath(directory))
    return os.path.relpath(real, inside) if inside.is_relative_to(real) else str(real)


def _real(root: Path | None) -> str | None:
    return None if root is None else os.path.realpath(root)


def _describe_root(root: Path | None) -> str:
    return "captions only" if root is None else f"the folder {os.path.realpath(root)}"


def _describe(recipe: ViewRecipe) -> str:
    if recipe.kind != "random":
        return f"{recipe.kind} × {recipe.count}"
    return (
        f"random × {recipe.count} (seed {recipe.seed}, scale {recipe.scale}, ratio {recipe.ratio})"
    )


def _version() -> str:
    # imported here: it is slow, and only a new gallery needs it
    from importlib import metadata

    try:
        return metadata.version("stitch-cir")
    except metadata.PackageNotFoundError:
        return "unknown"
