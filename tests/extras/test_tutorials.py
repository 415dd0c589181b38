"""Benchmarks as docs/tutorial/benchmark.md and docs/stamps-benchmark.md run them, on drawn cut-outs.

Drawing 600 images and ranking them in ten ways takes a minute, so it is not part of ``make test``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.drawn_stamps import draw_stamps
from tests.command import invoke
from tests.docs.blocks import ROOT, blocks_of


def commands(page: str) -> list[list[str]]:
    """Return the commands of a page that this test runs."""
    here = Path(__file__).relative_to(ROOT).as_posix()
    blocks = [block for block in blocks_of(ROOT / "docs" / page) if block.what == here]
    return [words for block in blocks for words in block.commands() if words[0] == "stitch"]


def run(words: list[str]) -> str:
    quick = ["--encoder", "test", "--quiet"] if words[1:3] == ["bench", "run"] else []
    done = invoke([*words[1:], *quick])
    assert done.exit_code == 0, f"{' '.join(words)}\n{done.output}"
    return done.output


@pytest.mark.slow
def test_the_benchmarks_of_the_documentation_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_stamps(tmp_path / "demo" / "stamps")
    shown = [run(words) for words in commands("tutorial/benchmark.md")]
    assert len(shown) == 6
    assert "600 images" in shown[0]
    assert "6 of 6 are there" in shown[1]
    assert "mean pooling" in shown[2]
    assert (tmp_path / "runs/first-report/index.html").is_file()
    assert "mAP@10" in shown[-1]

    # the pages for those who have their own predictions and runs
    main = json.loads((tmp_path / "runs/first/variants/main/predictions.json").read_text())
    Path("predictions.json").write_text(json.dumps(main))
    for name in ("mine", "other"):
        Path("runs", {"mine": "first", "other": "second"}[name]).rename(Path("runs", name))
    made = commands("stamps-benchmark.md")
    assert [words[1:3] for words in made] == [
        ["bench", "make"],
        ["bench", "check"],
        ["bench", "score"],
    ]
    for words in made[1:]:
        run(["val" if word == "test" else word for word in words])
    assert len(commands("evaluation.md")) == 2
    for words in commands("evaluation.md"):
        run(words)
