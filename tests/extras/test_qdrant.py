"""Candidates by Qdrant's own engine, behind the REST interface that a server has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.candidates import QdrantSource
from stitch_cir.gallery import Gallery
from stitch_cir.searcher import Query
from stitch_cir.testing import check_candidate_source
from tests.candidates.fake_qdrant import Qdrant, serving
from tests.conftest import CountingEncoder, noise

qdrant_edge = pytest.importorskip("qdrant_edge")


class EdgeCollection:
    """A collection kept by Qdrant Edge."""

    def __init__(self, size: int, folder: Path) -> None:
        self.size = size
        field = qdrant_edge.EdgeVectorParams(size=size, distance=qdrant_edge.Distance.Cosine)
        config = qdrant_edge.EdgeConfig(vectors=field)
        self.shard = qdrant_edge.EdgeShard.create(str(folder), config)

    def upsert(self, points: list[dict[str, Any]]) -> None:
        made = [qdrant_edge.Point(each["id"], each["vector"], each["payload"]) for each in points]
        self.shard.update(qdrant_edge.UpdateOperation.upsert_points(made))

    def query(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        request = qdrant_edge.QueryRequest(
            limit=query["limit"],
            query=qdrant_edge.Query.Nearest(query["query"]),
            with_payload=query["with_payload"],
            params=qdrant_edge.SearchParams(exact=query["params"]["exact"]),
        )
        return [{"id": str(p.id), "payload": p.payload} for p in self.shard.query(request)]


@pytest.fixture
def many(tmp_path: Path, encoder: CountingEncoder) -> Gallery:
    """Sixty images."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        noise(number, 24, 24).save(folder / f"{number:02}.png")
    st.index_folder(folder, encoder=encoder)
    return Gallery.open(folder, encoder=encoder)


@pytest.fixture
def source(many: Gallery, tmp_path: Path) -> Iterator[QdrantSource]:
    made: list[EdgeCollection] = []

    def make(size: int) -> EdgeCollection:
        made.append(EdgeCollection(size, tmp_path / f"shard-{len(made)}"))
        return made[-1]

    with serving(Qdrant(make)) as url:
        source = QdrantSource(url, "photos")
        matrix = many.matrix()
        source.fill(list(matrix.ids), np.asarray(matrix.means))
        yield source
        source.close()
    for collection in made:
        collection.shard.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


def search(gallery: Gallery, source: QdrantSource | None, shortlist: int | None) -> st.Results:
    settings = st.SearchSettings.from_preset(k=5, shortlist=shortlist)
    return st.Searcher(gallery, candidates=source, settings=settings).search(
        Query(text="a red square")
    )


def test_it_names_what_the_shortlist_by_mean_views_names(
    many: Gallery, source: QdrantSource
) -> None:
    theirs, ours = search(many, source, 12), search(many, None, 12)
    assert [(hit.id, hit.score) for hit in theirs] == [(hit.id, hit.score) for hit in ours]
    assert theirs.shortlist_recall == ours.shortlist_recall
    assert (theirs.exact, theirs.scored) == (False, 12)


def test_all_of_it_is_the_exact_ranking(many: Gallery, source: QdrantSource) -> None:
    whole, exact = search(many, source, 60), search(many, None, None)
    assert [(hit.id, hit.score) for hit in whole] == [(hit.id, hit.score) for hit in exact]
    assert whole.exact


def test_it_keeps_the_contract(many: Gallery, source: QdrantSource) -> None:
    check_candidate_source(source, dim=many.matrix().vectors.shape[1], images=60)
