"""What a search prints: one line a hit with whole names, whatever they hold and however narrow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import set_cell_size

from tests.cli.test_cli import ENCODER, stitch

LONG = "a-folder-with-a-long-name/another-folder-with-a-long-name/an-image-with-a-long-name.png"
CAPTION = "a green ball, painted on a white ground with some shadow, as a child would on a day"


@pytest.fixture
def wordy(folder: Path, tmp_path: Path) -> Path:
    """A gallery with long names and long captions."""
    target = folder / LONG
    target.parent.mkdir(parents=True)
    target.write_bytes((folder / "green.png").read_bytes())
    captions = tmp_path / "captions.jsonl"
    lines = [{"id": name, "captions": [CAPTION]} for name in (LONG, "green.png", "red.png")]
    captions.write_text("\n".join(map(json.dumps, lines)))
    assert stitch("index", folder, "-q", "--captions", captions, *ENCODER).exit_code == 0
    return folder


def lines_of(output: str) -> dict[str, list[str]]:
    """Split the lines of a table into cells, by rank."""
    rows = [line.split() for line in output.splitlines()]
    return {row[0]: row for row in reversed(rows) if row and row[0].isdigit()}


@pytest.mark.parametrize("columns", ["0", "1", "40", "60", "80", "100", "160", "wide", ""])
def test_rank_score_and_name_are_whole(
    wordy: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    answer = json.loads(stitch("search", wordy, CAPTION, "--json").stdout)
    table = lines_of(stitch("search", wordy, CAPTION).stdout)
    assert LONG in {hit["id"] for hit in answer["hits"]}
    for hit in answer["hits"]:
        rank, score, id = table[str(hit["rank"])][:3]
        assert (rank, score, id) == (str(hit["rank"]), f"{hit['score']:.3f}", hit["id"])


def test_only_the_view_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = tmp_path / "captions.jsonl", tmp_path / "gallery"
    lines = [{"id": name, "captions": [CAPTION]} for name in (LONG, "green.png", "red.png")]
    file.write_text("\n".join(map(json.dumps, lines)))
    made = stitch("index", "--captions", file, "-g", folder, "-q", *ENCODER)
    assert made.exit_code == 0, made.output
    ask = ("search", folder, CAPTION)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert f"“{CAPTION}”" in stitch(*ask).stdout  # in a pipe nothing is
    monkeypatch.setenv("COLUMNS", "80")
    rows = [line for line in stitch(*ask).stdout.splitlines() if ".png" in line]
    short = [row for row in rows if LONG not in row]
    assert all(len(row) <= 80 for row in short)
    assert all(row.endswith("…") for row in short if "“a green" in row)
    (long,) = [row for row in rows if LONG in row]
    assert long.endswith(LONG)


def test_an_explanation_keeps_its_numbers(wordy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in ("1", "40", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        shown = stitch("explain", wordy, "green.png", CAPTION, "--details").stdout
        rows = [line for line in shown.splitlines() if line.lstrip()[:1].isdigit() and "%" in line]
        assert rows
        for row in rows:
            assert len(row.split()[:4]) == 4
            assert row.split()[0].endswith("%")


def test_columns_are_measured_as_a_terminal_shows_them(folder: Path) -> None:
    for name in ("赤い紙の上の絵です.png", "abcd.png"):
        (folder / name).write_bytes((folder / "red.png").read_bytes())
    stitch("index", folder, "-q", *ENCODER)
    shown = stitch("search", folder, "red", "-k", 20).stdout.splitlines()
    (start,) = {line.index("strongest view") for line in shown if "strongest view" in line}
    rows = [line for line in shown if ".png  " in line]
    assert len(rows) == 10
    for row in rows:
        assert set_cell_size(row, start).endswith("  ")
        assert not set_cell_size(row, start + 1).endswith(" ")


HOSTILE = (
    "x.png\nerror: the gallery was deleted.png",
    "tab\there.png",
    "bell\a.png",
    "esc\x1b[2J.png",
    "line\u2028break.png",
    "right\u202eto left.png",
    "carriage\rreturn.png",
    "next\x85line.png",
)


def test_every_output_has_one_line_per_file(folder: Path, tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        (folder / name).write_bytes((folder / "red.png").read_bytes())
        (folder / f"broken-{number}-{name}").write_bytes(b"")
    outputs = []
    for command in (
        ("index", folder, "-q", *ENCODER),
        ("index", folder, *ENCODER),
        ("search", folder, "red", "-k", 20),
        ("search", folder, "blue", "-r", HOSTILE[0], "--sheet", tmp_path / "a\nb" / "s.png"),
        ("explain", folder, HOSTILE[0], "red"),
        ("explain", folder, "no\nsuch.png", "red"),
        ("search", folder / "no\nfolder", "red"),
        ("verify", folder),
        ("info", folder),
    ):
        outputs.append(stitch(*command).output)
    whole = "".join(outputs)
    assert not {*"\t\a\x1b\u2028\u202e\r\x85"} & {*whole}
    assert "\nerror: the gallery was deleted" not in whole
    assert "x.png\\nerror: the gallery was deleted.png" in outputs[2]
    assert outputs[0].count("skipped broken-") == len(HOSTILE)
    assert len([line for line in outputs[2].splitlines() if ".png  " in line]) == 16


COPIED = {
    "at 3.04.05\u202fPM.png": "at 3.04.05\u202fPM.png",  # as macOS names screenshots
    "عکس\u200cها.png": "عکس\u200cها.png",
    "👨\u200d👩.png": "👨\u200d👩.png",
    "a\u00a0b\u3000c.png": "a\u00a0b\u3000c.png",
    "a\nb.png": "a\\nb.png",
    "\udce9.png": "\\xe9.png",
}
"""Names of files, and how they are printed."""


def test_names_can_be_copied(folder: Path) -> None:
    for name in COPIED:
        (folder / name).write_bytes((folder / "red.png").read_bytes())
    stitch("index", folder, "-q", *ENCODER)
    shown = stitch("search", folder, "red", "-k", 20).stdout
    assert [printed for printed in COPIED.values() if f" {printed} " not in shown] == []


def test_notes_are_printed_once(wordy: Path) -> None:
    result = stitch("search", wordy, "remove the red", "-k", 50)
    assert result.exit_code == 0
    assert result.stdout.count("note: k is 50, but only 9 images take part.") == 1
    assert result.stdout.count("to vanish: red") == 1
    assert "9 of 9 images, best first" in result.stdout


def test_notes_of_the_gallery_reach_every_answer(wordy: Path) -> None:
    def tear() -> None:
        for manifest in wordy.glob(".stitch/cache/*/manifest"):
            manifest.write_bytes(b"torn")

    assert stitch("search", wordy, "red").exit_code == 0
    for command in (("search", wordy, "red"), ("explain", wordy, "red.png", "red")):
        tear()
        assert "note: The cache was damaged and has been rebuilt." in stitch(*command).stdout
        tear()
        answer = json.loads(stitch(*command, "--json").stdout)
        assert "The cache was damaged and has been rebuilt." in answer["notes"]


@pytest.mark.parametrize(
    ("setting", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_obey_the_environment(
    wordy: Path,
    setting: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    shown = stitch("search", wordy, "red", "-k", 50)
    failed = stitch("search", wordy / "nothing", "red")
    assert ("\x1b[33m" in shown.stdout) == coloured
    assert ("\x1b[31m" in failed.stderr) == coloured
