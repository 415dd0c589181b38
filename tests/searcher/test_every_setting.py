"""Every name and number that can be chosen changes a ranking, and can be chosen everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir import plugins
from stitch_cir.chat import Chat, ScriptedChat
from stitch_cir.composers import (
    ChatComposer,
    Composer,
    LocalComposer,
    TwoStageComposer,
    composer_by_name,
)
from stitch_cir.encoders import HashEncoder
from stitch_cir.searcher import count_approximate
from stitch_cir.transition import TRANSITION_NAMES
from stitch_cir.transport import SCORER_NAMES

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
COLOURS = [(220, 30, 30), (40, 160, 60), (40, 80, 210), (240, 215, 40), (15, 15, 15)]
QUERIES = [("m00.png", "in blue instead"), ("m07.png", "green"), ("m11.png", "a yellow one")]
CAPTIONS = ["A red and yellow thing.", "Something black.", "A green thing."]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> st.Gallery:
    """Forty images of four colours each, drawn by a seed."""
    folder = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(7)
    for number in range(40):
        image = Image.new("RGB", (48, 48))
        for corner in range(4):
            colour = COLOURS[rng.integers(len(COLOURS))]
            x, y = 24 * (corner % 2), 24 * (corner // 2)
            image.paste(colour, (x, y, x + 24, y + 24))
        image.save(folder / f"m{number:02}.png")
    st.index_folder(folder, encoder=HashEncoder())
    return st.Gallery.open(folder, encoder=HashEncoder())


def rankings(
    gallery: st.Gallery, composer: Composer | None = None, **changes: Any
) -> list[list[str]]:
    less = changes.pop("negatives", ())
    settings = st.SearchSettings.from_preset(**{"k": 12, **changes})
    return [
        [
            hit.id
            for hit in st.search(
                gallery,
                reference=reference,
                text=text,
                composer=composer,
                negatives=less,
                settings=settings,
            )
        ]
        for reference, text in QUERIES
    ]


@pytest.mark.parametrize("name", TRANSITION_NAMES[1:])
def test_every_transition_changes_a_ranking(mixed: st.Gallery, name: str) -> None:
    assert rankings(mixed, transition=name) != rankings(mixed)
    if name != "none":  # the control without a transition is no name for another
        assert rankings(mixed, transition=name) != rankings(mixed, transition="none")


@pytest.mark.parametrize("name", SCORER_NAMES[1:])
def test_every_scorer_changes_a_ranking(mixed: st.Gallery, name: str) -> None:
    # at τ = 0.001 conditional transport all but is Chamfer, its documented limit
    tau = 0.1 if name == "chamfer" else 0.001
    assert rankings(mixed, scorer=name) != rankings(mixed, tau=tau)


def scripted(messages: object, sample: int) -> str:
    return CAPTIONS[sample % len(CAPTIONS)]


def record(folder: Path) -> Path:
    path = folder / "compositions.jsonl"
    lines = [
        {"reference": reference, "modification": text, "captions": CAPTIONS}
        for reference, text in QUERIES
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


COMPOSERS: dict[str, Callable[[Path], Composer]] = {
    "chat": lambda folder: ChatComposer(Chat(ScriptedChat(scripted), None)),
    "two-stage": lambda folder: TwoStageComposer(Chat(ScriptedChat(scripted), None)),
    "local": lambda folder: LocalComposer(Chat(ScriptedChat(scripted), None)),
    "recorded": lambda folder: composer_by_name("recorded", path=record(folder)),
}


def test_the_list_of_composers_is_whole() -> None:
    # the default composer is what the others are compared with
    assert set(plugins.COMPOSERS.built_in) == {"verbatim", *COMPOSERS}


@pytest.mark.parametrize("name", COMPOSERS)
def test_every_composer_changes_a_ranking(mixed: st.Gallery, name: str, tmp_path: Path) -> None:
    assert rankings(mixed, COMPOSERS[name](tmp_path)) != rankings(mixed)


@pytest.mark.parametrize(
    ("name", "value", "under"),
    [
        ("num_captions", 1, {}),
        ("alpha", 0.9, {}),
        ("beta", 0.6, {"transition": "away"}),
        ("scale", 0.3, {"transition": "pdv"}),
        ("image_weight", 0.9, {"transition": "pdv"}),
        ("gain", 5.0, {"transition": "semantic-increment"}),
        ("loss", 9.0, {"transition": "semantic-increment", "k": 30}),
        ("tau", 0.3, {}),
        ("epsilon", 1.0, {"scorer": "sinkhorn"}),
        ("hubness_weight", 0.9, {}),
        ("hubness_neighbours", 2, {"hubness_weight": 0.9}),
        ("negative_weight", 2.0, {"negatives": ("m03.png",)}),
        ("min_score", 1.9, {}),
        ("include", ("m1*",), {}),
        ("exclude", ("m1*",), {}),
        ("include_reference", True, {"k": 30}),
        ("shortlist", 3, {"k": 3}),
        ("k", 3, {}),
    ],
)
def test_every_number_changes_a_ranking(
    mixed: st.Gallery, name: str, value: object, under: dict[str, Any]
) -> None:
    assert rankings(mixed, **{**under, name: value}) != rankings(mixed, **under)


def test_sinkhorn_that_stops_early_is_noted(mixed: st.Gallery) -> None:
    def search(**changes: object) -> st.Results:
        settings = st.SearchSettings.from_preset(k=5, scorer="sinkhorn", **changes)  # type: ignore[arg-type]
        return st.search(mixed, reference="m00.png", text="in blue instead", settings=settings)

    assert not any("converge" in note for note in search().notes)
    hasty = search(epsilon=1e-5)
    assert any(not hit.plan.converged for hit in hasty)
    (note,) = [note for note in hasty.notes if "converge" in note]
    assert re.match(r"Sinkhorn with ε = 1e-05 did not converge for \d of 5 hits", note)
    assert hasty.to_dict()["settings"]["epsilon"] == 1e-5


@pytest.mark.parametrize(("iterations", "approximate"), [(2, 4), (8, 1), (1000, 0)])
def test_queries_with_approximate_hits_are_counted(
    mixed: st.Gallery, iterations: int, approximate: int
) -> None:
    """All plans are made together, and each query counts once, as its plans alone do."""
    settings = st.SearchSettings.from_preset(
        k=3, scorer="sinkhorn", epsilon=0.1, max_iterations=iterations
    )
    searcher = st.Searcher(mixed, settings=settings)
    texts = ["in blue instead", "a red one with two stripes", "green, and darker", "on a beach"]
    results = [searcher.search(st.Query("m00.png", text)) for text in texts]
    ranker = searcher.ranker()
    rows = [[row for row in map(ranker.matrix.ids.row_of, ids) if row is not None]
            for ids in [[hit.id for hit in each] for each in results]]  # fmt: skip
    expected = sum(not all(hit.plan.converged for hit in each) for each in results)
    assert expected == approximate
    assert count_approximate(ranker, [each[0].query for each in results], rows) == expected


def test_what_is_printed_of_a_method_is_what_it_used() -> None:
    assert st.SearchSettings().method() == "transition linear α 0.45 · conditional τ 0.001 ρ 0.5"
    pdv = st.SearchSettings.from_preset(transition="pdv", scorer="sinkhorn", epsilon=0.1)
    assert pdv.method() == "transition pdv λ 1.4 w 0.25 · sinkhorn ε 0.1"
    assert (
        st.SearchSettings.from_preset(transition="none", scorer="mean").method()
        == "transition none · mean"
    )


@pytest.mark.parametrize(
    "name", ["hubness_weight", "negative_weight", "rerank_weight", "gain", "loss"]
)
def test_weights_without_measure_are_refused_instead_of_overflowing(name: str) -> None:
    for value in (-0.1, 1e136, float("inf"), float("nan")):
        with pytest.raises(st.errors.SettingError, match=name):
            st.SearchSettings.from_preset(**{name: value})  # type: ignore[arg-type]
