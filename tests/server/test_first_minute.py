"""What the page needs in its first minute: questions to begin with, and folders of this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_captions, index_folder
from stitch_cir.server import ServerSettings, create_app, file_manager

HOME = ("127.0.0.1", 50_000)
OBJECTS = {(220, 30, 30): "car", (40, 80, 210): "boat", (20, 160, 60): "tree"}


class Certain(HashEncoder):
    """Sees a car in red images, a boat in blue ones, and a tree in green ones."""

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        return [self._read(image) for image in images]

    def _read(self, image: Image.Image) -> tuple[Concept, ...]:
        paint = image.convert("RGB").getpixel((2, 2))
        name = OBJECTS[paint]  # type: ignore[index]
        colour = "red" if name == "car" else "green"
        return (Concept(name, "object", 0.9), Concept(colour, "colour", 0.9))


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, paint in enumerate(OBJECTS):
        Image.new("RGB", (32, 32), paint).save(folder / f"{number}.png")
    index_folder(folder, encoder=HashEncoder())
    return folder


def client_of(folder: Path, revealed: list[Path] | None, address: tuple[str, int]) -> TestClient:
    app = create_app(
        folder,
        encoder=Certain(),
        settings=ServerSettings(rate=0, cors=("http://shop.example",)),
        reveal=None if revealed is None else revealed.append,
    )
    return TestClient(app, client=address)


def test_examples_are_made_of_what_the_gallery_shows(painted: Path) -> None:
    with client_of(painted, None, HOME) as client:
        answer = client.get("/api/examples")
        assert answer.status_code == 200
        examples = [
            (each["reference"] and each["reference"]["id"], each["text"])
            for each in answer.json()["examples"]
        ]
        assert examples == [
            ("0.png", "in blue instead"),
            (None, "a green boat"),
            ("2.png", "a car instead"),
        ]
        assert client.get("/api/examples").json() == answer.json()


def test_examples_of_captions_are_words_alone(tmp_path: Path) -> None:
    texts = {"one": ["a red car"], "two": ["a long caption " * 9], "three": ["a dog"]}
    lines = tmp_path / "captions.jsonl"
    lines.write_text(
        "".join(json.dumps({"id": id, "captions": words}) + "\n" for id, words in texts.items())
    )
    index_captions(lines, tmp_path / "gallery", encoder=HashEncoder())
    with TestClient(create_app(tmp_path / "gallery", encoder=HashEncoder())) as client:
        examples = client.get("/api/examples").json()["examples"]
    assert examples
    assert all(each["reference"] is None for each in examples)
    assert {each["text"] for each in examples} <= {"a red car", "a dog"}


def test_a_file_is_shown_in_its_folder_for_somebody_at_this_machine(painted: Path) -> None:
    revealed: list[Path] = []
    with client_of(painted, revealed, HOME) as client:
        assert client.get("/api/gallery").json()["opens_folders"] is True
        assert client.post("/api/reveal", json={"id": "1.png"}).status_code == 204
        assert revealed == [painted / "1.png"]
        assert client.post("/api/reveal", json={"id": "../x.png"}).status_code == 404
        (painted / "1.png").unlink()
        assert client.post("/api/reveal", json={"id": "1.png"}).status_code == 410
    assert revealed == [painted / "1.png"]


@pytest.mark.parametrize("asker", ["another machine", "another site", "nobody"])
def test_folders_are_opened_for_nobody_else(painted: Path, asker: str) -> None:
    revealed: list[Path] = []
    address = ("192.0.2.7", 50_000) if asker == "another machine" else HOME
    with client_of(painted, None if asker == "nobody" else revealed, address) as client:
        headers = {"origin": "http://shop.example"} if asker == "another site" else {}
        answer = client.post("/api/reveal", json={"id": "1.png"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["type"] == "RevealError"
    assert revealed == []


def test_without_a_screen_there_is_no_file_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert file_manager() is None


def test_a_file_manager_shows_the_folder_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "xdg-open").write_text("#!/bin/sh\n")
    (tmp_path / "xdg-open").chmod(0o755)
    started: list[list[str]] = []
    monkeypatch.setattr("subprocess.Popen", lambda command, **_: started.append(command))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", str(tmp_path))
    show = file_manager()
    assert show is not None
    show(tmp_path / "some folder" / "image.png")
    assert started == [[str(tmp_path / "xdg-open"), str(tmp_path / "some folder")]]
