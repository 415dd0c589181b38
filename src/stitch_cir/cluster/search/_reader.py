"""Read a dataset through its shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._hints import shell_word
from stitch_cir.cluster.search._fleet import Fleet
from stitch_cir.gallery import GalleryReader, StoredView, Where, by_name
from stitch_cir.gallery.store import same_id

if TYPE_CHECKING:
    from stitch_cir.gallery import WrittenRow

__all__ = ["ClusterReader"]

_SUMMED = ("images", "distinct_images", "captioned", "skipped", "vanished")


class ClusterReader(GalleryReader):
    """Reads a dataset through its shards."""

    fleet: Fleet
    uri: str

    @property
    def address(self) -> str:
        """Where the dataset is, as it was opened."""
        return self.uri

    @property
    def index_command(self) -> str:
        """The command that encodes the dataset's images again."""
        return f"stitch cluster index FOLDER {shell_word(self.uri)}"

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return the answers of all shards; raises what :meth:`Fleet.ask` raises."""
        raise NotImplementedError

    def recent_answers(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does, from a cache of recent answers where possible."""
        raise NotImplementedError

    def _item(self, id: str) -> dict[str, Any] | None:
        return next((each for each in self.recent_answers("item", id) if each is not None), None)

    def _of(self, id: str, name: str) -> Any:
        item = self._item(id)
        return None if item is None else item[name]

    def __contains__(self, id: object) -> bool:
        """Return whether this is exactly the id of an item; never a path."""
        return isinstance(id, str) and self._item(id) is not None

    def __len__(self) -> int:
        """Count the images."""
        return self.find(limit=0)[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """All gallery ids, sorted."""
        return tuple(self.find(limit=-1)[1])

    def _similar(self, name: str) -> str | None:
        ids = [id for part in self.ask("similar_ids", name) for id in part]
        return same_id(name, sorted(ids))

    def find(
        self,
        words: str = "",
        *,
        offset: int = 0,
        limit: int = 60,
        where: Where | str | None = None,
        order: str = "id",
    ) -> tuple[int, list[str]]:
        """Look ids up as a snapshot does: how many match, and ``limit`` from ``offset`` on."""
        most = -1 if limit < 0 else offset + limit
        if order in ("id", "name"):
            parts = self.ask("find", words, most, where, order)
            total = sum(count for count, _ in parts)
            key: Callable[[str], Any] = by_name if order == "name" else str
            ids = sorted((id for _, ids in parts for id in ids), key=key)
        else:
            total, dated = self._find_dated(words, most, where, order)
            ids = [id for id, _ in dated]
        end = len(ids) if limit < 0 else offset + limit
        return total, ids[offset:end]

    def find_dated(
        self, words: str, *, where: Where | str | None, order: str
    ) -> tuple[list[str], NDArray[np.datetime64]]:
        """Return what :meth:`find` lists by an attribute that holds dates, as a snapshot does."""
        total, dated = self._find_dated(words, -1, where, order)
        dates = np.fromiter((date for _, date in dated), "datetime64[us]", total)
        return [id for id, _ in dated], dates

    def _find_dated(
        self, words: str, most: int, where: Where | str | None, order: str
    ) -> tuple[int, list[tuple[str, np.datetime64]]]:
        """Return how many match, and the first of them with their dates, in order."""
        parts = self.ask("find_dated", words, most, where, order)
        dated = [pair for _, ids, dates in parts for pair in zip(ids, dates, strict=True)]
        # NaT is the least integer, so that images without a date come last
        dated.sort(key=lambda pair: (-int(pair[1].astype(np.int64)), pair[0]))
        return sum(count for count, _, _ in parts), dated

    def info(self) -> dict[str, Any]:
        """Return counts and everything that shaped the vectors, as JSON-ready data."""
        parts = self.ask("info")
        summed = {name: sum(part[name] for part in parts) for name in _SUMMED}
        kinds: dict[str, dict[str, Any]] = {}
        for part in parts:
            for row in part["attributes"]:
                kept = kinds.setdefault(row["name"], {**row, "items": 0})
                kept["items"] += row["items"]
        written: dict[tuple[str, str, float], int] = {}
        for part in parts:
            for row in part["written_captions"]:
                key = row["model"], row["prompt"], row["weight"]
                written[key] = written.get(key, 0) + row["items"]
        by_model = [
            {"model": model, "prompt": prompt, "weight": weight, "items": items}
            for (model, prompt, weight), items in sorted(written.items())
        ]
        root = self.root
        return {
            **parts[0],
            **summed,
            "attributes": list(kinds.values()),
            "written_captions": by_model,
            "root": None if root is None else str(root),
            **self.provenance(),
        }

    def provenance(self) -> dict[str, Any]:
        """Return what shaped the vectors, JSON-ready."""
        shaping = ("weights_tag", "dim", "fingerprint", "recipe")
        return {
            "directory": self.uri,
            "encoder": self._facts.get("encoder"),
            **{name: self._facts.get(name) for name in shaping},
            "generation": self.generation,
        }

    def completeness(self) -> dict[str, Any]:
        """Return whether the last run of indexing completed, as the dataset records it."""
        first = self.ask("info")[0]
        return {name: first.get(name) for name in ("complete", "waiting")}

    def incomplete_note(self) -> str | None:
        """Return a sentence that says that the gallery is incomplete, or None."""
        return next((note for note in self.ask("incomplete_note") if note), None)

    def path(self, id: str) -> Path | None:
        """Return where the image's file lies on the machines that share the images."""
        path: Path | None = self._of(id, "path")
        return path

    def image_paths(self, id: str) -> tuple[Path, ...]:
        """Return where the files of an item of several images lie, in order; else nothing."""
        return tuple(self._of(id, "image_paths") or ())

    def size(self, id: str) -> tuple[int, int] | None:
        """Return the upright (width, height) of an image in pixels; None for captions only."""
        size: tuple[int, int] | None = self._of(id, "size")
        return size

    def captions(self, id: str) -> list[str]:
        """Return the different captions of an item, in order."""
        return list(self._of(id, "captions") or ())

    def written_captions(self) -> dict[str, WrittenRow]:
        """Return what is recorded of the captions that a model wrote, by id."""
        merged: dict[str, WrittenRow] = {}
        for part in self.ask("written_captions"):
            merged.update(part)
        return dict(sorted(merged.items()))

    def captions_by_model(self, id: str) -> list[str]:
        """Return the captions of an item that a model wrote, in order."""
        return list(self._of(id, "captions_by_model") or ())

    def views(self, id: str) -> list[StoredView]:
        """Return the view set of an item: image views first, then caption views."""
        return [view for part in self.recent_answers("views", id) for view in part]

    def attributes_of(self, id: str) -> dict[str, Any]:
        """Return the attributes of an item, JSON-ready."""
        return dict(self._of(id, "attributes_of") or {})

    def content_hash(self, id: str) -> str | None:
        """Return the SHA-256 of an image's file."""
        hash: str | None = self._of(id, "content_hash")
        return hash

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of all items with an image whose file has this SHA-256."""
        return sorted({id for part in self.recent_answers("ids_with_content", hash) for id in part})

    def skipped(self) -> list[tuple[str, str]]:
        """Return (id, reason) of the files that are left out because of their content."""
        return sorted(row for part in self.ask("skipped") for row in part)
