"""Pages of a ranking: together they are the long ranking, and a cursor knows which one it is of."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.composers import Composition, Reference
from stitch_cir.encoders import HashEncoder
from stitch_cir.reranker import Verdict

WORDS = ("a red dress", "a blue dress", "a red car", "two dogs", "a boat at night")
QUERY = st.Query(text="a red dress on a boat")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty items, most of which tie with others, in groups of one to five."""
    folder = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(16)
    lines = []
    for number in range(60):
        captions = [WORDS[word] for word in rng.integers(0, 5, 1 + number % 2)]
        lines.append(json.dumps({"id": f"{number:02}", "captions": captions}))
    file = folder / "captions.jsonl"
    file.write_text("\n".join(lines))
    st.index_captions(file, folder / "gallery", encoder=HashEncoder())
    with st.Gallery.open(folder / "gallery", encoder=HashEncoder()) as gallery:
        gallery.set_attributes(
            {
                f"{n:02}": {"price": n, "brand": f"b{int(rng.integers(0, 25))}"}
                for n in range(60)
                if n % 7
            }
        )
    return folder / "gallery"


@pytest.fixture
def opened(many: Path) -> st.Gallery:
    return st.Gallery.open(many, encoder=HashEncoder())


def shown(results: st.Results) -> list[tuple[Any, ...]]:
    """What a page shows of its hits."""
    return [
        (hit.rank, hit.id, hit.score, hit.group_images, tuple(each.id for each in hit.members))
        for hit in results
    ]


@pytest.mark.parametrize("seed", range(12))
def test_all_pages_together_are_the_long_ranking(opened: st.Gallery, seed: int) -> None:
    rng = np.random.default_rng((seed, 16))
    settings = st.SearchSettings.from_preset(
        where="price < 50" if seed % 2 else None,
        group_by="brand" if seed % 3 == 0 else None,
        group_size=2,
        min_score=float(rng.uniform(-0.5, 1)) if seed % 4 == 1 else None,
        hubness_weight=0.3 if seed % 5 == 0 else None,
    )
    whole = st.Searcher(opened, settings=settings.with_(k=100)).search(QUERY)
    assert whole.next_cursor is None
    assert len(whole) == whole.total
    query, pages = QUERY, []
    while True:
        # pages may be of any size
        page = st.Searcher(opened, settings=settings.with_(k=int(rng.integers(3, 15)))).search(
            query
        )
        pages += shown(page)
        assert page.total == whole.total
        assert page.to_dict()["offset"] == page.offset
        at_offset = st.Searcher(opened, settings=page.settings).search(
            st.Query(text=QUERY.text, offset=page.offset)
        )
        assert shown(at_offset) == shown(page)
        if page.next_cursor is None:
            break
        query = st.Query(text=QUERY.text, cursor=page.next_cursor)
    assert pages == shown(whole)


def test_counts_are_those_of_all_pages(opened: st.Gallery) -> None:
    searcher = st.Searcher(opened, settings=st.SearchSettings(k=5))
    first = searcher.search(st.Query(text=QUERY.text, facets=["brand"]))
    later = searcher.search(st.Query(text=QUERY.text, facets=["brand"], offset=20))
    assert later.facets == first.facets
    assert later[0].rank == 21
    assert (later.total, later.ranked) == (60, 60)


def test_after_the_last_hit_a_page_is_empty_and_says_so(opened: st.Gallery) -> None:
    results = st.Searcher(opened).search(st.Query(text="red", offset=60))
    assert (len(results), results.total, results.next_cursor) == (0, 60, None)
    assert "There are no hits after the first 60." in results.notes


def test_a_cursor_is_of_one_query(opened: st.Gallery) -> None:
    settings = st.SearchSettings(k=3)
    cursor = st.Searcher(opened, settings=settings).search(QUERY).next_cursor
    assert cursor is not None
    others = [
        (st.Query(text="a blue dress", cursor=cursor), settings),
        (st.Query("00", QUERY.text, cursor=cursor), settings),
        (st.Query(text=QUERY.text, negatives=["01"], cursor=cursor), settings),
        (st.Query(text=QUERY.text, captions=["a dress"], cursor=cursor), settings),
        (st.Query(text=QUERY.text, cursor=cursor), settings.with_(alpha=0.1)),
        (st.Query(text=QUERY.text, cursor=cursor), settings.with_(min_score=0.2)),
        (st.Query(text=QUERY.text, cursor=cursor), settings.with_(group_by="brand")),
    ]
    for query, changed in others:
        with pytest.raises(st.CursorError) as caught:
            st.Searcher(opened, settings=changed).search(query)
        assert caught.value.hint
    # facets and the size of a page change no ranking
    again = st.Query(text=QUERY.text, facets=["brand"], cursor=cursor)
    assert st.Searcher(opened, settings=settings.with_(k=7)).search(again)[0].rank == 4


def test_captions_that_are_sent_back_continue_their_ranking(opened: st.Gallery) -> None:
    class Moody:
        """Writes other captions every time, as a model may."""

        name = "moody"
        calls = 0

        def settings(self) -> dict[str, Any]:
            return {}

        def compose(self, reference: Reference | None, text: str, count: int) -> Composition:
            Moody.calls += 1
            captions = (st.Caption(f"{text} {Moody.calls}"), st.Caption("a boat", 0.5))
            return Composition(captions, text, self.name)

    searcher = st.Searcher(opened, composer=Moody(), settings=st.SearchSettings(k=3))
    first = searcher.search(QUERY)
    assert first.query.composition is not None
    cursor = first.next_cursor or ""
    with pytest.raises(st.CursorError, match="another query"):
        searcher.search(st.Query(text=QUERY.text, cursor=cursor))
    captions = first.query.composition.captions
    second = searcher.search(st.Query(text=QUERY.text, captions=captions, cursor=cursor))
    whole = searcher.search(st.Query(text=QUERY.text, captions=captions, offset=0))
    assert (second[0].rank, whole[0].id) == (4, first[0].id)


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: "B" + text[1:],
        lambda text: text[:12] + ("B" if text[12] != "B" else "C") + text[13:],
        lambda text: text[:-1] + chr(ord(text[-1]) ^ 1),
        lambda text: text + "\n",
        lambda text: "é" * 40,
        lambda text: "None",
        lambda text: "../../etc/passwd",
        lambda text: base64.urlsafe_b64encode(b"\x01" + b"\xff" * 48).decode(),
        lambda text: "A" * 1_000_000,
    ],
)
def test_an_altered_cursor_is_refused(opened: st.Gallery, alter: Any) -> None:
    searcher = st.Searcher(opened, settings=st.SearchSettings(k=3))
    cursor = searcher.search(QUERY).next_cursor
    assert cursor is not None
    with pytest.raises(st.CursorError, match="none that a search returned"):
        searcher.search(st.Query(text=QUERY.text, cursor=alter(cursor)))


def test_a_cursor_ends_with_the_state_that_it_is_of(folder: Path) -> None:
    encoder = HashEncoder()
    st.index_folder(folder, encoder=encoder)
    with st.Gallery.open(folder, encoder=encoder) as gallery:
        gallery.set_attributes({"red.png": {"price": 1}, "blue.png": {"price": 2}})
        plain = st.Searcher(gallery, settings=st.SearchSettings(k=1))
        filtered = st.Searcher(gallery, settings=st.SearchSettings(k=1, where="price < 3"))
        after = plain.search(st.Query(text="red")).next_cursor or ""
        within = filtered.search(st.Query(text="red")).next_cursor or ""
        gallery.set_attributes({"red.png": {"price": 5}})
        # no attribute has part in this ranking
        assert plain.search(st.Query(text="red", cursor=after))[0].rank == 2
        with pytest.raises(st.CursorGoneError, match="has changed") as caught:
            filtered.search(st.Query(text="red", cursor=within))
        assert "first page" in caught.value.hint
        (folder / "another.png").write_bytes((folder / "red.png").read_bytes())
        st.index_folder(folder, encoder=encoder)
        with pytest.raises(st.CursorGoneError):
            plain.search(st.Query(text="red", cursor=after))


def test_what_cannot_be_paged(opened: st.Gallery) -> None:
    with pytest.raises(st.QueryError, match="offset is -1"):
        st.Query(text="red", offset=-1)
    with pytest.raises(st.QueryError, match="beside a cursor"):
        st.Query(text="red", offset=1, cursor="x")
    short = st.Searcher(opened, settings=st.SearchSettings(shortlist=5, k=2, measure_recall=False))
    with pytest.raises(st.SettingError, match="no further pages"):
        short.search(st.Query(text="red", offset=2))
    assert short.search(st.Query(text="red")).next_cursor is None


def test_pages_of_judged_hits_are_those_of_the_judged_ranking(gallery: st.Gallery) -> None:
    class Judge:
        """Prefers what is late in the alphabet, and counts what it judges."""

        judged = 0

        def settings(self) -> dict[str, Any]:
            return {"reranker": "judge"}

        def notes(self) -> tuple[str, ...]:
            return ()

        def usage(self) -> None:
            return None

        def close(self) -> None:
            pass

        def judge(self, reference: Any, text: str, candidates: Any) -> list[Any]:
            self.judged += len(candidates)
            ids = sorted(each.id for each in candidates)
            return [Verdict(each.id, ids.index(each.id) / len(ids), ()) for each in candidates]

    judge = Judge()
    settings = st.SearchSettings(k=2, rerank=4)
    whole = st.Searcher(gallery, reranker=judge, settings=settings.with_(k=7)).search(
        st.Query("red.png", "in blue")
    )
    searcher = st.Searcher(gallery, reranker=judge, settings=settings)
    pages = []
    for offset in range(0, 7, 2):
        judge.judged = 0
        page = searcher.search(st.Query("red.png", "in blue", offset=offset))
        pages += [(hit.rank, hit.id) for hit in page]
        assert judge.judged == (4 if offset < 4 else 0)
    assert pages == [(hit.rank, hit.id) for hit in whole]
