"""Rankings and scores that no rebuilding may change: every transition under every scorer.

The numbers in ``rankings.json`` were computed before the inside of the package was rebuilt. They are
written again only when a change is meant to change rankings: ``STITCH_PIN=1 pytest tests/pinned``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stitch_cir as st
from stitch_cir.transition import TRANSITION_NAMES
from stitch_cir.transport import SCORER_NAMES
from tests.pinned.gallery import FixedComposer, make_gallery

PINNED = Path(__file__).with_name("rankings.json")
OPTIONS: dict[str, dict[str, Any]] = {
    "alpha": {"alpha": 0.8},
    "tau": {"tau": 0.05},
    "epsilon": {"scorer": "sinkhorn", "epsilon": 0.1},
    "scale": {"transition": "pdv", "scale": 0.6, "image_weight": 0.5},
    "gain": {"transition": "semantic-increment", "gain": 1.0, "loss": 0.5},
    "beta": {"transition": "away", "beta": 0.4},
    "hubness": {"hubness_weight": 0.4, "hubness_neighbours": 5},
    "shortlist": {"shortlist": 12},
    "filters": {"include": ("*e-*",), "exclude": ("white-*",)},
    "min-score": {"min_score": 0.9},
    "with-reference": {"include_reference": True},
    "negatives": {"negative_weight": 0.6},
    "public-code": {"preset": "public-code"},
    "captions": {"preset": "captions"},
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[st.Gallery]:
    with make_gallery(tmp_path_factory.mktemp("pinned")) as opened:
        yield opened


def cases() -> dict[str, dict[str, Any]]:
    methods = {
        f"{transition} × {scorer}": {"transition": transition, "scorer": scorer}
        for transition in TRANSITION_NAMES
        for scorer in SCORER_NAMES
    }
    return {**methods, **OPTIONS, "views": {}, "text": {}, "edited": {}}


def ranking(gallery: st.Gallery, name: str) -> list[list[Any]]:
    """Search as the case says: the best dozen as [id, score], scores to six decimals."""
    options = dict(cases()[name])
    settings = st.SearchSettings.from_preset(options.pop("preset", "paper"), k=12, **options)
    query: dict[str, Any] = {"reference": "red-blue.png", "text": "in blue, with white instead"}
    if name == "views":
        query["text"] = None
    if name == "text":
        query["reference"] = None
    if name == "negatives":
        query["negatives"] = ("blue-blue.png", "blue-white.png")
    if name == "edited":
        query["captions"] = ("green and yellow", "black")
    results = st.search(gallery, composer=FixedComposer(), settings=settings, **query)
    return [[hit.id, round(hit.score, 6)] for hit in results]


@pytest.mark.skipif("STITCH_PIN" not in os.environ, reason="writes the numbers anew")
def test_pin(gallery: st.Gallery) -> None:
    rankings = {name: ranking(gallery, name) for name in cases()}
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(hits)}"
        for name, hits in rankings.items()
    ]
    PINNED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@pytest.mark.parametrize("name", cases())
def test_nothing_has_moved(gallery: st.Gallery, name: str) -> None:
    expected = json.loads(PINNED.read_text(encoding="utf-8"))[name]
    actual = ranking(gallery, name)
    assert [id for id, _ in actual] == [id for id, _ in expected]
    assert [score for _, score in actual] == pytest.approx(
        [score for _, score in expected], abs=2e-6
    )


def test_every_case_is_pinned() -> None:
    assert set(json.loads(PINNED.read_text(encoding="utf-8"))) == set(cases())
