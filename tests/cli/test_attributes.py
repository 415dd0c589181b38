"""``stitch attributes`` and ``stitch index --attributes``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import stitch_cir as st
from tests.cli.test_gallery_commands import ENCODER, stitch


@pytest.fixture
def indexed(folder: Path, tmp_path: Path) -> Path:
    file = tmp_path / "first.csv"
    file.write_text("id,price,brand\nred.png,5,Acme\nblue.png,25.5,Bolt\n")
    done = stitch("index", folder, "-q", "--no-metadata", "--attributes", file, *ENCODER)
    assert done.exit_code == 0, done.output
    assert "2 with attributes from the file" in done.stdout
    return folder


def test_set_show_count_drop(indexed: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.tsv"
    file.write_text("id\tnew\ttags:list\nred.png\ttrue\tx|y\n")
    done = stitch("attributes", "set", indexed, file)
    assert done.exit_code == 0, done.output
    assert done.stdout == "3 values set for 1 item: new (boolean), tags (list).\n"
    assert stitch("attributes", "show", indexed, "RED.PNG").stdout.splitlines() == [
        "price  5",
        "brand  Acme",
        "new    yes",
        "tags   x · y",
    ]
    assert "price  number, 2 items" in stitch("attributes", "show", indexed).stdout
    lines = [" ".join(line.split()) for line in stitch("info", indexed).stdout.splitlines()]
    assert (
        "attributes price (number, 2) · brand (text, 2) · new (boolean, 1) · tags (list, 1)"
        in lines
    )
    counted = stitch("attributes", "count", indexed, "brand", "price:0,10", "--where", "price > 1")
    assert counted.stdout.splitlines() == [
        "brand, of 2 images",
        "  Acme     1",
        "  Bolt     1",
        "  without  0",
        "price, of 2 images",
        "  below 0      0",
        "  0 to 10      1",
        "  10 and more  1",
        "  without      0",
    ]
    data = json.loads(stitch("attributes", "count", indexed, "brand", "--json").stdout)
    assert data[0]["counts"][0] == {"value": "Acme", "count": 1, "where": "brand = 'Acme'"}
    assert (data[0]["total"], data[0]["missing"]) == (8, 6)
    assert "2 items had it" in stitch("attributes", "drop", indexed, "price").stdout
    left = json.loads(stitch("attributes", "show", indexed, "red.png", "--json").stdout)
    assert left == {
        "id": "red.png",
        "attributes": {"brand": "Acme", "new": True, "tags": ["x", "y"]},
    }


def test_errors_of_the_back_end(indexed: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('id,price\nred.png,"12,50 €"\n')
    refused = stitch("attributes", "set", indexed, file)
    assert refused.exit_code == 2
    assert "x.csv:2: price is '12,50 €', which is not a number" in refused.stderr
    file.write_text("id,price\nred.png,1\nnowhere.png,1\n")
    partly = stitch("attributes", "set", indexed, file)
    assert partly.exit_code == 7
    assert "not in the gallery: nowhere.png" in partly.stdout
    assert stitch("attributes", "set", indexed, tmp_path / "no.csv").exit_code == 3
    assert stitch("attributes", "show", indexed, "nowhere.png").exit_code == 3
    assert stitch("attributes", "drop", indexed, "prize").exit_code == 3
    unknown = stitch("attributes", "count", indexed, "prize")
    assert unknown.exit_code == 2
    assert "Did you mean 'price'?" in unknown.stderr
    wrong = stitch("attributes", "count", indexed, "price", "--where", "price < ")
    assert wrong.exit_code == 2
    assert "The condition ends" in wrong.stderr


def test_pages_of_a_search(indexed: Path) -> None:
    query = ("search", indexed, "in blue", "-r", "red.png")
    whole = json.loads(stitch(*query, "-k", 9, "--json").stdout)
    assert (whole["total"], whole["next_cursor"]) == (7, None)
    first = stitch(*query, "-k", 3)
    assert "3 of 7 images, best first (more: --offset 3)" in first.stdout
    second = stitch(*query, "-k", 3, "--offset", 3)
    assert "4 to 6 of 7 images, best first (more: --offset 6)" in second.stdout
    cursor = json.loads(stitch(*query, "-k", 3, "--json").stdout)["next_cursor"]
    page = json.loads(stitch(*query, "-k", 9, "--cursor", cursor, "--json").stdout)
    assert page["hits"] == whole["hits"][3:]
    with st.Gallery.open(indexed) as gallery:
        gallery.set_attributes({"white.png": {"brand": "Bolt"}})
    grouped = stitch(*query, "-k", 1, "--group-by", "brand").stdout
    assert "1 of 6 groups among 7 images, best first (more: --offset 1)" in grouped
    assert "There are no hits after the first 7." in stitch(*query, "--offset", 70).stdout
    for wrong, message in (
        (("--cursor", "x" + cursor[1:]), "none that a search returned"),
        (("--cursor", cursor, "--alpha", "0.9"), "of another query"),
        (("--offset", "-2"), "The offset is -2"),
        (("--offset", "2", "--shortlist", "3"), "no further pages"),
    ):
        refused = stitch(*query, *wrong)
        assert (refused.exit_code, message in refused.stderr) == (2, True), refused.output


def test_a_cut_off_is_said_and_marked(indexed: Path) -> None:
    query = ("search", indexed, "in blue", "-r", "red.png")
    kept = stitch(*query, "--strictness", "0.4")
    data = json.loads(stitch(*query, "--strictness", "0.4", "--json").stdout)
    above = data["cutoff"]["above"]
    assert 0 < above == len(data["hits"]) < 7
    assert f"above the cut-off of {data['cutoff']['score']:.3f}, which 1 in 2 random" in kept.stdout
    marked = stitch(*query, "--strictness", "0.4", "--below-cutoff").stdout.splitlines()
    table = marked[next(n for n, line in enumerate(marked) if line.startswith("#")) + 1 :]
    assert "— cut-off —" in table[above]
    nothing = stitch("search", indexed, "zzyzx", "--strictness", "0.0001", "--where", "price > 1")
    assert nothing.exit_code == 0
    lines = nothing.stdout.splitlines()
    said = next(n for n, line in enumerate(lines) if line.startswith("Nothing like that here: no"))
    assert lines[said + 1].startswith("  Say in a few words")
    assert "  Search without the filters: 6 images were left out." in lines
    assert any(line.startswith("no hit among 2 images") for line in lines)
    refused = stitch(*query, "--strictness", "2")
    assert (refused.exit_code, "between 0.0001 and 0.5" in refused.stderr) == (2, True)
