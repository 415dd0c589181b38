"""What ``stitch index`` and ``search`` say of large, damaged and unreadable images."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from tests.command import invoke

ENCODER = ("--encoder", "test")


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


def test_a_limit_on_pixels_is_raised_and_remembered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # limits far below the default, so that the test is quick
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    Image.new("RGB", (1000, 400), "red").save(folder / "large.png")
    refused = stitch("index", folder, "-q", "--max-megapixels", "0.2", *ENCODER)
    assert refused.exit_code == 7, refused.output
    assert "large.png: the file is too large: 400,000 pixels, allowed are 200,000" in " ".join(
        refused.stdout.split()
    )
    assert "--max-megapixels 1" in refused.stdout
    assert stitch("index", folder, "-q", "--max-megapixels", "0.4", *ENCODER).exit_code == 0
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    assert json.loads(stitch("info", folder, "--json").stdout)["max_pixels"] == 400_000
    result = stitch("search", folder, "-r", "large.png", "-k", 1, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["notes"] == []
    assert stitch("index", folder, "-q", "--max-megapixels", "0", *ENCODER).exit_code == 2


def test_a_budget_of_memory(folder: Path) -> None:
    Image.new("RGBA", (3000, 3000)).save(folder / "large.png")
    refused = stitch("index", folder, "-q", "--memory", 64, *ENCODER)
    assert refused.exit_code == 7, refused.output
    assert "allowed are 64 MB" in refused.stdout
    assert "--memory MB" in refused.stdout
    assert stitch("index", folder, "-q", "--memory", 100, *ENCODER).exit_code == 0
    little = stitch("index", folder, "-q", "--memory", 1, *ENCODER)
    assert (little.exit_code, "at least 64 MB" in little.stderr) == (2, True)


def test_notes_of_damaged_images_are_printed(folder: Path) -> None:
    stream = io.BytesIO()
    Image.effect_noise((200, 150), 60).convert("RGB").save(stream, "JPEG")
    content = stream.getvalue()
    (folder / "part.jpg").write_bytes(content[: len(content) * 3 // 4])
    done = stitch("index", folder, "-q", *ENCODER)
    assert done.exit_code == 0, done.output
    assert "note: part.jpg is damaged or cut short: about " in done.stdout
    answer = json.loads(stitch("search", folder, "-r", "part.jpg", "--json").stdout)
    assert "damaged or cut short" in answer["notes"][0]


def test_camera_raw_as_a_reference(folder: Path, tmp_path: Path) -> None:
    raw = tmp_path / "X.NEF"
    Image.new("RGB", (160, 120)).save(raw, "TIFF")
    (folder / "Y.ARW").write_bytes(b"II*\0" + b"\xff" * 90)
    done = stitch("index", folder, "-q", *ENCODER)
    assert (done.exit_code, "1 non-image file ignored" in done.stdout) == (0, True)
    refused = stitch("search", folder, "-r", raw)
    assert refused.exit_code == 4, refused.output
    assert "camera raw is not read. Export a JPEG" in " ".join(refused.stderr.split())
