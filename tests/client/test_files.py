"""Files that are too large, files as references, and what answers carry."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

import stitch_cir as st
from stitch_cir.client import ApiError, AsyncClient
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Snapshot, index_folder
from stitch_cir.server import ServerSettings, create_app


def test_too_large_a_file_is_not_sent(folder: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    settings = ServerSettings(rate=0, batch_seconds=0, upload_bytes=1 << 21)
    app = create_app(folder, encoder=HashEncoder(), settings=settings)
    paths: list[str] = []

    class Counting(httpx2.ASGITransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            paths.append(request.url.path)
            return await super().handle_async_request(request)

    big = (folder / "red.png").read_bytes() + bytes(3 << 20)

    async def session() -> None:
        async with AsyncClient("http://a.test", transport=Counting(app)) as client:
            for send in (client.upload(big), client.add_images([b"x", big])):
                with pytest.raises(ApiError) as caught:
                    await send
                assert (caught.value.type, caught.value.status) == ("BodyTooLargeError", 413)
                assert "--max-upload-mb" in caught.value.hint
            assert paths == ["/api/gallery"]  # the limits are asked for once
            await client.upload(folder / "red.png")
            await client.upload((folder / "red.png").read_bytes() + bytes(1 << 20))
        assert paths[1:] == ["/api/uploads"] * 2

    asyncio.run(session())


def test_a_file_of_this_machine_is_no_reference(folder: Path) -> None:
    index_folder(folder, encoder=HashEncoder())
    app = create_app(folder, encoder=HashEncoder(), settings=ServerSettings(rate=0))
    path = folder / "red.png"

    async def session() -> None:
        async with AsyncClient("http://a.test", transport=httpx2.ASGITransport(app)) as client:
            with pytest.raises(st.NotFoundError, match="client.upload") as caught:
                await client.search("in blue", reference=str(path))
            assert caught.value.hint.endswith(f"client.upload({str(path)!r})")
            with pytest.raises(st.NotFoundError) as caught:
                await client.search("in blue", reference="nowhere.png")
            assert "client.upload" not in str(caught.value)
            wrong: Any
            for wrong in (path, path.read_bytes()):
                with pytest.raises(st.QueryError, match=r"client\.upload"):
                    await client.search("in blue", reference=wrong)

    asyncio.run(session())


def test_notes_and_readiness_are_typed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index_folder(folder, encoder=HashEncoder())
    app = create_app(folder, encoder=HashEncoder(), settings=ServerSettings(rate=0))
    note = f"The cache below {folder} has been rebuilt."
    for reader in (st.Gallery, Snapshot):
        monkeypatch.setattr(reader, "notes", property(lambda gallery: [note]))
    message = "The cache below photos has been rebuilt."

    async def session() -> None:
        async with AsyncClient("http://a.test", transport=httpx2.ASGITransport(app)) as client:
            health = await client.health()
            assert health.ready
            assert health.pools["models"].held == 0
            assert (await client.gallery()).notes == (message,)
            assert message in (await client.search("red")).notes
            assert message in (await client.explain("red.png", "red")).notes

    asyncio.run(session())
