"""One line, once a gallery, that its encoder is a stand-in."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.encoders import HashEncoder, MiniEncoder, StandIn, catalogue
from stitch_cir.gallery import _encoder_hint, encoder_hint
from tests.command import invoke

network_is_likely = _encoder_hint.network_is_likely


class StandInEncoder(HashEncoder):
    """The encoder for tests, as a stand-in."""

    stand_in_for = "ViT-B-32"
    strengths = "colours"


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_encoder_hint, "network_is_likely", lambda: True)
    monkeypatch.setattr(_encoder_hint, "usable_cores", lambda: 2)


def test_mini_stands_in_for_a_model_of_the_catalogue() -> None:
    encoder = MiniEncoder()
    assert isinstance(encoder, StandIn)
    assert encoder.stand_in_for in catalogue()
    assert not isinstance(HashEncoder(), StandIn)


def test_the_line_has_the_command_its_size_and_time_and_comes_once(tmp_path: Path) -> None:
    hint = encoder_hint(tmp_path, StandInEncoder(), 960, "photos")
    assert hint == (
        "test is a stand-in, good at colours; CLIP finds far more: stitch models pull ViT-B-32 && "
        "stitch index photos --encoder ViT-B-32 --switch-when-done (605 MB to fetch once, then "
        "about 10 min for 960 images here; the gallery answers meanwhile)."
    )
    assert encoder_hint(tmp_path, StandInEncoder(), 960, "photos") is None


def test_a_model_that_is_here_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_encoder_hint, "is_installed", lambda name: True)
    monkeypatch.setattr(_encoder_hint, "network_is_likely", lambda: False)
    hint = encoder_hint(tmp_path, StandInEncoder(), 5)
    assert hint is not None
    assert "pull" not in hint
    assert "stitch index FOLDER --encoder ViT-B-32 --switch-when-done (about 1 min" in hint


def test_without_a_network_nothing_is_printed_or_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_encoder_hint, "network_is_likely", lambda: False)
    assert encoder_hint(tmp_path, StandInEncoder(), 5) is None
    assert not (tmp_path / _encoder_hint.MARK).exists()


def test_a_hint_that_cannot_be_remembered_is_not_printed(tmp_path: Path) -> None:
    assert encoder_hint(tmp_path / "gone", StandInEncoder(), 5) is None
    assert encoder_hint(tmp_path, StandInEncoder(), 0) is None
    assert encoder_hint(tmp_path, HashEncoder(), 5) is None
    assert not (tmp_path / _encoder_hint.MARK).exists()


def test_whether_there_is_a_network_is_learned_without_sending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_HUB_OFFLINE", "STITCH_MODEL_HUB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_encoder_hint, "getproxies", dict)
    made: list[tuple[Any, ...]] = []

    class Probe:
        """Neither sends nor resolves: only ``connect`` of a datagram socket may be called."""

        def __init__(self, *kind: Any) -> None:
            made.append(kind)

        def __enter__(self) -> Probe:
            return self

        def __exit__(self, *exception: object) -> None:
            return None

        def connect(self, address: tuple[str, int]) -> None:
            assert address[0].startswith("192.0.2.")
            if len(made) > 1:
                raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "socket", Probe)
    assert network_is_likely()
    assert made == [(socket.AF_INET, socket.SOCK_DGRAM)]
    assert not network_is_likely()
    monkeypatch.setenv("STITCH_MODEL_HUB", "http://hub.example")
    assert network_is_likely()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not network_is_likely()


def test_the_command_prints_it_once_and_never_in_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my photos"
    folder.mkdir()
    Image.new("RGB", (40, 40), "red").save(folder / "red.png")
    monkeypatch.setattr("stitch_cir.encoders.load_encoder", lambda *_, **__: StandInEncoder())
    index = ["index", str(folder)]
    data = invoke([*index, "--json"])
    assert "hint" not in json.loads(data.stdout)
    assert "stand-in" not in data.output
    assert "stand-in" not in invoke([*index, "-q"]).output
    first = invoke(index)
    assert f"stitch index '{folder}' --encoder ViT-B-32 --switch-when-done" in first.output
    assert "stand-in" not in invoke(index).output
    elsewhere = invoke([*index, "-g", str(tmp_path / "g")])
    assert f"'{folder}' -g {tmp_path / 'g'} --encoder" in elsewhere.output
