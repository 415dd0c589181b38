"""Mistaken command lines: each gets an error that says what to write instead."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.test_cli import ENCODER, stitch


@pytest.fixture
def indexed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    monkeypatch.chdir(folder.parent)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (
            ["search", "photos", "in", "blue", "instead", "-r", "red.png"],
            2,
            "Put it in quotes: stitch search photos 'in blue instead' -r red.png",
        ),
        (
            ["search", "photos", "in blue", "photos/red.png", "-k", "2"],
            2,
            "Give it with -r: stitch search photos 'in blue' -r photos/red.png -k 2",
        ),
        (
            ["explain", "photos", "blue.png", "in", "blue"],
            2,
            "stitch explain photos blue.png 'in blue'",
        ),
        (
            ["search", "photos", "x", "-r", "a.png", "b.png", "c.png"],
            2,
            "Name one: stitch search photos -r a.png",
        ),
        (
            ["search", "photos", "“in", "blue", "instead”", "-r", "red.png"],
            2,
            "straight quotes: stitch search photos 'in blue instead' -r red.png",
        ),
        (["search", "photos", "in blue", "—sheet", "s.png"], 2, "hyphens: --sheet"),
        (["search", "photos", "in blue", "–k", "3"], 2, "hyphens: -k"),
        (["search", "photos", "in blue", "--sheet=~/s.html"], 2, "replaces ~ only at the start"),
        (["index", "~/photos"], 2, "replaces ~ only at the start"),
        (["index", 'my photos"'], 2, "Leave out the backslash"),
        (["search", "photos", "x", "-r", "https://example.org/a.jpg"], 3, "save the image"),
        (["search", "photos", "x", "-r", "photos"], 4, "photos"),
        (["photos", "in blue"], 2, "The command comes first: stitch search photos TEXT"),
        (["index", "photos", "--captions", "photos/rde.png"], 3, "Did you mean photos/red.png?"),
        (["compose", "photos", "--queries", "photos/rde.png"], 3, "photos/red.png?"),
        (["search", "photos", "x", "--recorded", "photos/rde.png"], 3, "photos/red.png?"),
        (["search", "photos", "-blue dress"], 2, "stitch search photos -- '-blue dress'"),
        (["search", "photos", "red", "--refrence", "x"], 2, "Did you mean --reference?"),
        (["search", "photos", "red", "--alpha", "0,5"], 2, "Write 0.5, with a point."),
        (["serch", "photos"], 2, "Did you mean 'search'"),
        (["search", "", "red"], 2, "GALLERY is empty"),
        (["index", ""], 2, "FOLDER is empty"),
        (["search", "photos", "red", "-r", ""], 2, "-r is empty"),
        (["search", "photos", "red", "--sheet", ""], 2, "--sheet is empty"),
        (["search", "photos", "", "-c", ""], 2, "no visible characters"),
        (["search", "photos", ""], 2, "nothing to search for"),
        (["search", "photos", os.fsdecode(b"caf\xe9")], 2, "no text in this locale"),
        (["search", "in blue", "photos"], 3, "as in photos 'in blue'"),
        (["search", "fotos", "red"], 3, "Did you mean photos?"),
        (["search", "red dress"], 3, "The gallery comes first: GALLERY 'red dress'"),
        (["index", "fotos"], 3, "Did you mean photos?"),
        (["info", "my photos"], 3, "stitch index 'my photos'"),
        (["search", "photos", "red", "--rerank", "3"], 2, "no model is named"),
        (["search", "photos", "red", "--composer", "verbatm"], 2, "Did you mean 'verbatim'"),
        (["search", "photos", "red", "-r", "red-blue.png"], 3, "'pairs/red-blue.png'"),
        (["prompts", "edit-2"], 3, "Did you mean 'edit-1'"),
    ],
)
def test_misspelled_commands_get_a_suggestion(
    indexed: Path, arguments: list[str], code: int, says: str
) -> None:
    done = stitch(*arguments)
    assert done.exit_code == code, done.output
    assert says in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == ""


def test_a_folder_with_a_space_goes_in_quotes(indexed: Path) -> None:
    indexed.rename(indexed.with_name("my photos"))
    for command in ("index", "info", "verify"):
        done = stitch(command, "my", "photos")
        assert done.exit_code == 2
        assert f"stitch {command} 'my photos'" in done.stderr


def test_a_text_behind_dashes_may_begin_with_one(indexed: Path) -> None:
    done = stitch("search", "photos", "-k", 1, "--", "-blue")
    assert done.exit_code == 0
    assert "blue.png" in done.stdout


def test_the_current_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "empty" / "below"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for folder in (".", ".."):
        done = stitch("info", folder)
        assert done.exit_code == 3
        assert f"There is no gallery at {Path(folder).resolve()}." in done.stderr


@pytest.mark.parametrize("address", ["x.lance", "s3://bucket/x.lance", "file:///mnt/x.lance"])
def test_a_dataset_in_place_of_a_gallery_is_said_to_be_one(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.lance" / "_versions").mkdir(parents=True)
    for words in (["search", address, "a dog"], ["info", address]):
        done = stitch(*words)
        assert done.exit_code == 3
        assert f"{address} is the address of a dataset, and no gallery." in done.stderr
        assert "stitch serve --cluster" in done.stderr


def test_usage_errors_as_json(indexed: Path) -> None:
    for arguments in (["search", "--json"], ["search", "photos", "red", "blue", "--json"]):
        done = stitch(*arguments)
        assert done.exit_code == 2
        assert json.loads(done.stderr)["error"]["type"] == "UsageError"
    assert stitch("search", "--", "--json", "a", "b").stderr.startswith("error: ")


def test_help_has_headings_and_names_defaults_once() -> None:
    shown = stitch("search", "--help").stdout
    order = ["Arguments:", "Options:", "Which images take part:", "A second opinion:"]
    positions = [shown.index(heading) for heading in order]
    assert positions == sorted(positions)
    common = shown[positions[1] : positions[2]]
    for option in ("--reference", "-k N", "--caption TEXT", "--sheet", "--open", "--json"):
        assert option in common
    assert "--tau" not in common
    assert "[default:" not in shown
    assert "<" not in shown.replace("<->", "")
    assert "[0]  [" not in shown


def test_rare_options_stand_below_headings() -> None:
    """The options that are not below a heading fit on one screen."""
    for command in (("search",), ("explain",), ("index",), ("serve",), ("compose",)):
        shown = stitch(*command, "--help").stdout
        common = shown[shown.index("Options:") :].split("\n\n")[0]
        assert len(common.splitlines()) <= 24, command


def test_no_description_is_cut() -> None:
    for command in ((), ("bench",), ("models",), ("answers",)):
        shown = stitch(*command, "--help").stdout
        assert "..." not in shown.replace("[ARGS]...", "").replace("FILE...", "")
    assert "submit, report." in stitch("--help").stdout.replace("\n           ", " ")


def test_without_arguments_help_is_shown() -> None:
    done = stitch()
    assert done.exit_code == 2
    assert "Commands:" in done.output
    assert "error" not in done.output


def test_completion_scripts_are_written() -> None:
    import subprocess
    import sys

    start = "import sys; sys.argv = ['stitch']; from stitch_cir.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start],
        env={**os.environ, "_STITCH_COMPLETE": "source_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout
