"""The cut-off: what random requests hardly reach, and what a search says where nothing does."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.ranking import chance_threshold
from tests.conftest import CountingEncoder

NOUNS = "dog cat car boat tree house ball bird horse lamp chair shoe".split()
COLOURS = "red green blue black white yellow".split()


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of 120 captions of two or three words."""
    folder = tmp_path_factory.mktemp("captioned")
    rng = np.random.default_rng(16)
    lines = [
        json.dumps(
            {
                "id": f"{n:03}",
                "captions": [f"{COLOURS[rng.integers(6)]} {NOUNS[rng.integers(12)]}"],
            }
        )
        for n in range(120)
    ]
    file = folder / "captions.jsonl"
    file.write_text("\n".join(lines))
    st.index_captions(file, folder / "gallery", encoder=CountingEncoder())
    with st.Gallery.open(folder / "gallery", encoder=CountingEncoder()) as gallery:
        gallery.set_attributes({f"{n:03}": {"kind": f"k{n % 5}", "n": n} for n in range(120)})
    return folder / "gallery"


@pytest.fixture
def opened(captioned: Path, encoder: CountingEncoder) -> st.Gallery:
    return st.Gallery.open(captioned, encoder=encoder)


def search(gallery: st.Gallery, query: st.Query, **settings: object) -> st.Results:
    made = st.SearchSettings.from_preset(**settings)  # type: ignore[arg-type]
    return st.Searcher(gallery, settings=made).search(query)


def cutoff_of(results: st.Results) -> st.Cutoff:
    assert results.cutoff is not None
    return results.cutoff


RED_DOG = st.Query(text="red dog")


@pytest.mark.parametrize("strictness", [0.001, 0.02, 0.2])
def test_the_hits_are_those_that_reach_the_cut(opened: st.Gallery, strictness: float) -> None:
    whole = search(opened, RED_DOG, k=120)
    results = search(opened, RED_DOG, k=120, strictness=strictness)
    cutoff = cutoff_of(results)
    above = [hit.id for hit in whole if hit.score >= cutoff.score]
    assert [hit.id for hit in results] == above
    assert (cutoff.above, results.total) == (len(above), len(above))
    marked = search(opened, RED_DOG, k=120, strictness=strictness, below_cutoff=True)
    assert [hit.id for hit in marked] == [hit.id for hit in whole]
    assert (marked.total, cutoff_of(marked)) == (120, cutoff)
    assert results.to_dict()["cutoff"]["strictness"] == strictness
    assert results.settings.strictness == strictness
    stricter = cutoff_of(search(opened, RED_DOG, strictness=strictness / 2))
    assert stricter.score >= cutoff.score


def test_pages_counts_and_groups_lie_above_the_cut(opened: st.Gallery) -> None:
    query = st.Query(text="red dog", facets=["kind"])
    whole = search(opened, query, k=120, strictness=0.1)
    kinds = Counter(hit.attributes["kind"] for hit in whole)
    assert {each.value: each.count for each in whole.facets[0].counts} == kinds
    marked = search(opened, query, k=3, strictness=0.1, below_cutoff=True)
    assert marked.facets == whole.facets
    pages, cursor = [], ""
    while cursor is not None:
        page = search(opened, st.Query(text="red dog", cursor=cursor), k=4, strictness=0.1)
        pages += [hit.id for hit in page]
        cursor = page.next_cursor  # type: ignore[assignment]
    assert pages == [hit.id for hit in whole]
    grouped = search(opened, query, k=9, strictness=0.1, group_by="kind", group_size=50)
    assert cutoff_of(grouped).above == len(kinds) == len(grouped)
    assert sum(1 + len(hit.members) for hit in grouped) == len(whole)


@pytest.mark.parametrize(
    ("words", "share"), [("short", 0.01), ("short", 0.1), ("medium", 0.1), ("long", 0.1)]
)
def test_unrelated_requests_reach_it_about_as_rarely_as_it_says(
    opened: st.Gallery, words: str, share: float
) -> None:
    unrelated = {
        "short": [f"{a} {b}" for a in ("tiny", "huge", "odd") for b in ("ship", "fox", "hill")],
        "medium": [f"a {b} near the {c}" for b in ("king", "owl", "maid") for c in ("sea", "inn")],
        "long": [
            f"a {b} and a {c} that wait for some rain in the evening"
            for b in ("king", "owl", "maid")
            for c in ("fox", "monk")
        ],
    }[words]
    above = [cutoff_of(search(opened, st.Query(text=t), strictness=share)).above for t in unrelated]
    assert sum(above) / (120 * len(unrelated)) <= 2 * share


def test_nothing_like_that_is_a_state_with_advice(opened: st.Gallery) -> None:
    query = st.Query(text="zzyzx qwertz")
    results = search(opened, query, strictness=0.0001, where="n < 100")
    cutoff = cutoff_of(results)
    assert (len(results), results.total, cutoff.above, results.next_cursor) == (0, 0, 0, None)
    assert cutoff.summary().startswith("Nothing like that here: no image scores")
    assert "1 in 10,000 random requests" in cutoff.summary()
    advice = " ".join(cutoff.advice)
    assert "20 images were left out" in advice
    assert cutoff.best_share is not None
    loosened = next(line for line in cutoff.advice if line.startswith("Loosen"))
    enough = float(loosened.split(": ")[1].split()[0])
    assert enough >= cutoff.best_share
    assert len(search(opened, query, strictness=enough, where="n < 100")) > 0


def test_random_captions_are_encoded_once_for_a_gallery(
    captioned: Path, encoder: CountingEncoder, tmp_path: Path
) -> None:
    def measure() -> tuple[st.Cutoff, int]:
        counting = CountingEncoder()
        with st.Gallery.open(captioned, encoder=counting) as gallery:
            cutoff = cutoff_of(search(gallery, RED_DOG, strictness=0.01))
        return cutoff, len(counting.texts)

    first, _ = measure()
    again, texts = measure()
    assert (again, texts < 20) == (first, True)
    for file in (captioned / "cache").glob("texts-*"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    mended, texts = measure()
    assert (mended, texts > 500) == (first, True)
    assert measure()[1] < 20


def test_a_reference_alone_is_compared_with_other_images(gallery: st.Gallery) -> None:
    results = search(gallery, st.Query("red.png"), k=7, strictness=0.1)
    cutoff = cutoff_of(results)
    assert (cutoff.recipe, cutoff.requests, cutoff.images) == ("images", 8, 8)
    assert all(hit.score >= cutoff.score for hit in results)
    composed = cutoff_of(search(gallery, st.Query("red.png", "in blue"), strictness=0.1))
    assert composed.recipe == "words-1, short"
    for transition in ("semantic-increment", "pdv"):
        settings = {"transition": transition, "hubness_weight": 0.3, "strictness": 0.3}
        judged = search(gallery, st.Query("red.png", "in blue"), k=7, **settings)
        assert all(hit.score >= cutoff_of(judged).score for hit in judged)


def test_an_image_alone_in_its_gallery_is_compared_with_itself(
    folder: Path, encoder: CountingEncoder
) -> None:
    st.index_folder(folder, encoder=encoder, only=["red.png"])
    with st.Gallery.open(folder, encoder=encoder) as gallery:
        settings = st.SearchSettings(strictness=0.5, include_reference=True)
        results = st.Searcher(gallery, settings=settings).search(st.Query("red.png"))
    assert cutoff_of(results).above == 0


@pytest.mark.parametrize("value", [0, 1, -0.1, 0.00009, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(value: float) -> None:
    with pytest.raises(st.SettingError, match=r"strictness is .*between 0\.0001 and 0\.5"):
        st.SearchSettings(strictness=value)


@pytest.mark.parametrize("seed", range(20))
def test_the_threshold_is_the_smallest_that_so_few_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.integers(0, 8, rng.integers(1, 60)) / 8 if seed % 2 else rng.random(50))
    share = float(rng.uniform(0, 0.6))
    cut = chance_threshold(scores, share)
    assert (scores >= cut).mean() <= share or cut > scores.max()
    below = scores[scores < cut].max()
    assert (scores >= below).mean() > share or len(scores) == 1
