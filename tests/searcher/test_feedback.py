from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.transition import rocchio_step
from tests.conftest import CountingEncoder


def unit(*rows: list[float]) -> np.ndarray:
    array = np.asarray(rows, np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_a_rocchio_step_by_hand() -> None:
    captions = unit([1, 0, 0], [0, 1, 0])
    rejected = unit([0, 0, 1], [1, 0, 0])
    moved = rocchio_step(captions, rejected, 0.5)
    expected = [[0.75, 0, -0.25], [-0.25, 1, -0.25]]
    np.testing.assert_allclose(moved, unit(*expected), atol=1e-6)
    assert moved.dtype == np.float32


def test_a_rocchio_step_laws() -> None:
    random = np.random.default_rng(0)
    captions, rejected = (unit(*random.normal(size=(n, 8)).tolist()) for n in (5, 3))
    np.testing.assert_array_equal(rocchio_step(captions, rejected, 0.0), captions)
    moved = rocchio_step(captions, rejected, 0.4)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    mean = rejected.mean(axis=0)
    assert (moved @ mean < captions @ mean).all()
    np.testing.assert_allclose(rocchio_step(captions, rejected[::-1], 0.4), moved, atol=1e-6)
    np.testing.assert_allclose(
        rocchio_step(captions, np.repeat(rejected, 2, 0), 0.4), moved, atol=1e-6
    )


def test_what_a_rocchio_step_refuses() -> None:
    vector = unit([1, 0])
    for beta in (-0.1, math.nan, math.inf):
        with pytest.raises(st.SettingError, match="negative_weight is"):
            rocchio_step(vector, vector, beta)
    with pytest.raises(st.VectorError, match="cancels"):
        rocchio_step(vector, vector, 1.0)
    with pytest.raises(st.VectorError, match="dimensions"):
        rocchio_step(vector, unit([1, 0, 0]), 0.5)
    with pytest.raises(st.VectorError):
        rocchio_step(vector, np.empty((0, 2), np.float32), 0.5)
    with pytest.raises(st.SettingError, match="negative_weight"):
        st.SearchSettings(negative_weight=-1.0)


def test_negatives_are_left_out_and_moved_away_from(gallery: st.Gallery, folder: Path) -> None:
    ask = {"text": "something red", "settings": st.SearchSettings(k=6)}
    plain = st.search(gallery, **ask)  # type: ignore[arg-type]
    less = st.search(gallery, negatives=["red.png"], **ask)  # type: ignore[arg-type]
    assert plain[0].id == "red.png"
    assert "red.png" not in {hit.id for hit in less}
    # what is half red has fallen: its score is lower than before
    before, after = (r.hit("pairs/red-blue.png") for r in (plain, less))
    assert before is not None
    assert after is not None
    assert after.score < before.score
    assert less.to_dict()["query"]["negatives"] == ["red.png"]
    assert less.to_dict()["settings"]["negative_weight"] == 0.3
    still = st.search(
        gallery,
        negatives=["red.png"],
        text="something red",
        settings=st.SearchSettings(k=6, negative_weight=0),
    )
    ranks = [[(hit.id, hit.score) for hit in results] for results in (still, plain)]
    assert ranks[0][:5] == ranks[1][1:]


def test_negatives_work_without_text_and_for_duplicates(
    folder: Path, encoder: CountingEncoder
) -> None:
    (folder / "copy.png").write_bytes((folder / "red.png").read_bytes())
    st.index_folder(folder, encoder=encoder)
    gallery = st.Gallery.open(folder, encoder=encoder)
    results = st.search(gallery, reference="pairs/red-blue.png", negatives=["red.png", "copy.png"])
    assert not {"red.png", "copy.png", "pairs/red-blue.png"} & {hit.id for hit in results}
    assert results.query.negatives == ("red.png",)
    with pytest.raises(st.NotFoundError, match="search less like"):
        st.search(gallery, text="red", negatives=["nope.png"])
    with pytest.raises(st.NotFoundError, match="left out"):
        st.Searcher(gallery).explain(st.Query(text="red", negatives=["copy.png"]), "red.png")


def test_captions_with_weights(gallery: st.Gallery) -> None:
    captions: list[str | st.Caption] = [st.Caption("red", 3.0), st.Caption("blue", 1.0), "red"]
    results = st.search(gallery, captions=captions, settings=st.SearchSettings(k=3))
    assert results.query.labels == ("red", "blue")
    np.testing.assert_allclose(results.query.weights, [0.75, 0.25])
    only = st.search(gallery, captions=[st.Caption("red", 0.0), st.Caption("blue")])
    assert only[0].id == "blue.png"
    for weight in (-1.0, math.nan, math.inf):
        with pytest.raises(st.QueryError, match="weighs"):
            st.search(gallery, captions=[st.Caption("red", weight)])
    with pytest.raises(st.QueryError, match="not usable"):
        st.search(gallery, captions=[st.Caption("red", 0.0)])
