"""The data behind the page's query browser: an index, the gallery, and queries by the hundred.

Files are scripts, not JSON: a page that is opened from a disk may load only the former.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._predictions import VARIANTS
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks.report._contents import Section, name_of
from stitch_cir.benchmarks.report._thumbs import Thumbnail
from stitch_cir.composers import Composition
from stitch_cir.datasets import parse_json

__all__ = ["Browser", "browse", "choose"]

CHUNK = 100
"""Queries in one file."""
NOT_SEARCHED = -1
"""Rank in a run that does not have the query; 0 is a right answer that is in no ranking."""


@dataclass(frozen=True, slots=True)
class Browser:
    """``images`` are the (task, id) pairs that appear; ``chunks`` refer to them by number."""

    index: dict[str, Any]
    chunks: tuple[list[dict[str, Any]], ...]
    images: tuple[tuple[str, str], ...]

    def files(self, thumbnails: Sequence[Thumbnail]) -> dict[str, str]:
        """Return the scripts by file name; ``thumbnails`` are those of ``images``."""
        key = self.index["key"]
        gallery = [[each.id, each.file, each.problem, list(each.captions)] for each in thumbnails]
        files = {
            f"stitch-{key}-index.js": _script(f"{key}/index", self.index),
            f"stitch-{key}-gallery.js": _script(f"{key}/gallery", gallery),
        }
        for number, chunk in enumerate(self.chunks):
            files[f"stitch-{key}-{number:03d}.js"] = _script(f"{key}/{number}", chunk)
        return files


def _script(name: str, data: Any) -> str:
    # ASCII only: no encoding to guess, no lone surrogate, no line separator that ends a string
    body = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return f"stitch({json.dumps(name)},{body});\n"


def choose(ids: Sequence[str], count: int | None) -> list[str]:
    """Return all ids, or ``count`` of them evenly spread over the list."""
    if count is None or count >= len(ids):
        return list(ids)
    return [ids[step * len(ids) // count] for step in range(count)]


def browse(section: Section, count: int | None) -> Browser:
    """Collect what was composed, retrieved and expected for ``count`` queries (None: all)."""
    annotated = section.data.queries if section.data is not None else {}
    searched = {id: None for heads in section.heads.values() for id in heads}
    # in the data set's order; queries that it lacks come last, and are not lost
    ids = [id for id in annotated if id in searched]
    ids += [id for id in searched if id not in annotated]
    chosen = choose(ids, count)
    compositions = {label: run.compositions() for label, run in section.runs.items()}
    ranked = {key: _predictions(section.runs[key[0]], key[1]) for key in section.heads}
    kinds = sorted({kind for id in chosen if id in annotated for kind in annotated[id][1].kinds})
    images: dict[tuple[str, str], int] = {}
    rows, entries = [], []
    for id in chosen:
        task, query = annotated.get(id, (None, None))
        name = task.name if task is not None else ""
        text = query.text if query is not None else _modification(id, compositions)
        ranks = [
            (heads[id].rank or 0) if id in heads else NOT_SEARCHED
            for heads in section.heads.values()
        ]
        kind_numbers = [kinds.index(kind) for kind in query.kinds] if query is not None else []
        rows.append([id, text, kind_numbers, ranks])

        def number(image: str, name: str = name) -> int:
            return images.setdefault((name, image), len(images))

        answers = query.answers if query is not None else ()
        entries.append(
            {
                "reference": number(query.reference) if query is not None else None,
                "shared": query.shared if query is not None else "",
                "answers": [number(image) for image in answers],
                "composed": [_composed(by_id.get(id)) for by_id in compositions.values()],
                "tops": [
                    [[number(image), round(score, 4)] for image, score in heads[id].hits]
                    if id in heads
                    else None
                    for heads in section.heads.values()
                ],
                "places": [_answer_ranks(lists.get(id, ()), answers) for lists in ranked.values()],
            }
        )
    index = {
        "key": section.key,
        "title": section.title,
        "labelled": bool(section.metrics),
        "total": len(ids),
        "chunk": CHUNK,
        "runs": list(section.runs),
        "kinds": kinds,
        "variants": [
            {"run": label, "name": name_of(section.runs[label].variants[name]), "key": name}
            for label, name in section.heads
        ],
        "depths": [max(map(len, lists.values()), default=0) for lists in ranked.values()],
        "queries": rows,
    }
    chunks = [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]
    return Browser(index, tuple(chunks), tuple(images))


def _modification(id: str, compositions: Mapping[str, Mapping[str, Composition]]) -> str:
    return next((by_id[id].modification for by_id in compositions.values() if id in by_id), "")


def _composed(composition: Composition | None) -> dict[str, Any] | None:
    if composition is None:
        return None
    return {
        "by": composition.composer,
        "captions": [
            [each.text, round(each.weight, 4), each.origin] for each in composition.captions
        ],
        "reference_captions": list(composition.reference_captions),
        "notes": list(composition.notes),
    }


def _answer_ranks(ranked: Sequence[str], answers: Sequence[str]) -> list[int]:
    ranks = {id: rank for rank, id in enumerate(ranked, 1)}
    return [ranks.get(id, 0) for id in answers]


def _predictions(run: Run, variant: str) -> dict[str, list[str]]:
    """Read a variant's lists; a run folder without them only lacks the answers' ranks."""
    path = Path(run.folder) / VARIANTS / variant / "predictions.json"
    if not path.is_file():
        return {}
    data = parse_json(path.read_bytes(), str(path))
    return {id: list(map(str, ids)) for id, ids in data.items() if isinstance(ids, list)}
