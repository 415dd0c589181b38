"""A vector of reference and text together, as one more member of a query or as all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import ComposedInput, HashEncoder, SumEncoder
from tests.conftest import CountingEncoder

QUERY = st.Query("red.png", "blue")


class Fixed:
    """Encodes every query as the same texts, and keeps what it was given."""

    name = "fixed"
    needs_image = True

    def __init__(self, *texts: str, dim: int = HashEncoder.dim) -> None:
        self.rows = HashEncoder().encode_texts(texts)[:, :dim]
        self.rows /= np.linalg.norm(self.rows, axis=1, keepdims=True)
        self.inputs: list[ComposedInput] = []

    def composed_settings(self) -> Mapping[str, Any]:
        return {"composed": self.name}

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        self.inputs += inputs
        return [self.rows for _ in inputs]


class Together(HashEncoder):
    """An encoder of galleries that reads image and text together, too."""

    name = "together"
    needs_image = True

    def composed_settings(self) -> Mapping[str, Any]:
        return {"composed": self.name}

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        return [self.encode_texts(["yellow"]) for _ in inputs]


def with_weight(weight: float, **values: Any) -> st.SearchSettings:
    return st.SearchSettings.from_preset(composed_weight=weight, **values)


def test_with_weight_one_the_query_is_the_vector_alone(gallery: st.Gallery) -> None:
    encoder = Fixed("yellow")
    results = st.Searcher(gallery, composed=encoder, settings=with_weight(1)).search(QUERY)
    assert results[0].id == "yellow.png"
    assert results.query.labels == ("red.png + “blue”",)
    np.testing.assert_array_equal(results.query.vectors, encoder.rows)
    assert results[0].score == pytest.approx(
        2 * float(encoder.rows[0] @ gallery.matrix().vectors[gallery.matrix().offsets[7]]), abs=1e-5
    )


def test_with_a_share_it_is_one_more_member_beside_the_captions(gallery: st.Gallery) -> None:
    plain = st.Searcher(gallery).search(QUERY)
    joined = st.Searcher(gallery, composed=Fixed("yellow", "green"), settings=with_weight(0.4))
    results = joined.search(QUERY)
    count = len(plain.query.labels)
    assert results.query.labels[:count] == plain.query.labels
    np.testing.assert_allclose(results.query.weights[:count], 0.6 * plain.query.weights, atol=1e-6)
    np.testing.assert_allclose(results.query.weights[count:], [0.2, 0.2], atol=1e-6)
    np.testing.assert_array_equal(results.query.vectors[:count], plain.query.vectors)
    explained = joined.explain(QUERY, results[0].id)[0]
    assert explained.score == results[0].score
    assert explained.caption_shares().sum() == pytest.approx(explained.score, abs=1e-5)


def test_what_made_the_vector_is_recorded_and_off_it_is_not(gallery: st.Gallery) -> None:
    settings = with_weight(0.25, composed_instruction="find the edited image")
    encoder = Fixed("yellow")
    results = st.Searcher(gallery, composed=encoder, settings=settings).search(QUERY)
    assert encoder.inputs[0].instruction == "find the edited image"
    assert encoder.inputs[0].image is not None
    assert results.to_dict()["query"]["composed"] == {
        "composed": "fixed", "instruction": "find the edited image", "weight": 0.25,
    }  # fmt: skip
    assert results.to_dict()["settings"]["composed_weight"] == 0.25
    assert "composed" not in st.Searcher(gallery).search(QUERY).to_dict()["query"]


def test_by_default_it_is_the_gallerys_model_or_the_sum_of_its_vectors(
    gallery: st.Gallery, folder: Path
) -> None:
    results = st.search(gallery, reference="red.png", text="blue", settings=with_weight(1))
    assert results[0].id == "pairs/red-blue.png"
    assert results.query.to_dict()["composed"]["composed"] == "sum"
    st.index_folder(folder, folder / "other", encoder=Together())
    other = st.Gallery.open(folder / "other", encoder=Together())
    results = st.search(other, reference="red.png", text="blue", settings=with_weight(1))
    assert results.query.to_dict()["composed"]["composed"] == "together"
    assert results[0].id == "yellow.png"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (st.Query(text="blue"), "there is no reference"),
        (st.Query("red.png", captions=["a blue thing"]), "there is no text"),
    ],
)
def test_a_query_with_one_part_only_is_searched_with_as_before_with_a_note(
    gallery: st.Gallery, query: st.Query, why: str
) -> None:
    results = st.Searcher(gallery, settings=with_weight(0.5)).search(query)
    assert [hit.id for hit in results] == [hit.id for hit in st.Searcher(gallery).search(query)]
    assert any(note.endswith(f"changes nothing: {why}.") for note in results.notes)


def test_a_vector_of_another_dimension_is_refused(gallery: st.Gallery) -> None:
    searcher = st.Searcher(gallery, composed=Fixed("yellow", dim=8), settings=with_weight(0.5))
    with pytest.raises(st.VectorError, match="8 dimensions, the gallery has 64"):
        searcher.search(QUERY)


def test_several_references_have_their_shares(gallery: st.Gallery) -> None:
    references = [st.WeightedReference("red.png", 3.0), st.WeightedReference("blue.png")]
    searcher = st.Searcher(gallery, composed=Fixed("yellow"), settings=with_weight(1))
    results = searcher.search(st.Query(references, "the first in the colour of the second"))
    np.testing.assert_allclose(results.query.weights, [0.75, 0.25])


def test_a_gallery_of_captions_adds_the_vector_of_the_references_captions(tmp_path: Path) -> None:
    lines = ['{"id": "a", "captions": ["red", "green"]}', '{"id": "b", "captions": ["blue"]}']
    (tmp_path / "captions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    encoder = CountingEncoder()
    st.index_captions(tmp_path / "captions.jsonl", tmp_path / "index", encoder=encoder)
    gallery = st.Gallery.open(tmp_path / "index", encoder=encoder)
    results = st.search(gallery, reference="a", text="blue", settings=with_weight(1))
    red, green, blue = encoder.encode_texts(["red", "green", "blue"])
    mean = (red + green) / np.linalg.norm(red + green)
    np.testing.assert_allclose(
        results.query.vectors[0] @ (mean + blue), np.linalg.norm(mean + blue), atol=1e-5
    )
    refused = st.Searcher(gallery, composed=Fixed("yellow"), settings=with_weight(1))
    assert any(
        "the reference has no image" in note for note in refused.search(st.Query("a", "blue")).notes
    )


def test_another_encoder_of_the_query_ends_a_cursor(gallery: st.Gallery) -> None:
    settings = with_weight(0.5, k=2)
    first = st.Searcher(gallery, composed=Fixed("yellow"), settings=settings).search(QUERY)
    second = st.Query("red.png", "blue", cursor=first.next_cursor or "")
    again = st.Searcher(gallery, composed=Fixed("yellow"), settings=settings).search(second)
    assert again[0].rank == 3
    with pytest.raises(st.CursorError, match="another query"):
        st.Searcher(gallery, composed=SumEncoder(HashEncoder()), settings=settings).search(second)


def test_an_upload_is_encoded_with_its_text(gallery: st.Gallery) -> None:
    encoder = Fixed("yellow")
    searcher = st.Searcher(gallery, composed=encoder, settings=with_weight(1))
    searcher.search(st.Query(Image.new("RGB", (30, 30), (220, 30, 30)), "blue"))
    assert encoder.inputs[0].image is not None
    assert encoder.inputs[0].image.size == (30, 30)
