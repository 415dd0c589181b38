"""The data behind the page's query browser: an index, the gallery, and queries by the hundred.

Files are scripts, not JSON: a page that is opened from a disk may load the one, not the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir.benchmarks._files import VARIANTS, parse_json
from stitch_cir.benchmarks._run_files import Run
from stitch_cir.benchmarks.report._contents import Section
from stitch_cir.benchmarks.report._tables import name_of
from stitch_cir.benchmarks.report._thumbs import Shown
from stitch_cir.composers import Composition

__all__ = ["Browser", "browse", "choose"]

CHUNK = 100
"""Queries in one file."""
NOT_ASKED = -1
"""Place of a query that a run was not asked; 0 is a right answer that is in no ranking."""


@dataclass(frozen=True, slots=True)
class Browser:
    """``images`` are the (task, id) pairs that appear; ``chunks`` refer to them by number."""

    index: dict[str, Any]
    chunks: tuple[list[dict[str, Any]], ...]
    images: tuple[tuple[str, str], ...]

    def files(self, shown: Sequence[Shown]) -> dict[str, str]:
        """Give the scripts by file name; ``shown`` says how each of ``images`` is shown."""
        key = self.index["key"]
        gallery = [[one.id, one.thumb, one.problem, list(one.captions)] for one in shown]
        found = {
            f"stitch-{key}-index.js": _script(f"{key}/index", self.index),
            f"stitch-{key}-gallery.js": _script(f"{key}/gallery", gallery),
        }
        for number, chunk in enumerate(self.chunks):
            found[f"stitch-{key}-{number:03d}.js"] = _script(f"{key}/{number}", chunk)
        return found


def _script(name: str, data: Any) -> str:
    # ASCII only: no encoding to guess, no lone surrogate, no line separator that ends a string
    body = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return f"stitch({json.dumps(name)},{body});\n"


def choose(ids: Sequence[str], count: int | None) -> list[str]:
    """Give all ids, or ``count`` of them evenly spread over the list."""
    if count is None or count >= len(ids):
        return list(ids)
    return [ids[place * len(ids) // count] for place in range(count)]


def browse(section: Section, count: int | None) -> Browser:
    """Lay out what was asked, composed, retrieved and expected of ``count`` queries (None: all)."""
    known = section.data.queries if section.data is not None else {}
    asked = {id: None for tops in section.tops.values() for id in tops}
    # in the data set's order; what it does not know comes last, and is not lost
    ids = [id for id in known if id in asked] + [id for id in asked if id not in known]
    chosen = choose(ids, count)
    compositions = {label: run.compositions() for label, run in section.runs.items()}
    ranked = {key: _predictions(section.runs[key[0]], key[1]) for key in section.tops}
    kinds = sorted({kind for id in chosen if id in known for kind in known[id][1].kinds})
    images: dict[tuple[str, str], int] = {}
    rows, entries = [], []
    for id in chosen:
        task, query = known.get(id, (None, None))
        name = task.name if task is not None else ""
        text = query.text if query is not None else _modification(id, compositions)
        places = [
            (tops[id].place or 0) if id in tops else NOT_ASKED for tops in section.tops.values()
        ]
        own_kinds = [kinds.index(kind) for kind in query.kinds] if query is not None else []
        rows.append([id, text, own_kinds, places])

        def number(image: str, name: str = name) -> int:
            return images.setdefault((name, image), len(images))

        answers = query.answers if query is not None else ()
        entries.append(
            {
                "reference": number(query.reference) if query is not None else None,
                "shared": query.shared if query is not None else "",
                "answers": [number(image) for image in answers],
                "composed": [_composed(own.get(id)) for own in compositions.values()],
                "tops": [
                    [[number(image), round(score, 4)] for image, score in tops[id].hits]
                    if id in tops
                    else None
                    for tops in section.tops.values()
                ],
                "places": [_answer_places(lists.get(id, ()), answers) for lists in ranked.values()],
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
            for label, name in section.tops
        ],
        "depths": [max(map(len, lists.values()), default=0) for lists in ranked.values()],
        "queries": rows,
    }
    chunks = [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]
    return Browser(index, tuple(chunks), tuple(images))


def _modification(id: str, compositions: Mapping[str, Mapping[str, Composition]]) -> str:
    return next((own[id].modification for own in compositions.values() if id in own), "")


def _composed(composition: Composition | None) -> dict[str, Any] | None:
    if composition is None:
        return None
    return {
        "by": composition.composer,
        "captions": [[one.text, round(one.weight, 4), one.origin] for one in composition.captions],
        "reference_captions": list(composition.reference_captions),
        "notes": list(composition.notes),
    }


def _answer_places(ranked: Sequence[str], answers: Sequence[str]) -> list[int]:
    places = {id: place for place, id in enumerate(ranked, 1)}
    return [places.get(id, 0) for id in answers]


def _predictions(run: Run, variant: str) -> dict[str, list[str]]:
    """Read a variant's lists; a run folder without them only lacks the answers' places."""
    path = Path(run.folder) / VARIANTS / variant / "predictions.json"
    if not path.is_file():
        return {}
    data = parse_json(path.read_bytes(), str(path))
    return {id: list(map(str, ids)) for id, ids in data.items() if isinstance(ids, list)}
