"""What becomes of hits: albums, paths for pipes, exports; and queries of several references."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from tests.cli.runs import run_here
from tests.cli.test_gallery_commands import ENCODER, stitch


@pytest.fixture
def indexed(folder: Path) -> Path:
    done = stitch("index", folder, "-q", *ENCODER)
    assert done.exit_code == 0, done.output
    return folder


def test_an_album_is_copied_and_goes_on(indexed: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    done = stitch("search", indexed, "blue", "-k", 2, "--copy-to", album)
    assert done.exit_code == 0, done.output
    assert f"2 images copied to {album}" in done.stderr
    assert (album / "01-blue.png").is_file()
    again = stitch("search", indexed, "blue", "-k", 2, "--copy-to", album, "--json")
    report = json.loads(again.stdout)["album"]
    assert (report["added"], len(report["present"]), report["missing"]) == ([], 2, [])
    refused = stitch("search", indexed, "red", "-k", 2, "--link-to", album)
    assert refused.exit_code == 2
    assert "holds another album" in refused.stderr
    linked = stitch("search", indexed, "red", "-k", 2, "--link-to", indexed / "best")
    assert (indexed / "best" / "01-red.png").samefile(indexed / "red.png")
    assert "inside the gallery's folder" in linked.stderr


def test_hits_whose_file_is_gone_are_listed(indexed: Path, tmp_path: Path) -> None:
    (indexed / "blue.png").unlink()
    done = stitch("search", indexed, "blue", "-k", 2, "--copy-to", tmp_path / "album")
    assert done.exit_code == 7
    assert "left out blue.png: there is no file" in done.stderr
    assert "1 image copied" in done.stderr


def test_paths_are_for_pipes(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run_here(monkeypatch, "search", indexed, "blue", "-k", 2, "--format", "paths")
    assert lines.code == 0
    assert lines.out.splitlines()[0] == str(indexed / "blue.png")
    assert len(lines.out.splitlines()) == 2
    ended = run_here(monkeypatch, "search", indexed, "blue", "-k", 2, "--format", "paths", "-0")
    assert ended.out.split("\0") == [*lines.out.splitlines(), ""]


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be")
def test_a_name_with_a_line_break_needs_nul(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (indexed / "blue.png").rename(indexed / "blue\nsky.png")
    stitch("index", indexed, "-q", *ENCODER)
    lines = run_here(monkeypatch, "search", indexed, "blue", "-k", 1, "--format", "paths")
    assert "line break in its name: use --null" in lines.err
    ended = run_here(monkeypatch, "search", indexed, "blue", "-k", 1, "--format", "paths", "-0")
    assert ended.out == f"{indexed}/blue\nsky.png\0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--copy-to", "a", "--link-to", "b"], "exclude each other"),
        (["--format", "csv"], "stitch export"),
        (["--format", "paths", "--json"], "prints paths alone"),
        (["--format", "paths", "--facet", "brand"], "prints paths alone"),
        (["--null"], "Add --format paths"),
    ],
)
def test_options_that_exclude_each_other_are_refused(
    indexed: Path, options: list[str], message: str
) -> None:
    refused = stitch("search", indexed, "blue", *options)
    assert refused.exit_code == 2
    assert message in refused.stderr


def test_a_search_and_its_saved_results_are_exported_alike(indexed: Path, tmp_path: Path) -> None:
    query = (indexed, "in blue", "-r", "red.png", "-k", 3)
    saved = tmp_path / "results.json"
    saved.write_text(stitch("search", *query, "--json").stdout)
    for name, extra in (("a.csv", ()), ("b.jsonl", ()), ("c.json", ("--format", "coco"))):
        done = stitch("export", *query, "-o", tmp_path / name, *extra)
        assert done.exit_code == 0, done.output
        assert f"wrote {tmp_path / name}, 3 hits" in done.stderr
        again = stitch("export", "--results", saved, "-o", tmp_path / f"2{name}", *extra)
        assert again.exit_code == 0, again.output
        assert (tmp_path / name).read_bytes() == (tmp_path / f"2{name}").read_bytes()


def test_an_export_goes_to_stdout_alone(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_here(monkeypatch, "export", indexed, "blue", "-k", 2)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert rows[0]["region_caption"] == "blue"
    manifest = run_here(monkeypatch, "export", indexed, "blue", "-k", 2, "--format", "iiif")
    assert json.loads(manifest.out)["type"] == "Manifest"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["export"], 2, "nothing to export"),
        (["export", "{folder}", "--results", "{folder}/r.json"], 2, "a gallery is named as well"),
        (["export", "--results", "{folder}/none.json"], 3, "cannot be read"),
        (["export", "--results", "{folder}/red.png"], 2, "no JSON"),
        (["export", "{folder}", "blue", "-o", "{folder}/x.json"], 2, "COCO or IIIF"),
        (["export", "{folder}", "blue", "--format", "xml"], 2, "Formats: csv"),
        (["export", "{folder}", "blue", "-o", "{folder}/red.png"], 2, "would be overwritten"),
        (["export", "{folder}", "blue", "--format", "iiif", "--server", "x"], 2, "addresses"),
        (["export", "{folder}", "-k", "3"], 2, "nothing to search for"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    indexed: Path, arguments: list[str], code: int, message: str
) -> None:
    refused = stitch(*(each.replace("{folder}", str(indexed)) for each in arguments))
    assert refused.exit_code == code
    assert message in refused.stderr


def test_several_references_and_turns_on_the_command_line(indexed: Path, tmp_path: Path) -> None:
    words = "the first in the colour of the second"
    references = ("-r", "green.png", "-r", indexed / "red.png")
    weights = ("--reference-weight", 3, "--reference-weight", 1)
    done = stitch("search", indexed, words, *references, *weights, "-k", 3, "--json")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert [each["share"] for each in data["query"]["references"]] == [0.75, 0.25]
    assert any("read as a request about reference 1: in red" in note for note in data["notes"])
    turned = stitch("search", indexed, "with a belt", "--turn", "red", "-r", "green.png", "--json")
    assert json.loads(turned.stdout)["composition"]["modification"] == "red, with a belt"
    sheet = tmp_path / "sheet.html"
    stitch("search", indexed, words, *references, "-k", 2, "--sheet", sheet)
    assert "green.png, " in sheet.read_text()
    composed = stitch("compose", indexed, words, *references, "--json")
    assert json.loads(composed.stdout)["modification"] == words
    why = stitch("explain", indexed, "blue.png", words, *references, "-o", tmp_path / "why.png")
    assert why.exit_code == 0, why.output


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-r", "red.png", "--reference-weight", "1", "--reference-weight", "2"], 2, "2 weights"),
        (["-r", "red.png", "--reference-weight", "0"], 2, "above 0"),
        (["-r", "red.png", "--reference-weight", "nan"], 2, "above 0"),
        (["-r", "red.png", "-r", "nowhere.png"], 3, "nowhere.png"),
        (["-r", "red.png"] * 50, 2, "at most 16"),
    ],
)
def test_references_that_cannot_be_used_are_refused(
    indexed: Path, options: list[str], code: int, message: str
) -> None:
    refused = stitch("search", indexed, "in blue", *options)
    assert refused.exit_code == code
    assert message in refused.stderr


def test_a_file_of_queries_may_have_several_references_and_turns(
    indexed: Path, tmp_path: Path
) -> None:
    queries, saved = tmp_path / "queries.jsonl", tmp_path / "saved.jsonl"
    query = {"references": ["green.png", "red.png"], "modification": "the first like the second"}
    queries.write_text(json.dumps(query) + '\n{"reference": null, "text": "b", "turns": ["a"]}\n')
    done = stitch("compose", indexed, "--queries", queries, "--save", saved, "-q")
    assert done.exit_code == 0, done.output
    first, second = map(json.loads, saved.read_text().splitlines())
    assert first["reference"] == "green.png + red.png"
    assert second["modification"] == "a, b"
    queries.write_text('{"reference": "a", "references": ["b"], "text": "c"}\n')
    refused = stitch("compose", indexed, "--queries", queries)
    assert (refused.exit_code, "exclude each other" in refused.stderr) == (2, True)
