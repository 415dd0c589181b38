from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

import stitch_cir as st
from stitch_cir import errors
from tests.command import invoke

ENCODER = ("--encoder", "test")


def stitch(*arguments: object) -> Result:
    return invoke(arguments)


@pytest.fixture
def indexed(folder: Path) -> Path:
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    return folder


def test_from_folder_to_answer(folder: Path, tmp_path: Path) -> None:
    first = stitch("index", folder, "-q", *ENCODER)
    assert first.exit_code == 0, first.output
    assert "8 images in the gallery: 8 added" in first.stdout
    again = stitch("index", folder, "-q", *ENCODER)
    assert "8 unchanged" in again.stdout
    sheet = tmp_path / "out/sheet.html"
    result = stitch(
        "search", folder, "in blue instead", "-r", folder / "red.png", "-k", 3, "--sheet", sheet
    )
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.strip().startswith("1 ")]
    assert "blue.png" in lines[0]
    assert "preset" not in result.stdout
    assert "<html" in sheet.read_text(encoding="utf-8")


def test_indexing_again_takes_the_encoder_of_the_gallery(indexed: Path, tmp_path: Path) -> None:
    again = stitch("index", indexed, "-q")
    assert again.exit_code == 0, again.output
    assert "8 unchanged" in again.stdout
    elsewhere = tmp_path / "gallery"
    assert stitch("index", indexed, "-g", elsewhere, "-q", *ENCODER).exit_code == 0
    assert "8 unchanged" in stitch("index", indexed, "-g", elsewhere, "-q").stdout


def test_a_search_reports_how_many_sets_were_scored(indexed: Path) -> None:
    ask = ("search", indexed, "blue", "-k", 2)
    assert "8 of 8 view sets scored exactly · " in stitch(*ask, "--details").stdout
    assert "scored exactly" not in stitch(*ask).stdout


def test_settings_are_shown_where_they_are_not_the_standard(indexed: Path) -> None:
    ask = ("search", indexed, "blue", "-k", 2)
    assert " · preset custom · " in stitch(*ask, "--alpha", 0.2).stdout
    assert " · preset public-code · " in stitch(*ask, "--preset", "public-code").stdout
    assert "preset" not in stitch(*ask, "--exclude", "red*").stdout


def test_json_everywhere(indexed: Path, tmp_path: Path) -> None:
    search = json.loads(stitch("search", indexed, "blue", "-k", 2, "--json").stdout)
    assert search["hits"][0]["id"] == "blue.png"
    composed = json.loads(stitch("compose", indexed, "in blue", "-r", "red.png", "--json").stdout)
    assert [each["text"] for each in composed["captions"]] == ["in blue", "a blue thing"]
    why = json.loads(stitch("explain", indexed, "blue.png", "blue", "--json").stdout)
    assert why["hits"][0]["rank"] == 1
    assert why["matches"]
    assert json.loads(stitch("info", indexed, "--json").stdout)["images"] == 8
    assert json.loads(stitch("verify", indexed, "--json").stdout)["problems"] == []
    assert json.loads(stitch("index", indexed, "--json", *ENCODER).stdout)["unchanged"] == 8


def test_indexing_reports_how_long_the_encoder_waited(folder: Path) -> None:
    answer = json.loads(stitch("index", folder, "--workers", 1, "--json", *ENCODER).stdout)
    assert answer["added"] == 8
    assert 0 < answer["encoding_seconds"] < answer["seconds"]
    assert 0 < answer["waiting_seconds"] < answer["seconds"]
    assert stitch("index", folder, "--workers", 0, *ENCODER).exit_code == 2


def test_where_sets_are_scored(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = json.loads(stitch("search", indexed, "blue", "--device", "auto", "--json").stdout)
    assert answer["settings"]["device"] == "cpu"
    refused = stitch("search", indexed, "blue", "--device", "cuda")
    assert refused.exit_code == 6
    assert "[torch]'" in refused.stderr
    assert stitch("search", indexed, "blue", "--device", "gpu").exit_code == 2


def test_compose_edit_and_feed_back(indexed: Path, tmp_path: Path) -> None:
    file = tmp_path / "compositions.jsonl"
    saved = stitch("compose", indexed, "in blue", "-r", "red.png", "--save", file)
    assert saved.exit_code == 0, saved.output
    assert "a blue thing" in saved.stdout
    again = json.loads(
        stitch(
            "search", indexed, "in blue", "-r", "red.png", "--recorded", file, "-k", 1, "--json"
        ).stdout
    )
    assert again["composition"]["composer"] == "recorded"
    edited = json.loads(
        stitch("search", indexed, "-c", "all green", "-c", "green again", "-k", 1, "--json").stdout
    )
    assert edited["hits"][0]["id"] == "green.png"
    assert edited["query"]["labels"] == ["all green", "green again"]


def test_explain_draws(indexed: Path, tmp_path: Path) -> None:
    file = tmp_path / "why.png"
    done = stitch("explain", indexed, "blue.png", "in blue", "-r", "red.png", "-o", file)
    assert done.exit_code == 0, done.output
    assert "Rank 1" in done.stdout
    with Image.open(file) as image:
        assert image.width > 900


def test_settings_reach_the_ranking(indexed: Path) -> None:
    data = json.loads(
        stitch(
            "search",
            indexed,
            "show me a blue wall",
            "-k",
            2,
            "--alpha",
            0,
            "--tau",
            0.05,
            "--scorer",
            "chamfer",
            "--transition",
            "none",
            "-K",
            2,
            "--include",
            "*.png",
            "--exclude",
            "pairs/*",
            "--json",
        ).stdout
    )
    chosen = data["settings"]
    assert (chosen["transition"], chosen["scorer"], chosen["rho"]) == ("none", "chamfer", 0.5)
    # α and τ were checked, and are of no use to these
    assert not {"alpha", "tau"} & set(chosen)
    assert chosen["preset"] == "custom"
    assert data["ranked"] == 6
    assert len(data["query"]["labels"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search", "{folder}"], 2, "nothing to search for"),
        (["search", "{folder}", "red", "--alpha", "1.5"], 2, "alpha"),
        (["search", "{folder}", "red", "--tau", "0"], 2, "tau"),
        (["search", "{folder}", "red", "--tau", "nan"], 2, "tau"),
        (["search", "{folder}", "red", "-r", "nowhere.jpg"], 3, "nowhere.jpg"),
        (["search", "{folder}/missing", "red"], 3, "stitch index"),
        (["search", "{folder}", "red", "-r", "{folder}/note.txt"], 4, "not"),
        (["search", "{folder}", "red", "--encoder", "mini"], 5, "--switch-when-done"),
        (["search", "{folder}", "red", "--encoder", "nope"], 2, "Encoders here"),
        (["search", "{folder}", "red", "--composer", "recorded"], 2, "--recorded"),
        (["search", "{folder}", "red", "--sheet", "{folder}/x.docx", "-k", "2"], 2, ".png"),
        (["explain", "{folder}", "nope", "red"], 3, "nope"),
        (["index", "{folder}/missing"], 3, "no folder"),
        (["index"], 2, "nothing to index"),
        (["index", "{folder}", "--views", "0", "--encoder", "test"], 2, "views"),
        (["info", "{folder}/missing"], 3, "no gallery"),
    ],
)
def test_a_usage_error_is_one_clear_message(
    indexed: Path, arguments: list[str], code: int, says: str
) -> None:
    (indexed / "note.txt").write_text("hello")
    done = stitch(*(argument.format(folder=indexed) for argument in arguments))
    assert done.exit_code == code, done.output
    assert says in done.output
    assert "Traceback" not in done.output
    assert done.stderr.startswith("error: ")


def test_an_error_as_json(indexed: Path) -> None:
    done = stitch("search", indexed, "--json")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]["type"] == "QueryError"


def test_skipped_files_are_reported_and_change_the_exit_code(folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff but no more")
    (folder / "empty.png").write_bytes(b"")
    done = stitch("index", folder, "-q", *ENCODER)
    assert done.exit_code == 7
    assert "skipped broken.jpg: " in done.output
    assert "skipped empty.png: " in done.output
    assert "8 added, 2 skipped" in done.output


@pytest.mark.parametrize("name", sorted({*errors.__all__} - {"StitchError"}))
def test_every_error_has_an_exit_code(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise getattr(errors, name)("what happened")

    monkeypatch.setattr(st.Gallery, "open", fail)
    failed = stitch("info", folder)
    assert failed.exit_code in range(2, 7)
    assert "what happened" in failed.stderr


def test_help_and_version_and_completion() -> None:
    assert "this image, but changed" in stitch("--help").stdout
    for command in ("index", "search", "compose", "explain", "serve", "info", "verify"):
        shown = stitch(command, "--help")
        assert shown.exit_code == 0
        assert "Exit codes" in shown.stdout
    assert stitch("--version").stdout.startswith("stitch ")
    assert "--install-completion" in stitch("--help").stdout


def test_less_like_and_weights_of_it(indexed: Path) -> None:
    result = stitch(
        "search",
        indexed,
        "red",
        "-k",
        3,
        "--negative",
        "red.png",
        "--negative-weight",
        0.2,
        "--json",
    )
    answer = json.loads(result.stdout)
    assert answer["query"]["negatives"] == ["red.png"]
    assert answer["settings"]["negative_weight"] == 0.2
    assert "red.png" not in [hit["id"] for hit in answer["hits"]]
    assert stitch("search", indexed, "red", "--negative", "nope").exit_code == 3
    assert stitch("search", indexed, "red", "--negative-weight", -1).exit_code == 2
    assert stitch("explain", indexed, "red.png", "red", "--negative", "red.png").exit_code == 3


def test_parts_of_an_explanation(indexed: Path, tmp_path: Path) -> None:
    sizes = set()
    for kind in ("all", "matches", "heatmap", "contributions"):
        file = tmp_path / f"{kind}.png"
        done = stitch(
            "explain",
            indexed,
            "blue.png",
            "in blue",
            "-r",
            "red.png",
            "-o",
            file,
            "--kind",
            kind,
        )
        assert done.exit_code == 0, done.output
        with Image.open(file) as drawn:
            sizes.add(drawn.size)
    assert len(sizes) == 4
    wrong = stitch("explain", indexed, "blue.png", "blue", "--kind", "nothing")
    assert wrong.exit_code == 2
    assert "contributions" in wrong.output


def test_serving_names_the_missing_extra(indexed: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    assert stitch("serve", tmp_path / "nothing").exit_code == 3
    token = stitch("serve", indexed, "--token-file", tmp_path / "no.token")
    assert token.exit_code == 3
    assert "openssl" in token.output
    assert stitch("serve", indexed, "--rate", -1).exit_code == 2
    assert stitch("serve", indexed, "--prompt", "x").exit_code == 2
    from importlib import util

    from stitch_cir import server

    for name in ("create_app", "serve"):  # the packages are looked for when these are first used
        monkeypatch.delitem(vars(server), name, raising=False)
    find_spec = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *a: None if name == "uvicorn" else find_spec(name, *a)
    )
    missing = stitch("serve", indexed)
    assert missing.exit_code == 2
    assert "[server]'" in missing.output


def test_the_real_process(indexed: Path) -> None:
    """As a user starts it: entry point, no terminal, odd names, an interrupt-safe exit code."""
    odd = os.fsencode(indexed) + b"/caf\xe9 \xf0\x9f\x91\x97.png"
    with open(odd, "wb") as stream:  # noqa: PTH123
        stream.write((indexed / "red.png").read_bytes())
    command = [sys.executable, "-m", "stitch_cir"]
    index = subprocess.run(
        [*command, "index", str(indexed), *ENCODER], capture_output=True, text=True, check=False
    )
    assert index.returncode == 0, index.stderr
    done = subprocess.run(
        [*command, "search", str(indexed), "red", "-k", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stderr
    assert "red.png" in done.stdout
