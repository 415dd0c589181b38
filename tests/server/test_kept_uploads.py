"""Uploads that are kept with the gallery for a link: allowed, listed, removed, and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.command import invoke
from tests.server.conftest import TOKEN, jpeg

Serve = Callable[..., TestClient]
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def send(client: TestClient, content: bytes = b"") -> str:
    """Send an image; return its token."""
    answer = client.post("/api/uploads", files={"file": content or jpeg((200, 120, 40))})
    return str(answer.json()["upload"])


def search(client: TestClient, upload: str) -> Any:
    """Search like an upload; return the response."""
    query = {"reference": {"upload": upload}, "text": "in blue", "settings": {"k": 2}}
    return client.post("/api/search", json=query)


def test_a_kept_upload_outlives_the_server_and_ranks_the_same(serve: Serve) -> None:
    first = serve(keep_uploads=True)
    assert first.get("/api/gallery").json()["keeps_uploads"] is True
    token = send(first)
    kept = first.post(f"/api/uploads/{token}/keep").json()
    assert kept["bytes"] == len(jpeg((200, 120, 40)))
    assert first.post(f"/api/uploads/{token}/keep").json() == kept
    assert first.post(f"/api/uploads/{kept['id']}/keep").json() == kept
    before = [each["id"] for each in search(first, token).json()["results"]["hits"]]
    later = serve()  # started again, without the permission: what is kept stays
    assert [e["id"] for e in search(later, kept["id"]).json()["results"]["hits"]] == before
    assert search(later, token).status_code == 200
    shown = later.get(f"/api/uploads/{kept['id']}")
    assert shown.headers["content-type"] == "image/jpeg"


def test_only_its_token_or_the_servers_removes_a_kept_upload(serve: Serve) -> None:
    client = serve(keep_uploads=True, token=TOKEN)
    token, other = send(client), send(client, jpeg((1, 2, 3)))
    id, second = (client.post(f"/api/uploads/{each}/keep").json()["id"] for each in (token, other))
    assert client.delete(f"/api/uploads/{id}").status_code == 401
    assert search(client, id).status_code == 200
    assert client.delete(f"/api/uploads/{token}").status_code == 204
    for gone in (id, token):
        assert search(client, gone).status_code == 404
        assert client.get(f"/api/uploads/{gone}").status_code == 404
    assert client.delete(f"/api/uploads/{token}").status_code == 404
    assert client.delete(f"/api/uploads/{second}", headers=BEARER).status_code == 204
    assert client.get("/api/uploads", headers=BEARER).json() == {"uploads": []}


def test_kept_uploads_are_listed_for_whoever_has_the_servers_token(serve: Serve) -> None:
    client = serve(keep_uploads=True, token=TOKEN)
    ids = [
        client.post(f"/api/uploads/{send(client, jpeg((shade, 0, 0)))}/keep").json()["id"]
        for shade in (10, 90)
    ]
    assert client.get("/api/uploads").status_code == 401
    listed = client.get("/api/uploads", headers=BEARER).json()["uploads"]
    assert {each["id"] for each in listed} == set(ids)
    assert serve(keep_uploads=True).get("/api/uploads").status_code == 403


def test_a_server_keeps_nothing_unless_it_is_allowed_to(serve: Serve, folder: Path) -> None:
    client = serve()
    answer = client.post(f"/api/uploads/{send(client)}/keep")
    assert answer.status_code == 403
    assert "--keep-uploads" in answer.json()["error"]["hint"]
    assert client.get("/api/gallery").json()["keeps_uploads"] is False
    assert not (folder / ".stitch" / "uploads").exists()


def test_kept_uploads_take_bounded_room(serve: Serve) -> None:
    size = len(jpeg())
    client = serve(keep_uploads=True, kept_bytes=2 * size + 100)
    tokens = [send(client, jpeg((shade, 0, 0))) for shade in (10, 20, 30)]
    statuses = [client.post(f"/api/uploads/{token}/keep").status_code for token in tokens]
    assert statuses == [200, 200, 507]
    assert client.delete(f"/api/uploads/{tokens[0]}").status_code == 204
    assert client.post(f"/api/uploads/{tokens[2]}/keep").status_code == 200


@pytest.mark.parametrize("name", ["..%2Fgallery.sqlite", "gallery.sqlite", "x" * 24, "unknown"])
def test_no_other_file_is_a_kept_upload(serve: Serve, name: str) -> None:
    client = serve(keep_uploads=True, token=TOKEN)
    client.post(f"/api/uploads/{send(client)}/keep")
    assert client.get(f"/api/uploads/{name}").status_code == 404
    assert client.delete(f"/api/uploads/{name}", headers=BEARER).status_code in (404, 405)


def test_the_command_lists_and_removes_them_and_indexing_ignores_them(
    serve: Serve, folder: Path
) -> None:
    client = serve(keep_uploads=True)
    token = send(client)
    kept = client.post(f"/api/uploads/{token}/keep").json()
    images = client.get("/api/gallery").json()["images"]
    assert f"{images} images" in invoke(["index", folder, "--encoder", "test"]).stdout
    listed = invoke(["uploads", folder]).stdout
    assert kept["id"] in listed
    assert kept["kept_at"][:10] in listed
    assert json.loads(invoke(["uploads", folder, "--json"]).stdout)["uploads"] == [kept]
    gone = invoke(["uploads", folder, "--remove", kept["id"]]).stdout
    assert f"removed: {kept['id']}" in gone
    assert "No uploads are kept." in gone
    assert search(client, kept["id"]).status_code == 404
    assert invoke(["uploads", folder, "--remove", kept["id"]]).exit_code == 3
