"""Five hundred requests made up from the description itself: none may end in a fault."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import ServerSettings, create_app
from tests.server.conftest import TOKEN, jpeg

CASES = 30
"""Requests for each operation; the same ones at every run."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_no_request_ends_in_a_fault(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg((40 * number, 30, 200 - 30 * number)))
    index_folder(tmp_path, encoder=HashEncoder())
    limits = ServerSettings(rate=0, batch_seconds=0, token=TOKEN)
    app = create_app(tmp_path, encoder=HashEncoder(), settings=limits)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    answers: dict[str, list[int]] = {}

    for described in schema.get_all_operations():
        operation = described.ok()  # type: ignore[union-attr]

        @given(case=operation.as_strategy())
        @settings(
            max_examples=CASES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: schemathesis.Case) -> None:  # type: ignore[type-arg]
            response = case.call(headers={"authorization": f"Bearer {TOKEN}"})
            answers.setdefault(case.operation.label, []).append(response.status_code)
            case.validate_response(response, checks=CHECKS)

        ask()

    assert sum(map(len, answers.values())) >= 500
    assert len(answers) >= 14
    for label in ("POST /api/search", "POST /api/compose", "GET /api/images"):
        assert 200 in answers[label], answers[label]
