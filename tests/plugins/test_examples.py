"""The packages of examples/plugins: found by their entry points, used, and held to the contracts."""

from __future__ import annotations

import csv
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.composers import composer_by_name
from stitch_cir.datasets import load_benchmark
from stitch_cir.encoders import load_encoder
from stitch_cir.plugins import (
    CANDIDATE_SOURCES,
    COMPOSERS,
    DATASETS,
    ENCODERS,
    RERANKERS,
    SCORERS,
    TRANSITIONS,
    Registry,
)
from stitch_cir.reranker import Candidate
from stitch_cir.testing import (
    check_candidate_source,
    check_composer,
    check_encoder,
    check_reranker,
    check_scorer,
    check_transition,
)
from tests.command import invoke

EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"
PROJECTS = sorted(EXAMPLES.glob("*/pyproject.toml"))
REGISTRIES = {
    registry.group: registry
    for registry in (
        ENCODERS,
        COMPOSERS,
        SCORERS,
        TRANSITIONS,
        RERANKERS,
        DATASETS,
        CANDIDATE_SOURCES,
    )
}


def entry_of(project: Path) -> tuple[Registry, str, str]:
    """Return the registry, the name and the address that a package declares."""
    data = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    assert data["dependencies"] == ["stitch-cir"]
    ((group, points),) = data["entry-points"].items()
    ((name, address),) = points.items()
    return REGISTRIES[group], name, address


@pytest.fixture(autouse=True)
def installed(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    for project in PROJECTS:
        registry, name, address = entry_of(project)
        monkeypatch.syspath_prepend(project.parent)
        monkeypatch.delitem(sys.modules, address.partition(":")[0], raising=False)
        install(registry, (name, address))


def test_there_is_one_package_for_each_kind() -> None:
    assert {entry_of(project)[0].kind for project in PROJECTS} == {
        registry.kind for registry in REGISTRIES.values()
    }
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for project in PROJECTS:
        assert f"({project.parent.name})" in page


@pytest.mark.parametrize(
    ("registry", "name", "check"),
    [
        (ENCODERS, "colours", check_encoder),
        (COMPOSERS, "wordings", check_composer),
        (SCORERS, "top-views", check_scorer),
        (TRANSITIONS, "push", check_transition),
        (RERANKERS, "landscape", check_reranker),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_keeps_the_contract_of_its_kind(
    registry: Registry, name: str, check: Callable[[Any], None]
) -> None:
    check(registry.make(name))


def test_they_search_a_gallery_together(folder: Path) -> None:
    """The encoder sees colours alone, so the best hits of a colour are known."""
    st.index_folder(folder, encoder=load_encoder("colours"))
    settings = st.SearchSettings.from_preset(
        "paper", k=3, scorer="top-views", scorer_options={"count": 3}, transition="push"
    )
    with st.Gallery.open(folder) as gallery:
        searcher = st.Searcher(gallery, composer=composer_by_name("wordings"), settings=settings)
        results = searcher.search(st.Query("red.png", "something blue"))
    assert results[0].id == "blue.png"
    assert results.settings.scorer.settings() == {"scorer": "top-views", "count": 3}
    assert results.query.labels[1] == "a photo of something blue"


def test_the_list_names_the_images_that_are_searched(folder: Path, tmp_path: Path) -> None:
    offers = tmp_path / "offers.txt"
    offers.write_text("red.png\nblue.png\nred.png\nwhite.png\n", encoding="utf-8")
    source = CANDIDATE_SOURCES.make("list", file=str(offers))
    check_candidate_source(source, dim=8, images=3)
    st.index_folder(folder, encoder=load_encoder("test"))
    settings = st.SearchSettings.from_preset(k=8, shortlist=8)
    with st.Gallery.open(folder, encoder=load_encoder("test")) as gallery:
        searcher = st.Searcher(gallery, candidates=source, settings=settings)
        results = searcher.search(st.Query(text="red"))
    assert {hit.id for hit in results} == {"red.png", "blue.png", "white.png"}
    assert not results.exact


def test_a_list_has_to_be_named_and_readable(tmp_path: Path) -> None:
    with pytest.raises(st.SettingError, match="No list of ids is named"):
        CANDIDATE_SOURCES.make("list")
    with pytest.raises(st.NotFoundError, match="cannot be read"):
        CANDIDATE_SOURCES.make("list", file=str(tmp_path / "none.txt"))


def test_the_reranker_puts_wide_images_first() -> None:
    wide, tall = Image.new("RGB", (40, 20)), Image.new("RGB", (20, 40))
    candidates = [Candidate("tall", tall), Candidate("wide", wide), Candidate("captions only")]
    verdicts = RERANKERS.make("landscape").judge(Candidate("r"), "", candidates)
    assert [verdict.yes for verdict in verdicts] == [0.25, 1.0, 0.5]


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_below_one_is_refused_before_anything_is_scored(count: int) -> None:
    with pytest.raises(st.SettingError, match="count is"):
        SCORERS.make("top-views", count=count)


def test_a_table_of_queries_is_a_benchmark(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data" / "TABLE"
    data.mkdir(parents=True)
    folder.rename(data / "images")
    rows = [
        {"id": "1", "reference": "red.png", "text": "in blue", "target": "blue.png"},
        {"id": "2", "reference": "blue.png", "text": "in green", "target": "green.png"},
    ]
    with (data / "queries.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    words = ["bench", "run", "table", "--root", tmp_path / "data", "--encoder", "colours", "-q"]
    done = invoke([*words, "--no-controls", "--no-sweeps", "--out", tmp_path / "run"])
    assert done.exit_code == 0, done.output
    assert "R@1" in done.output
    (data / "queries.csv").write_text("id,reference,text,target\n1,red.png,in blue,bleu.png\n")
    with pytest.raises(st.RecordError, match="line 2: no image 'bleu.png'"):
        load_benchmark("table", tmp_path / "data", "val")
