"""``stitch cluster`` where its extra is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stitch_cir.gallery import Gallery
from tests.command import invoke


def test_without_pylance_the_error_says_what_to_install(
    gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lance", None)
    for words in (["export", gallery.directory, tmp_path / "d"], ["log", tmp_path / "d"]):
        done = invoke(["cluster", *words])
        assert done.exit_code == 6
        assert "pylance, which is not installed" in done.stderr
        assert "[cluster]" in done.stderr
    assert not (tmp_path / "d").exists()


def test_a_token_for_writing_is_refused_beside_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 32)
    done = invoke(
        ["serve", "photos.lance", "--cluster", "auto", "--token-file", tmp_path / "token"]
    )
    assert done.exit_code == 2
    assert "no server writes the dataset that a cluster searches" in done.stderr
