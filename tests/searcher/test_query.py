"""The query as a value: it is normalised and checked where it is made."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

import stitch_cir as st


def test_every_part_is_normalised() -> None:
    query = st.Query("a.png", " in red \n", ["  a red   dress ", "A RED DRESS"], ["b.png"])
    assert query.text == "in red"
    assert query.captions == (st.Caption("a red dress"),)
    assert query.negatives == ("b.png",)
    assert query == st.Query("a.png", "in red", ("a red dress",), ("b.png",))
    assert st.Query(text="red", negatives="b.png").negatives == ("b.png",)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_query_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(st.QueryError, match="nothing to search for"):
        st.Query(text=text)
    with pytest.raises(st.QueryError, match="nothing to search for"):
        st.Query(text=text, negatives=["a.png"])


def test_captions_are_checked_where_they_are_written() -> None:
    with pytest.raises(st.QueryError, match="no visible characters"):
        st.Query(captions=["red", " "])
    with pytest.raises(st.QueryError, match="weighs -1"):
        st.Query(captions=[st.Caption("red", -1.0)])


def test_captions_alone_cannot_be_composed(gallery: st.Gallery) -> None:
    query = st.Query(captions=["red"])
    assert st.Searcher(gallery).search(query)[0].id == "red.png"
    with pytest.raises(st.QueryError, match="nothing to search for"):
        st.Searcher(gallery).compose(query)


def test_a_reference_is_resolved_once_and_used_as_it_is(gallery: st.Gallery, folder: Path) -> None:
    searcher = st.Searcher(gallery)
    resolved = searcher.resolve_id("red.png")
    assert (resolved.gallery_id, resolved.excluded_ids) == ("red.png", ("red.png",))
    upload = searcher.resolve_upload("mine", (folder / "red.png").read_bytes())
    assert (upload.name, upload.gallery_id) == ("mine", "red.png")
    by_id = searcher.search(st.Query("red.png", "in blue"))
    for reference in (resolved, upload):
        ranked = searcher.search(st.Query(reference, "in blue"))
        assert [(hit.id, hit.score) for hit in ranked] == [(hit.id, hit.score) for hit in by_id]
    with pytest.raises(st.NotFoundError, match="has no image"):
        searcher.resolve_id(str(folder / "red.png"))


def test_the_three_line_front_takes_every_part() -> None:
    parts = st.QueryParts.__annotations__
    references, *others = [field.name for field in dataclasses.fields(st.Query)]
    assert references == "references"
    assert list(parts) == others
    assert "reference" in inspect.signature(st.search).parameters
