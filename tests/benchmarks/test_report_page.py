"""The page of a report: every query with its images or captions, every name as plain text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import stitch_cir.benchmarks
from stitch_cir.benchmarks import read_run
from stitch_cir.benchmarks.report import _formats, _thumbs, write_report
from stitch_cir.datasets import Benchmark, load_benchmark
from tests.benchmarks import layouts
from tests.benchmarks.runs import HOSTILE, browser, make_run, paint, rows

TEMPLATE = Path(stitch_cir.benchmarks.__path__[0]) / "report/templates/page.js"


def test_the_page_shows_query_composition_hits_and_targets(
    run: Path, tmp_path: Path, circo: Benchmark
) -> None:
    out = tmp_path / "out"
    report = write_report([run], out)
    index, gallery, entries = browser(out, "circo-val")
    assert report.queries == 2
    assert [row[0] for row in index["queries"]] == ["0", "1"]
    assert [variant["key"] for variant in index["variants"]][:3] == [
        "main",
        "image-only",
        "text-only",
    ]
    kept = read_run(run)
    for (id, text, kinds, ranks), entry in zip(index["queries"], entries, strict=True):
        _, query = circo.queries[id]
        assert text == query.text
        assert [index["kinds"][kind] for kind in kinds] == list(query.kinds)
        assert gallery[entry["reference"]][0] == query.reference
        assert [gallery[answer][0] for answer in entry["answers"]] == list(query.answers)
        assert entry["composed"][0]["captions"][1] == [HOSTILE, 0.5, "verbatim:joined"]
        assert entry["composed"][0]["notes"] == ["object unknown"]
        for number, variant in enumerate(index["variants"]):
            top = kept.heads(variant["key"])[id]
            assert ranks[number] == top.rank
            shown = [(gallery[image][0], score) for image, score in entry["tops"][number]]
            assert [name for name, _ in shown] == [name for name, _ in top.hits]
            best = min(rank for rank in entry["places"][number] if rank)
            assert best == top.rank
    for _, thumb, problem, _ in gallery:
        assert problem == ""
        with Image.open(out / "thumbs" / thumb) as image:
            assert (image.format, max(image.size)) == ("JPEG", 60)


def test_a_number_below_zero_has_a_minus_and_no_hyphen() -> None:
    assert _formats.percent(-4.304) == "−4.30"
    assert _formats.percent(-0.004) == "0.00"
    assert _formats.number(-1.5) == "−1.5"
    assert _formats.number(1e-05) == "1e-05"
    assert _formats.number("conditional-2") == "conditional-2"
    assert 'toFixed(3).replace("-", "−")' in TEMPLATE.read_text("utf-8")


def test_missing_and_damaged_images_are_noted_and_shown_by_name(
    tmp_path: Path, circo: Benchmark
) -> None:
    paint(circo, without=["1", "2"])
    (circo.tasks[0].images / circo.tasks[0].files["3"]).write_bytes(b"no picture")
    out = tmp_path / "out"
    report = write_report([make_run(tmp_path / "run", circo)], out)
    _, gallery, _ = browser(out, "circo-val")
    problems = {id: (thumb, problem) for id, thumb, problem, _ in gallery}
    assert problems["1"] == problems["2"] == ("", "the image is missing")
    assert problems["3"] == ("", "the image is of no known image format")
    (note,) = (note for note in report.notes if "missing" in note)
    assert note.startswith("2 of the ")
    assert "1, 2" in note or "2, 1" in note
    assert _formats.escape_markdown(note) in (out / "report.md").read_text("utf-8")
    assert note in (out / "index.html").read_text("utf-8")


def test_thumbnails_are_kept_and_made_anew(tmp_path: Path, circo: Benchmark) -> None:
    import os

    paint(circo)
    folder, shown_ids, progress = tmp_path / "thumbs", [("val", "1"), ("val", "2")], []
    shown = _thumbs.make_thumbnails(circo, shown_ids, folder, lambda *at: progress.append(at))
    assert progress == [(1, 2), (2, 2)]
    first, second = (folder / thumbnail.file for thumbnail in shown)
    first.write_bytes(b"kept")
    second.write_bytes(b"older than its picture")
    os.utime(second, (1, 1))
    assert _thumbs.make_thumbnails(circo, shown_ids, folder) == shown
    assert first.read_bytes() == b"kept"
    assert second.read_bytes().startswith(b"\xff\xd8\xff")


def test_a_region_of_an_image_is_shown_as_that_region(tmp_path: Path) -> None:
    layouts.genecis(tmp_path)
    data = load_benchmark("genecis", tmp_path)
    task = next(task for task in data.tasks if task.name == "change_attribute")
    paint(data)
    image = Image.new("RGB", (200, 100), "white")
    image.paste((0, 0, 0), (1, 2, 31, 42))
    image.save(task.images / task.files[task.queries[0].reference])
    shown = _thumbs.make_thumbnails(
        data, [(task.name, task.queries[0].reference)], tmp_path / "thumbs"
    )
    with Image.open(tmp_path / "thumbs" / shown[0].file) as small:
        # x from 1 − 0.7·30 (cut at 0) to 1 + 1.7·30, y from 2 − 0.7·40 (cut at 0) to 2 + 1.7·40
        assert small.size == (52, 70)


def test_captions_stand_in_for_a_missing_image(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    names = load_benchmark("cirr", tmp_path, "val").tasks[0].gallery
    layouts.put(
        tmp_path / "captions/cirr_gallery_captions.json",
        [{"candidate": id, "captions": [f"{id} runs", HOSTILE]} for id in names[1:]],
    )
    data = load_benchmark("cirr-captions", tmp_path)
    task = data.tasks[0]
    report = write_report([make_run(tmp_path / "run", data)], tmp_path / "out")
    _, gallery, entries = browser(tmp_path / "out", "cirr-captions-val")
    shown = {id: captions for id, _, _, captions in gallery}
    target = task.queries[0].target or ""
    assert shown[target][:2] == [f"{target} runs", HOSTILE]
    assert shown[task.queries[0].reference] == []  # it has none, and this is told
    assert any("it has no captions" in note for note in report.notes)
    assert report.images == 0
    assert not (tmp_path / "out/thumbs").exists()
    assert entries


class Tags(HTMLParser):
    """Collects the tags of a page and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)


@pytest.mark.draws
def test_hostile_names_stay_text(tmp_path: Path, circo: Benchmark) -> None:
    paint(circo)
    name = "<script>alert(1)<⁄script> & 100% $x$ {a}_b \\ ^~"
    task = circo.tasks[0]
    queries = tuple(replace(query, kinds=(HOSTILE,)) for query in task.queries)
    data = replace(circo, tasks=(replace(task, queries=queries),))
    run = make_run(tmp_path / name, data, notes=[HOSTILE])
    out = tmp_path / "out"
    write_report([run], out)
    markdown, latex, page = (
        (out / file).read_text("utf-8") for file in ("report.md", "report.tex", "index.html")
    )
    assert Tags(page).tags.count("script") == 1  # the page's own
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in markdown
    assert r"a\_b" in markdown
    assert r"\textless{}script\textgreater{}alert(1)" in latex
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert not re.search(r"(?<!\\)[%#]|(?<!\\)_", body.replace("{%\n", ""))
    for path in (out / "data").iterdir():
        path.read_bytes().decode("ascii")
    csv_names = {row["run"] for row in rows(out)}
    assert csv_names == {name}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & a_b", r"50 \% \& a\_b"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("−1 τ ^ ~ $ #", r"$-$1 $\tau$ \textasciicircum{} \textasciitilde{} \$ \#"),
        ("two\nlines", "two lines"),
    ],
)
def test_latex_is_escaped(text: str, expected: str) -> None:
    assert _formats.escape_latex(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b\nc", r"a\|b c"),
        ("<b> & [x](y)", r"&lt;b&gt; &amp; \[x\](y)"),
        ("mAP@5 by @someone", r"mAP@5 by \@someone"),
        ("see https://x.org", r"see https\://x.org"),
        ("\\_", r"\\\_"),
    ],
)
def test_markdown_is_escaped(text: str, expected: str) -> None:
    assert _formats.escape_markdown(text) == expected


def test_a_missing_or_changed_data_set_is_noted(
    run: Path, tmp_path: Path, circo: Benchmark
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    circo.root.rename(moved / "CIRCO")
    gone = write_report([run], tmp_path / "gone")
    assert any("cannot be read" in note and "--root" in note for note in gone.notes)
    index, _, entries = browser(tmp_path / "gone", "circo-val")
    assert index["queries"][0][1] == "is red"  # from what was composed
    assert entries[0]["reference"] is None
    assert entries[0]["tops"][0]
    report = write_report([run], tmp_path / "found", root=moved)
    assert report.notes == ()
    annotations = moved / "CIRCO/annotations/val.json"
    annotations.write_text(annotations.read_text() + " ")
    changed = write_report([run], tmp_path / "changed", root=moved)
    assert any("have changed since this run" in note for note in changed.notes)


def test_fewer_queries_are_spread_evenly(run: Path, tmp_path: Path) -> None:
    report = write_report([run], tmp_path / "out", queries=1)
    index, _, entries = browser(tmp_path / "out", "circo-val")
    assert (report.queries, index["total"], len(entries)) == (1, 2, 1)
    none = write_report([run], tmp_path / "out", queries=0)
    assert none.queries == none.images == 0
    assert not list((tmp_path / "out/data").glob("*-000.js"))  # the earlier report's are gone
