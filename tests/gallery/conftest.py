"""Folders of small images, and encoders that count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gallery.fakes import FakeEncoder, noise_image


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def other_encoder() -> FakeEncoder:
    return FakeEncoder("other", "0" * 64)


@pytest.fixture
def paint() -> Callable[..., Path]:
    """Save the image of a seed under a path (folders are made); give the path."""

    def save(path: Path, seed: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image(seed, size).save(path)
        return path

    return save


@pytest.fixture
def folder(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Five different images in three folders."""
    root = tmp_path / "photos"
    for seed, name in enumerate(("a.png", "b.png", "sub/c.png", "sub/d.jpg", "sub/deep/e.webp")):
        paint(root / name, seed)
    return root
