"""The composed-query encoder that a server was started with: one more member of its queries."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from stitch_cir.encoders import DualEncoder, HashEncoder, SumEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerModels, ServerSettings, create_app
from stitch_cir.wire import QueryRequest

QUERY = {"text": "in blue", "reference": {"id": "red.png"}}
TOGETHER = {**QUERY, "settings": {"composed_weight": 0.5}}


class Named(SumEncoder):
    """The sum, under the name of a model."""

    name = "a-model"


def served(folder: Path, models: ServerModels | None = None) -> TestClient:
    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0)
    app = create_app(folder, encoder=HashEncoder(), settings=settings, models=models)
    return TestClient(app, base_url="http://localhost")


def test_the_encoder_of_the_server_is_used_where_a_query_gives_it_a_weight(folder: Path) -> None:
    loaded: list[str] = []

    def load(encoder: DualEncoder) -> Named:
        loaded.append(encoder.name)
        return Named(encoder)

    client = served(folder, ServerModels(make_composed=load))
    plain = client.post("/api/search", json=QUERY).json()["results"]
    assert plain["query"].get("composed") is None
    assert not loaded
    joined = client.post("/api/search", json=TOGETHER).json()["results"]
    composed = {"composed": "a-model", "encoder": "test", "weight": 0.5}
    assert joined["query"]["composed"] == composed
    assert loaded == ["test"]
    assert joined["hits"] != plain["hits"]
    explained = client.post("/api/explain", json={**TOGETHER, "id": joined["hits"][0]["id"]}).json()
    assert explained["captions"][-1] == "red.png + “in blue”"


def test_a_request_cannot_name_an_encoder(folder: Path) -> None:
    client = served(folder)
    settings = {"composed_weight": 0.5, "composed": "http://127.0.0.1:1/v1#m"}
    answer = client.post("/api/search", json={**QUERY, "settings": settings})
    assert answer.status_code == 422
    assert "composed" in answer.json()["error"]["message"]


def test_a_query_that_needs_the_encoder_waits_among_those_for_models(folder: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    models = ServerModels(make_composed=Named)
    queries = create_app(folder, encoder=HashEncoder(), models=models).state.services.queries
    assert queries.may_wait_for_model(QueryRequest.model_validate(TOGETHER))
    assert not queries.may_wait_for_model(QueryRequest.model_validate(QUERY))
