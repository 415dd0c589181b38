"""What commands write: checked first, whole, never over an image, and said."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.cli import _files
from stitch_cir.errors import SettingError
from tests.cli.test_cli import ENCODER, stitch


@pytest.fixture
def indexed(folder: Path) -> Path:
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    return folder


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)  # type: ignore[func-returns-value]
    return addresses


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "html"])
def test_a_sheet_is_written_and_reported(indexed: Path, tmp_path: Path, ending: str) -> None:
    sheet = tmp_path / "new" / "folder" / f"s.{ending}"
    done = stitch("search", indexed, "red", "-k", 8, "--sheet", sheet)
    assert done.exit_code == 0, done.output
    assert f"made the folder {sheet.parent}\n" in done.stderr
    assert f"wrote {sheet}, 8 hits\n" in done.stderr
    again = stitch("search", indexed, "red", "-k", 1, "--sheet", sheet, "--json")
    assert json.loads(again.stdout)["hits"]
    assert again.stderr == f"wrote {sheet}, 1 hit\n"
    assert [each.name for each in sheet.parent.iterdir()] == [sheet.name]
    if ending != "html":
        with Image.open(sheet) as drawn:
            drawn.load()


def test_written_images_and_compositions_are_reported(indexed: Path, tmp_path: Path) -> None:
    why, saved = tmp_path / "why.png", tmp_path / "made.jsonl"
    ask = (indexed, "in blue", "-r", "red.png")
    drawn = stitch("explain", indexed, "blue.png", *ask[1:], "-o", why)
    assert f"wrote {why}\n" in drawn.stderr
    assert (
        f"appended to {saved}: 1 composition\n" in stitch("compose", *ask, "--save", saved).stderr
    )
    queries = tmp_path / "queries.jsonl"
    queries.write_text(json.dumps({"reference": "red.png", "modification": "in blue"}))
    several = stitch("compose", indexed, "--queries", queries, "--save", saved)
    assert f"wrote {saved}, 1 compositions\n" in several.stderr
    assert "note (1 of 1): 2 captions, not 5" in several.stdout


def test_what_is_drawn_into_the_gallery_is_noted(indexed: Path, tmp_path: Path) -> None:
    inside = stitch("search", indexed, "red", "--sheet", indexed / "s.png")
    assert "the next stitch index takes it for one of its images" in inside.stderr
    page = stitch("search", indexed, "red", "--sheet", indexed / "s.html")
    assert "takes it" not in page.stderr


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("s.pdf", "Name the file .html, .png, .jpg or .webp."),
        ("folder", "is a folder"),
        ("folder.png", "is a folder"),
        ("file/s.png", "is a file, not a folder"),
    ],
)
def test_a_sheet_that_cannot_be_written_is_refused_before_the_search(
    indexed: Path, tmp_path: Path, name: str, says: str
) -> None:
    for folder in ("folder", "folder.png"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").write_text("x")
    # the reference does not exist: only a search would notice that
    done = stitch("search", indexed, "red", "-r", "nothing", "--sheet", tmp_path / name)
    assert done.exit_code == 2
    assert says in done.output


def test_no_image_is_written_over(indexed: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes((indexed / "red.png").read_bytes())
    (tmp_path / "link.png").symlink_to(indexed / "green.png")
    before = {each: each.read_bytes() for each in (*indexed.glob("*.png"), outside)}
    for target in (indexed / "green.png", outside, tmp_path / "link.png"):
        for command in (
            ("search", indexed, "in blue", "-r", outside, "--sheet", target),
            ("explain", indexed, "blue.png", "in blue", "-r", outside, "-o", target),
        ):
            done = stitch(*command)
            assert done.exit_code == 2, done.output
            assert "would be overwritten" in done.stderr
    assert {each: each.read_bytes() for each in before} == before


def test_no_input_is_written_over(indexed: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.jsonl"
    queries.write_text(json.dumps({"reference": "red.png", "modification": "in blue"}))
    before = queries.read_bytes()
    done = stitch("compose", indexed, "--queries", queries, "--save", tmp_path / "." / queries.name)
    assert done.exit_code == 2
    assert "would be overwritten" in done.stderr
    assert queries.read_bytes() == before
    made = tmp_path / "new" / "made.jsonl"
    saved = stitch("compose", indexed, "in blue", "-r", "red.png", "--save", made)
    assert saved.exit_code == 0, saved.output
    assert f"made the folder {made.parent}\n" in saved.stderr
    assert stitch("convert", made, made).exit_code == 2


def test_nothing_is_appended_to_an_image(indexed: Path) -> None:
    before = (indexed / "green.png").read_bytes()
    done = stitch("compose", indexed, "in blue", "-r", "red.png", "--save", indexed / "green.png")
    assert done.exit_code == 2
    assert (indexed / "green.png").read_bytes() == before


def test_the_answers_of_models_are_not_exported_onto_themselves(tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    assert stitch("answers", "info", "--cache", cache).exit_code == 0
    done = stitch("answers", "export", cache, "--cache", cache)
    assert done.exit_code == 2
    assert "would be overwritten" in done.stderr
    assert cache.read_bytes().startswith(b"SQLite format 3")


def test_a_write_that_fails_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "s.html"
    target.write_text("older")
    whole = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        whole(self, content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SettingError, match="No space left"):
        _files.save_text(target, "newer and longer")
    monkeypatch.undo()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["older"]


def test_an_image_too_large_for_its_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"cannot hold 20000 × 1 pixels"):
        _files.save_image(tmp_path / "wide.webp", Image.new("RGB", (20000, 1)))


def test_links_and_pipes_are_written_through(tmp_path: Path) -> None:
    real = tmp_path / "real.html"
    real.write_text("older")
    link = tmp_path / "link.html"
    link.symlink_to(real)
    _files.save_text(link, "newer")
    assert link.is_symlink()
    assert real.read_text() == "newer"
    _files.save_text(Path("/dev/null"), "nothing")
    assert not Path("/dev/null").is_file()


def test_open_shows_what_was_written(indexed: Path, tmp_path: Path, shown: list[str]) -> None:
    sheet = tmp_path / "a sheet.html"
    assert stitch("search", indexed, "red", "--sheet", sheet, "--open").exit_code == 0
    assert shown == [sheet.as_uri()]
    done = stitch("explain", indexed, "blue.png", "blue", "-o", tmp_path / "why.png", "--open")
    assert done.exit_code == 0
    assert shown[1] == (tmp_path / "why.png").as_uri()


def test_open_alone_writes_a_temporary_file(
    indexed: Path, tmp_path: Path, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert stitch("search", indexed, "red", "--open").exit_code == 0
    done = stitch("explain", indexed, "blue.png", "blue", "--open", "--kind", "heatmap")
    assert done.exit_code == 0
    sheet, why = (Path(url.removeprefix("file://")) for url in shown)
    assert "<html" in sheet.read_text(encoding="utf-8")
    with Image.open(why) as drawn:
        assert drawn.width > 100


def test_where_nothing_can_show_it_the_file_is_named(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    sheet = tmp_path / "s.html"
    done = stitch("search", indexed, "red", "--sheet", sheet, "--open")
    assert done.exit_code == 0
    assert f"open {sheet} yourself" in done.stderr


def test_a_kind_without_an_image_is_noted(indexed: Path) -> None:
    done = stitch("explain", indexed, "blue.png", "blue", "--kind", "heatmap")
    assert done.exit_code == 0
    assert "add -o FILE or --open" in done.stderr
