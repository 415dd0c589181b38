"""One name, several spellings: composed or decomposed letters, upper or lower case."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Gallery, index_folder, matcher
from stitch_cir.searcher import Query, Searcher, SearchSettings, search
from tests.gallery.fakes import FakeEncoder

NAMES = ("Caf\u00e9 M\u00fcller.png", "\ud55c\uad6d/\uc0ac\uc9c4.png")
FORMS = [("NFC", "NFD"), ("NFD", "NFC")]
Paint = Callable[..., Path]


@pytest.fixture(params=FORMS, ids=["composed on disk", "decomposed on disk"])
def spelled(
    request: pytest.FixtureRequest, folder: Path, encoder: FakeEncoder, paint: Paint
) -> tuple[Gallery, list[tuple[str, str]]]:
    """A gallery, and for each of its two special images the id and the other spelling."""
    on_disk, typed = request.param
    names = [
        (unicodedata.normalize(on_disk, name), unicodedata.normalize(typed, name)) for name in NAMES
    ]
    for seed, (name, _) in enumerate(names, 10):
        paint(folder / name, seed)
    index_folder(folder, encoder=encoder)
    return Gallery.open(folder, encoder=encoder), names


Spelled = tuple[Gallery, list[tuple[str, str]]]


def test_a_reference(spelled: Spelled) -> None:
    gallery, names = spelled
    assert gallery.root is not None
    for id, typed in names:
        for name in (id, typed, typed.upper(), typed.lower()):
            assert gallery.resolve(name) == id
            assert gallery.match(name) == id
            assert gallery.resolve(gallery.root.resolve() / name) == id
        assert search(gallery, reference=typed, settings=SearchSettings(k=1)).query.reference == id
        assert search(gallery, negatives=[typed], captions=["red"]).query.negatives == (id,)
        assert Searcher(gallery).explain(Query(captions=["red"]), typed)[0].id == id
        assert typed not in gallery, "an id is what it is"


def test_looking_up_a_name(spelled: Spelled) -> None:
    gallery, names = spelled
    for words in ("CAF\u00c9", "cafe\u0301", "m\u00fcller", "MU\u0308LLER"):
        assert gallery.find(words) == (1, [names[0][0]])
    assert gallery.find("\ud55c") == (1, [names[1][0]])
    assert gallery.find("A.PNG") == (1, ["a.png"])
    assert gallery.find("%")[0] == gallery.find("_")[0] == 0


@pytest.mark.parametrize("field", ["include", "exclude"])
def test_filters(spelled: Spelled, field: str) -> None:
    gallery, names = spelled
    everything = set(gallery.ids)
    for number, pattern in enumerate(("*caf\u00c9 m\u00fcll*", "\ud55c\uad6d/*")):
        for form in ("NFC", "NFD"):
            settings = SearchSettings.from_preset(
                **{field: (unicodedata.normalize(form, pattern),)}  # type: ignore[arg-type]
            )
            results = search(gallery, captions=["red"], settings=settings)
            expected = {names[number][0]}
            hits = {hit.id for hit in results}
            assert hits == (expected if field == "include" else everything - expected)
            assert results.notes == ()


def test_a_filter_that_matches_nothing_is_noted(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    settings = SearchSettings(exclude=("sub", "b.png"), include=("*.png", "x*"))
    results = search(gallery, captions=["red"], settings=settings)
    assert sorted(hit.id for hit in results) == ["a.png", "sub/c.png"]
    assert results.notes == (
        "The pattern 'x*' of include matches no image.",
        "The pattern 'sub' of exclude matches no image. Do you mean 'sub/*'?",
    )


def test_a_name_with_brackets_is_a_name(folder: Path, encoder: FakeEncoder, paint: Paint) -> None:
    paint(folder / "IMG [1].png", 9)
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    results = search(gallery, captions=["red"], settings=SearchSettings(exclude=("IMG [1].png",)))
    assert "IMG [1].png" not in {hit.id for hit in results}


def test_the_exact_name_wins(folder: Path, encoder: FakeEncoder, paint: Paint) -> None:
    paint(folder / "A.PNG", 9)
    if len(list(folder.glob("[aA].*"))) < 2:
        pytest.skip("this file system does not tell upper from lower case")
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder)
    assert (gallery.resolve("a.png"), gallery.resolve("A.PNG")) == ("a.png", "A.PNG")
    assert gallery.resolve("A.png") is None, "it may be either"


def test_another_file_of_nearly_the_same_name(
    folder: Path,
    tmp_path: Path,
    encoder: FakeEncoder,
    paint: Paint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index_folder(folder, encoder=encoder)
    outside = paint(tmp_path / "elsewhere" / "A.PNG", 3)
    inside = paint(folder / "B.PNG", 4)
    monkeypatch.chdir(outside.parent)
    gallery = Gallery.open(folder)
    assert gallery.resolve("A.PNG") is None, "the file that is here is meant"
    assert gallery.resolve(inside) in (None, "b.png")
    assert inside.name != "b.png"
    assert (gallery.resolve(inside) is None) == (len(list(folder.glob("[bB].*"))) == 2)


def test_captions_find_names_spelled_otherwise(
    spelled: Spelled, folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    gallery, names = spelled
    file = tmp_path / "c.jsonl"
    file.write_text(
        "\n".join(f'{{"id": "{typed}", "caption": "text"}}' for _, typed in names),
        encoding="utf-8",
    )
    assert index_folder(folder, encoder=encoder, captions=file).unknown_captions == ()
    assert all(gallery.captions(id) == ["text"] for id, _ in names)


def test_unknown_names_stay_unknown(spelled: Spelled) -> None:
    gallery, _ = spelled
    for name in ("", "caf", "M\u00fcller.png", "../a.png"):
        assert gallery.match(name) is None
        assert gallery.resolve(name) is None
    with pytest.raises(NotFoundError):
        Searcher(gallery).explain(Query(captions=["red"]), "caf\u00e9")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("STRASSE", "stra\u00dfe"),
        ("\u0130stanbul", "I\u0307STANBUL"),
        (
            "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
            "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3",
        ),
        ("\u212b", "\u00e5"),
        ("a\udcff.png", "A\udcff.PNG"),
    ],
)
def test_folding(left: str, right: str) -> None:
    assert matcher([left])(right)
    assert matcher([right])(left)
