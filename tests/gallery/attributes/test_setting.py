"""Setting attributes: kinds, contradictions, files, what stays and what goes; no vector changes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.errors import ModelError, NotFoundError, QueryError, RecordError
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.attributes.catalogue import make_gallery
from tests.gallery.fakes import FakeEncoder, to_schema


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return make_gallery(tmp_path, ["a.jpg", "b.jpg", "sub/ü.jpg"])


def rows(gallery: Gallery, where: str) -> list[int]:
    with gallery.snapshot() as snapshot:
        return snapshot.attributes.rows(where).tolist()


def kinds(gallery: Gallery) -> dict[str, str]:
    return {each["name"]: each["kind"] for each in gallery.info()["attributes"]}


def test_kinds_are_inferred_and_shown(gallery: Gallery) -> None:
    report = gallery.set_attributes(
        {
            "a.jpg": {"price": 5, "name": " two \n words ", "new": True, "tags": ["x", "x", "y"]},
            "b.jpg": {"price": 2.5, "since": datetime.date(2024, 6, 1), "made": "2020-01-02T03:04"},
            "SUB/U\u0308.JPG": {"since": datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.UTC)},
        }
    )
    assert (report.items, report.values, report.unknown) == (3, 9, ())
    assert kinds(gallery) == {
        "price": "number",
        "name": "text",
        "new": "boolean",
        "tags": "list",
        "since": "date",
        "made": "date",
    }
    assert gallery.attributes_of("a.jpg") == {
        "price": 5,
        "name": "two words",
        "new": True,
        "tags": ["x", "y"],
    }
    assert gallery.attributes_of("b.jpg")["since"] == "2024-06-01"
    assert gallery.attributes_of("sub/ü.jpg") == {"since": "2024-06-01T12:00:00"}
    assert gallery.info()["attributes"][0] == {"name": "price", "kind": "number", "items": 2}


def test_what_is_not_named_stays_and_none_takes_away(gallery: Gallery) -> None:
    gallery.set_attributes({"a.jpg": {"price": 5, "tags": ["x", "y"]}, "b.jpg": {"price": 6}})
    gallery.set_attributes({"a.jpg": {"tags": ["z"]}, "b.jpg": {"PRICE": None}})
    assert gallery.attributes_of("a.jpg") == {"price": 5, "tags": ["z"]}
    assert gallery.attributes_of("b.jpg") == {}
    assert rows(gallery, "price is missing") == [1, 2]


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"price": "cheap"}, "b.jpg: price is 'cheap', which is not a number", "12.50"),
        ({"price": "12.5"}, "which is not a number", "12.50"),
        ({"price": True}, "which is not a number", "12.50"),
        ({"price": float("nan")}, "which is not a finite number", "12.50"),
        ({"price": 2**63}, "more than 64 bits", "12.50"),
        ({"new": 1}, "which is neither true nor false", "true or false"),
        ({"since": "soon"}, "which is not a date", "2024-06-01"),
        ({"since": "2024-02-30"}, "which is not a date", "2024-06-01"),
        ({"tags": "x"}, "which is not a list", "list"),
        ({"tags": ["x", 3]}, "which is not text", "list"),
        ({"tags": ["x"] * 1001}, "a list of 1,001 entries", "1,000"),
        ({"name": "x" * 10_001}, "a text of 10,001 characters", "10,000"),
        ({"name": "\ud800"}, "half of a surrogate pair", "text"),
        ({"name": ""}, "an empty text", "text"),
        ({"other": {"x": 1}}, "which can be no attribute", "a list of texts"),
        ({"x" * 101: 1}, "cannot be the name of an attribute", "100"),
        ({"a\nb\0": 1}, "cannot be the name of an attribute", "printable"),
    ],
)  # fmt: skip
def test_a_contradiction_changes_nothing(
    gallery: Gallery, values: dict[str, Any], message: str, hint: str
) -> None:
    gallery.set_attributes(
        {"a.jpg": {"price": 5, "name": "n", "new": False, "since": "2020-01-01", "tags": ["x"]}}
    )
    before = gallery.info()["attributes"]
    with pytest.raises(RecordError) as caught:
        gallery.set_attributes({"a.jpg": {"fresh": 1}, "b.jpg": values})
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert gallery.info()["attributes"] == before
    assert "fresh" not in gallery.attributes_of("a.jpg")


def test_a_misspelled_kind_is_refused(gallery: Gallery) -> None:
    prices = {"a.jpg": {"since": "2024-01-01"}, "b.jpg": {"since": "2024-01-02"}}
    with pytest.raises(RecordError, match="sub/ü.jpg: since is 'soon', but most values") as caught:
        gallery.set_attributes({**prices, "sub/ü.jpg": {"since": "soon"}})
    assert "since:text" in caught.value.hint
    gallery.set_attributes({**prices, "sub/ü.jpg": {"since": "soon"}}, kinds={"since": "text"})
    assert kinds(gallery) == {"since": "text"}
    with pytest.raises(RecordError, match="is declared a date, but the gallery's is a text"):
        gallery.set_attributes({"a.jpg": {"since": "2024-01-01"}}, kinds={"since": "date"})
    with pytest.raises(RecordError, match="declared a 'nummer'") as caught:
        gallery.set_attributes({"a.jpg": {"x": 1}}, kinds={"x": "nummer"})  # type: ignore[dict-item]
    assert "Did you mean 'number'?" in caught.value.hint


def test_an_attribute_can_be_dropped(gallery: Gallery) -> None:
    gallery.set_attributes({"a.jpg": {"price": "x"}, "b.jpg": {"price": "y"}})
    assert gallery.drop_attribute("Price") == 2
    gallery.set_attributes({"a.jpg": {"price": 5}})
    assert kinds(gallery) == {"price": "number"}
    with pytest.raises(NotFoundError, match="no attribute 'prize'") as caught:
        gallery.drop_attribute("prize")
    assert "Did you mean 'price'?" in caught.value.hint


def test_ids_that_are_no_item(gallery: Gallery) -> None:
    report = gallery.set_attributes({"a.jpg": {"n": 1}, "gone.jpg": {"n": 2}})
    assert report.unknown == ("gone.jpg",)
    assert "1 unknown ids left out" in report.summary()
    with pytest.raises(RecordError, match=r"None of the 2 ids .* 'x.jpg'"):
        gallery.set_attributes({"x.jpg": {"n": 1}, "y.jpg": {"n": 2}})
    with pytest.raises(RecordError, match="'A.JPG' means the item 'a.jpg'"):
        gallery.set_attributes({"a.jpg": {"n": 1}, "A.JPG": {"n": 2}})


def test_too_many_attributes(gallery: Gallery) -> None:
    with pytest.raises(RecordError, match="There would be 501 attributes"):
        gallery.set_attributes({"a.jpg": {f"n{number}": 1 for number in range(501)}})


# -- the gallery around them ----------------------------------------------------------------------


def test_a_change_is_visible_at_once_and_touches_no_vector(gallery: Gallery) -> None:
    gallery.set_attributes({"a.jpg": {"price": 5}})
    vectors, generation = gallery.matrix().vectors, gallery.generation
    cache = sorted((gallery.directory / "cache").rglob("*"))
    times = [file.stat().st_mtime_ns for file in cache]
    with gallery.snapshot() as before:
        assert before.attributes.rows("price < 10").tolist() == [0]
        with Gallery.open(gallery.directory) as elsewhere:  # as another process would
            elsewhere.set_attributes({"a.jpg": {"price": 50}, "b.jpg": {"price": 1}})
        assert before.attributes.rows("price < 10").tolist() == [0]
        with gallery.snapshot() as after:
            assert after.attributes.rows("price < 10").tolist() == [1]
            assert after.attributes.facets(["price"])[0].largest == 50
            assert after.attributes.version == before.attributes.version + 1
            assert after.attributes.state != before.attributes.state
            assert after.commit == before.commit
    assert gallery.generation == generation
    assert gallery.matrix().vectors is vectors
    assert [file.stat().st_mtime_ns for file in cache] == times


def test_attributes_follow_the_files(
    folder: Path, encoder: FakeEncoder, paint: Callable[..., Path]
) -> None:
    """Moved files keep theirs, vanished ones come back with them, forgotten ones lose them."""
    index_folder(folder, encoder=encoder, metadata=False)
    gallery = Gallery.open(folder, encoder=encoder)
    gallery.set_attributes({id: {"name": id} for id in gallery.ids})
    (folder / "a.png").rename(folder / "z.png")
    index_folder(folder, encoder=encoder, metadata=False)
    assert gallery.attributes_of("z.png") == {"name": "a.png"}
    assert rows(gallery, "name = 'a.png'") == [gallery.ids.index("z.png")]
    kept = (folder / "b.png").read_bytes()
    (folder / "b.png").unlink()
    index_folder(folder, encoder=encoder, metadata=False)
    assert rows(gallery, "name = 'b.png'") == []
    (folder / "b.png").write_bytes(kept)
    index_folder(folder, encoder=encoder, metadata=False)
    assert gallery.attributes_of("b.png") == {"name": "b.png"}
    (folder / "b.png").unlink()
    index_folder(folder, encoder=encoder, forget=True)
    assert {each["items"] for each in gallery.info()["attributes"]} == {4}
    paint(folder / "new.png", 77)
    index_folder(folder, encoder=encoder, metadata=False)
    assert gallery.attributes_of("new.png") == {}
    assert len(rows(gallery, "name is missing")) == 1


def test_a_rebuild_keeps_them(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, metadata=False)
    gallery = Gallery.open(folder, encoder=encoder)
    gallery.set_attributes({"a.png": {"n": 1, "tags": ["x", "y"]}})
    index_folder(folder, encoder=encoder, rebuild=True)
    assert gallery.attributes_of("a.png") == {"n": 1, "tags": ["x", "y"]}
    assert gallery.verify().sound


def test_removing_by_hand_drops_them(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, metadata=False)
    gallery = Gallery.open(folder, encoder=encoder)
    gallery.set_attributes({"a.png": {"n": 1}, "b.png": {"n": 2}})
    gallery.remove("a.png")
    assert gallery.info()["attributes"] == [{"name": "n", "kind": "number", "items": 1}]
    assert rows(gallery, "n = 2") == [0]


def test_a_gallery_of_an_older_schema(folder: Path, encoder: FakeEncoder) -> None:
    index_folder(folder, encoder=encoder, metadata=False)
    to_schema(folder / ".stitch", 5)
    gallery = Gallery.open(folder, encoder=encoder)
    assert gallery.info()["attributes"] == []
    assert gallery.attributes_of("a.png") == {}
    assert gallery.verify().sound
    with gallery.snapshot() as snapshot, pytest.raises(QueryError, match="this gallery has none"):
        snapshot.attributes.rows("n < 3")
    gallery.set_attributes({"a.png": {"n": 1}})
    with Gallery.open(folder, encoder=encoder) as again:
        assert rows(again, "n < 3") == [0]
    assert gallery.attributes_of("a.png") == {"n": 1}


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    def write(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


Write = Callable[[str, "str | bytes"], Path]


def test_a_csv(gallery: Gallery, write: Write) -> None:
    file = write(
        "shop.csv",
        '\ufeffid,Price,brand,sold out,tags:list,since,code\n'
        'a.jpg,5.50,"Bolt, Söhne",TRUE,new|red,2024-06-01,12\n'
        "\n"
        './b.jpg,-1e1,Acme,false,,2024-06-02T10:00,A7\n'
        "sub/ü.jpg,,,,,,\n",
    )  # fmt: skip
    report = gallery.set_attributes(file)
    assert report.kinds == {
        "Price": "number",
        "brand": "text",
        "sold out": "boolean",
        "tags": "list",
        "since": "date",
        "code": "text",
    }
    assert gallery.attributes_of("a.jpg") == {
        "Price": 5.5,
        "brand": "Bolt, Söhne",
        "sold out": True,
        "tags": ["new", "red"],
        "since": "2024-06-01",
        "code": "12",
    }
    assert gallery.attributes_of("b.jpg")["Price"] == -10
    assert gallery.attributes_of("sub/ü.jpg") == {}
    assert rows(gallery, '"sold out" and price > 5') == [0]
    # an empty cell takes a value away, a column that is absent leaves it
    gallery.set_attributes(write("more.csv", "image;price\na.jpg;\nb.jpg;3\n"))
    assert "Price" not in gallery.attributes_of("a.jpg")
    assert gallery.attributes_of("a.jpg")["brand"] == "Bolt, Söhne"


def test_tsv_and_json_lines(gallery: Gallery, write: Write) -> None:
    gallery.set_attributes(write("x.tsv", 'path\tprice\tnote\na.jpg\t3\ta "quoted" one\n'))
    assert gallery.attributes_of("a.jpg") == {"price": 3, "note": 'a "quoted" one'}
    gallery.set_attributes(
        write(
            "x.jsonl",
            '{"id": "a.jpg", "price": 4, "note": null, "tags": ["é"]}\n\n{"image": "b.jpg", "new": true}',
        )
    )
    assert gallery.attributes_of("a.jpg") == {"price": 4, "tags": ["é"]}
    assert gallery.attributes_of("b.jpg") == {"new": True}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "", "x.csv:1 cannot be understood: it is empty"),
        ("x.csv", "id,price\n", "names no item"),
        ("x.csv", "name,price\na,1\n", "x.csv:1 cannot be understood: there is no column 'id'"),
        ("x.csv", "id,price,Price\na,1,2\n", "the column 'Price' is there twice"),
        ("x.csv", "id,,price\na,1,2\n", "cannot be the name"),
        ("x.csv", "id,price\na.jpg,1\nb.jpg,1,2\n", "x.csv:3 cannot be understood: 3 cells"),
        ("x.csv", "id,price\na.jpg,1\n,2\n", "x.csv:3 cannot be understood: the id is empty"),
        ("x.csv", "id,price\na.jpg,1\n./a.jpg,2\n", "x.csv:3: the id 'a.jpg' was there already"),
        ("x.csv", 'id,price\na.jpg,"1\n', "x.csv:2 cannot be understood: unexpected end of data"),
        ("x.csv", b"id,name\na.jpg,caf\xe9\n", "x.csv:2 is not UTF-8"),
        ("x.csv", "id,name\na.jpg," + "x" * 10_000_000, "field larger than field limit"),
        (
            "x.csv",
            'id,price\na.jpg,"12,50 €"\nb.jpg,3\nsub/ü.jpg,4\n',
            "x.csv:2: price is '12,50 €', but most values of price are numbers",
        ),
        ("x.csv", "id,price:number\na.jpg,12 EUR\n", "x.csv:2: price is '12 EUR', which is no"),
        ("x.jsonl", '{"id": "a.jpg"', "x.jsonl:1 cannot be understood"),
        ("x.jsonl", '{"id": 3, "n": 1}', "there is no text under 'id'"),
        ("x.jsonl", "[1]", "it is no JSON object"),
        ("x.jsonl", "[" * 100_000, "x.jsonl:1 cannot be understood"),
        ("x.jsonl", '{"id": "a.jpg", "n": NaN}', "which is not a finite number"),
        ("x.jsonl", '{"id": "a.jpg", "n": {"a": 1}}', "which can be no attribute"),
        ("x.jsonl", '{"id": "a.jpg", "n": 1}\n{"id": "b.jpg", "n": "x"}', "most values of n"),
        ("x.xlsx", "PK", "is of no known kind"),
    ],
)  # fmt: skip
def test_a_malformed_file_changes_nothing(
    gallery: Gallery, write: Write, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(RecordError) as caught:
        gallery.set_attributes(write(name, content))
    assert message in caught.value.message
    assert caught.value.hint
    assert len(str(caught.value)) < 500
    assert gallery.info()["attributes"] == []


def test_files_that_cannot_be_read(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot be read"):
        gallery.set_attributes(tmp_path / "nowhere.csv")
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        with pytest.raises(ModelError, match="needs pyarrow") as caught:
            gallery.set_attributes(tmp_path / "x.parquet")
        assert "[parquet]" in caught.value.hint
