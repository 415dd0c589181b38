"""What ``/openapi.json`` allows is taken, and what it forbids is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerSettings, create_app
from tests.server.conftest import jpeg

TEXT = {"text": "red"}
LIMITS = {"max_hits": 7, "max_captions": 3, "text_characters": 50, "files": 2}
BODIES: list[dict[str, Any]] = [
    TEXT,
    {},
    {"text": ""},
    {"text": " "},
    {"text": "x" * 50},
    {"text": "x" * 51},
    {"reference": None},
    {"reference": "0.jpg"},
    {"reference": {"id": "0.jpg"}},
    {"reference": ""},
    {"captions": [{"text": "x"}]},
    *(
        {**TEXT, "captions": captions}
        for captions in (
            None,
            [],
            [{"text": "x", "on": False}],
            [{"text": "x", "on": False}, {"text": "y"}],
            [{"text": ""}],
            [{"text": " "}],
            [{"text": "x", "weight": 0}],
            [{"text": "x", "weight": -1}],
            [{"text": "x"}] * 3,
            [{"text": "x"}] * 4,
            [{"text": "x" * 51}],
        )
    ),
]
SETTINGS: dict[str, list[Any]] = {
    "preset": ["", "paper", "nope", "custom", None],
    "transition": ["", "none", "linear", "x"],
    "scorer": ["", "conditional", "y"],
    "alpha": [-1, 0, 1, 2],
    "beta": [-0.1, 1.1],
    "scale": [-1, 0, 5, 1e9],
    "image_weight": [-1, 2],
    "gain": [-1, 1001, 3],
    "loss": [-1, 2000],
    "epsilon": [0, 1e-7, 0.1, 1e9],
    "tau": [0, -1, 1, 1e-12, 1e9],
    "hubness_weight": [-1, 2000, 0.5],
    "hubness_neighbours": [0, 3],
    "negative_weight": [-1, 1001],
    "min_score": [-1e9, 0],
    "k": [0, 1, 7, 8, 1e9],
    "num_captions": [0, 65, 64],
    "include": [[], [""], ["*"]],
    "exclude": [[""], ["x"]],
}
BODIES += [{**TEXT, "settings": {name: value}} for name, some in SETTINGS.items() for value in some]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("small")
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg((60 * number, 30, 30)))
    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0, **LIMITS)  # type: ignore[arg-type]
    with TestClient(create_app(folder, encoder=HashEncoder(), settings=settings)) as client:
        yield client


def test_schema_and_validation_agree(small: TestClient) -> None:
    document = small.get("/openapi.json").json()
    ask = {
        **document["components"]["schemas"]["QueryRequest"],
        "components": document["components"],
    }
    validator = jsonschema_rs.validator_for(ask)
    differing = []
    for body in BODIES:
        answer = small.post("/api/search", json=body)
        assert answer.status_code in (200, 409, 422), body  # 409: nothing is left to rank
        if validator.is_valid(body) is (answer.status_code == 422):
            differing.append((body, answer.text))
    assert differing == []


def test_the_limits_of_this_server_are_described(small: TestClient) -> None:
    paths = small.get("/openapi.json").json()["paths"]
    form = paths["/api/images"]["post"]["requestBody"]["content"]["multipart/form-data"]
    file = form["schema"]["properties"]["file"]
    assert (file["minItems"], file["maxItems"]) == (1, 2)
    assert "file" in form["schema"]["required"]
