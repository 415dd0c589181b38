"""The how-to pages of a photographer, command by command, on images that carry what they filter by."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.command import invoke

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = [
    (HOW_TO / name).read_text(encoding="utf-8")
    for name in ("photo-filters.md", "album.md", "export.md")
]
RATING = 0x4746


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of six images of two colours, with camera, date and rating."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        for name, colour in (("blue", (40, 80, 210)), ("red", (220, 30, 30))):
            image = Image.new("RGB", (60 + number, 40), colour)
            exif = Image.Exif()
            exif[0x0110] = "X100V"  # the camera's model
            exif[RATING] = 4
            exif.get_ifd(0x8769)[0x9003] = f"2024:0{7 + number}:01 10:00:00"
            image.save(folder / f"{name}-{number}.jpg", exif=exif)
    return folder


def test_every_command_of_the_session_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page, flags=re.S)]
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert len(commands) >= 12
    shown: dict[str, str] = {}
    for command in commands:
        arguments = shlex.split(command)[1:]
        extra = ["--encoder", "test"] if arguments[0] == "index" else []
        done = invoke([*arguments, *extra])
        assert done.exit_code == 0, f"{command}\n{done.output}"
        shown[command] = done.stdout
    (counted,) = (text for command, text in shown.items() if " count " in command)
    assert "X100V    6" in counted
    assert "2024" in counted
    (dated,) = (text for command, text in shown.items() if "taken >= 2024-06-01 and" in command)
    assert dated.index("blue-1.jpg") < dated.index("red-0.jpg")
    album = sorted(path.name for path in Path("best").iterdir())
    assert [name[:3] for name in album] == ["01-", "02-", "03-"]
    assert all("blue" in name for name in album)
    assert sorted(path.name for path in Path("linked").iterdir()) == album
    (paths,) = (text for command, text in shown.items() if "--format paths" in command)
    assert [Path(line).name for line in paths.splitlines()] == [name[3:] for name in album]
    with Path("blue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[0]["camera"], rows[0]["rating"]) == (6, "X100V", "4")
    assert len(Path("blue.jsonl").read_text(encoding="utf-8").splitlines()) == 6
    assert len(json.loads(Path("blue.json").read_bytes())["images"]) == 6
    assert len(json.loads(Path("manifest.json").read_bytes())["items"]) == 6
