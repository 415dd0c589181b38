"""``--avoid`` and the scorer ``roles`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from tests.cli.runs import run_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an indexed folder of three images."""
    for name, colour in {"red": (220, 30, 30), "blue": (40, 80, 210), "green": (4, 160, 6)}.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
    st.index_folder(tmp_path, encoder=HashEncoder())
    return tmp_path


def test_avoid_is_repeatable_and_recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("search", folder, "a red thing", "--encoder", "test", "--json")
    run = run_here(monkeypatch, *words, "--avoid", "stripes", "--avoid", "a blue thing")
    assert run.code == 0
    data = json.loads(run.out)
    assert data["query"]["avoid"] == ["stripes", "a blue thing"]
    assert data["settings"]["forbidden_weight"] == st.SearchSettings().forbidden_weight
    plain = json.loads(run_here(monkeypatch, *words).out)
    scores = {hit["id"]: hit["score"] for hit in plain["hits"]}
    assert any(hit["score"] != scores[hit["id"]] for hit in data["hits"])


def test_an_explanation_shows_a_bar_for_each_role(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("explain", folder, "blue.png", "a red thing", "--avoid", "stripes")
    run = run_here(monkeypatch, *words, "--scorer", "roles", "--encoder", "test")
    assert run.code == 0
    for role in ("global", "desired", "forbidden"):
        assert any(line.strip().startswith(role) for line in run.out.splitlines())
    assert "stripes: " in run.out
    data = json.loads(run_here(monkeypatch, *words, "--encoder", "test", "--json").out)
    assert [each["role"] for each in data["hits"][0]["roles"]] == ["global", "forbidden"]


def test_what_the_text_asks_for_cannot_be_avoided(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_here(
        monkeypatch, "search", folder, "a red thing", "--encoder", "test", "--avoid", "red thing"
    )
    assert run.code == 2
    assert "is to be avoided, and the query asks for it" in run.err
