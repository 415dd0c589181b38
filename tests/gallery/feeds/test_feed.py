"""A feed becomes a gallery, and a changed feed changes it: what, and nothing else."""

from __future__ import annotations

import shutil

import pytest

import stitch_cir as st
from stitch_cir.errors import GalleryError, GalleryMismatchError, NotFoundError, SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.views import ViewRecipe
from tests.conftest import CountingEncoder, noise
from tests.gallery.feeds.shop import Shop


def test_products_are_items_and_fields_are_attributes(shop: Shop) -> None:
    report = shop.apply()
    assert report.added == ("dress-red", "dress-blue", "hat", "shoe")
    assert (report.products, report.encoded, report.failed) == (4, 5, ())
    gallery = shop.open()
    assert gallery.ids == ("dress-blue", "dress-red", "hat", "shoe")
    assert gallery.attributes_of("shoe") == {
        "title": "Product shoe",
        "image_link": "https://shop.example/shoe.png",
        "price": 40,
        "sale_price": 29.99,
        "currency": "EUR",
        "availability": "in_stock",
        "brand": "Acme",
    }
    assert gallery.attributes_of("dress-red")["item_group_id"] == "dress"
    assert gallery.attributes_of("hat")["additional_image_link"] == ["more/hat back.png"]
    assert gallery.info()["feed"] == {"file": "products.tsv", "fetch": False}
    report_of_files = gallery.verify(read_files=True)
    assert report_of_files.sound, report_of_files


def test_several_images_are_views_of_one_item_and_the_match_says_which(shop: Shop) -> None:
    shop.apply()
    gallery = shop.open()
    views = gallery.views("hat")
    assert [view.image for view in views] == [1] * 10 + [2] * 10
    assert {view.image for view in gallery.views("shoe")} == {None}
    back = shop.folder / "images/more/hat back.png"
    assert gallery.image_paths("hat") == (gallery.path("hat"), back.resolve())
    # the same pixels in another file, so that the gallery does not know it by its content
    copy = shop.folder / "copy.bmp"
    noise(10, 60, 40).save(copy)
    hit = st.Searcher(gallery).search(st.Query(copy))[0]
    assert hit.id == "hat"
    assert hit.best_view.image == 2
    assert "image 2" in hit.best_view.label
    assert "image 2" in hit.summary()
    assert hit.best_view.to_dict()["image"] == 2


def test_an_image_of_a_product_is_that_product(shop: Shop) -> None:
    shop.apply()
    gallery = shop.open()
    back = shop.folder / "images/more/hat back.png"
    assert "hat" not in [hit.id for hit in st.Searcher(gallery).search(st.Query(back)).hits]


def test_the_same_feed_changes_nothing(shop: Shop, encoder: CountingEncoder) -> None:
    shop.apply()
    before, encoded = shop.open().snapshot().commit, encoder.encoded_images
    report = shop.apply()
    assert report.unchanged == 4
    assert (report.added, report.changed_images, report.deleted) == ((), (), ())
    assert (encoder.encoded_images, shop.open().snapshot().commit) == (encoded, before)


def test_a_new_price_encodes_nothing_and_shows_at_once(
    shop: Shop, encoder: CountingEncoder
) -> None:
    shop.apply()
    gallery, encoded = shop.open(), encoder.encoded_images
    commit = gallery.snapshot().commit
    shop.rows["hat"]["price"] = "9.99 EUR"
    shop.rows["shoe"] |= {"sale_price": "", "brand": "Bolt"}
    report = shop.apply()
    assert report.changed_attributes == {"hat": ("price",), "shoe": ("sale_price", "brand")}
    assert (encoder.encoded_images, gallery.snapshot().commit) == (encoded, commit)
    with gallery.snapshot() as snapshot:
        rows = snapshot.attributes.rows("price < 10 or brand = 'Bolt'")
        assert [snapshot.matrix().ids[row] for row in rows] == ["hat", "shoe"]
    assert "sale_price" not in gallery.attributes_of("shoe")


def test_only_changed_images_are_encoded(shop: Shop, encoder: CountingEncoder) -> None:
    shop.apply()
    encoded = encoder.encoded_images
    front = shop.open().views("hat")[:10]
    shop.paint("more/hat back.png", 11)
    shop.rows["dress-red"]["image_link"] = shop.paint("dress new.png", 12)
    report = shop.apply()
    assert report.changed_images == ("dress-red", "hat")
    assert (report.encoded, encoder.encoded_images - encoded) == (2, 2)
    kept = shop.open().views("hat")[:10]
    assert [(a.vector == b.vector).all() for a, b in zip(front, kept, strict=True)] == [True] * 10


def test_a_further_image_comes_and_goes(shop: Shop) -> None:
    shop.apply()
    shop.rows["shoe"]["additional_image_link"] = ",".join(
        shop.paint(f"shoe{n}.png", 20 + n) for n in range(2)
    )
    assert (shop.apply().encoded, len(shop.open().views("shoe"))) == (2, 30)
    del shop.rows["shoe"]["additional_image_link"]
    report = shop.apply()
    assert (report.changed_images, report.encoded) == (("shoe",), 0)
    assert len(shop.open().views("shoe")) == 10
    assert shop.open().verify(read_files=True).sound


def test_products_may_share_an_image(shop: Shop) -> None:
    link = shop.rows["hat"]["image_link"]
    shop.rows["cap"] = {**shop.rows["shoe"], "image_link": link}
    shop.rows["beret"] = {**shop.rows["shoe"], "image_link": link, "additional_image_link": link}
    report = shop.apply(batch_size=1)
    # once for the product of several images, and once for those that have it alone
    assert (report.products, report.encoded) == (6, 6)
    views = [shop.open().views(id)[0].vector for id in ("hat", "cap", "beret")]
    assert (views[0] == views[1]).all()
    assert (views[0] == views[2]).all()


def test_what_left_the_feed_is_deleted_and_what_was_touched_is_only_read(shop: Shop) -> None:
    shop.apply()
    del shop.rows["shoe"]
    image = shop.folder / "images/hat.png"
    content = image.read_bytes()
    image.unlink()
    image.write_bytes(content)
    report = shop.apply()
    assert (report.deleted, report.unchanged, report.products) == (("shoe",), 3, 3)
    gallery = shop.open()
    assert "shoe" not in gallery
    assert next(a for a in gallery.info()["attributes"] if a["name"] == "brand")["items"] == 0


def test_a_partial_feed_deletes_only_what_is_named(shop: Shop) -> None:
    shop.apply()
    shop.rows = {"hat": {**shop.rows["hat"], "price": "1.00 EUR"}}
    report = shop.apply(partial=True, delete=["shoe"])
    assert (report.deleted, list(report.changed_attributes)) == (("shoe",), ["hat"])
    assert shop.open().ids == ("dress-blue", "dress-red", "hat")
    with pytest.raises(NotFoundError, match="no product 'nothing'"):
        shop.apply(partial=True, delete=["nothing"])
    with pytest.raises(SettingError, match="'hat' is to be deleted, but is in the feed"):
        shop.apply(partial=True, delete=["hat"])


def test_most_products_do_not_go_unasked(shop: Shop) -> None:
    shop.apply()
    shop.rows = {"hat": shop.rows["hat"]}
    with pytest.raises(GalleryError, match="3 of 4 products would be deleted") as refused:
        shop.apply()
    assert "--allow-missing" in refused.value.hint
    assert len(shop.open()) == 4
    assert shop.apply(allow_missing=True).products == 1


def test_a_dry_run_says_the_same_and_writes_nothing(shop: Shop, encoder: CountingEncoder) -> None:
    shop.apply()
    encoded = encoder.encoded_images
    before = {p: p.stat().st_mtime_ns for p in (shop.folder / "gallery").glob("*.sqlite")}
    shop.product("bag", 30)
    shop.rows["hat"]["price"] = "1.00 EUR"
    shop.paint("dress-red.png", 31)
    del shop.rows["shoe"]
    planned = shop.apply(dry_run=True)
    assert before == {p: p.stat().st_mtime_ns for p in (shop.folder / "gallery").glob("*.sqlite")}
    assert (planned.dry_run, encoder.encoded_images) == (True, encoded)
    done = shop.apply()
    for name in ("added", "changed_images", "changed_attributes", "deleted", "unchanged"):
        assert getattr(planned, name) == getattr(done, name), name
    assert planned.products == done.products
    assert done.changed_attributes == {"hat": ("price",)}


def test_an_interrupted_run_is_continued(shop: Shop, encoder: CountingEncoder) -> None:
    for seed in range(12):
        shop.product(f"more{seed:02}", 40 + seed)

    class StopError(Exception):
        pass

    def stop(event: st.gallery.ProgressEvent) -> None:
        if event.stage == "products" and event.done == 9:
            raise StopError

    with pytest.raises(StopError):
        shop.apply(batch_size=2, progress=stop)
    written, encoded = len(shop.open()), encoder.encoded_images
    assert 0 < written < 16
    assert "not indexed yet" in (shop.open().incomplete_note() or "")
    report = shop.apply(batch_size=2)
    assert len(report.added) == 16 - written
    assert report.encoded < 17
    assert encoder.encoded_images - encoded == report.encoded
    assert shop.open().incomplete_note() is None
    assert shop.open().verify(read_files=True).sound


def test_what_was_removed_by_hand_stays_out(shop: Shop) -> None:
    shop.apply()
    shop.open().remove("hat")
    report = shop.apply()
    assert (report.kept_out, report.products) == (1, 3)
    assert shop.apply(restore_removed=True).added == ("hat",)


def test_a_rebuild_has_new_vectors_and_the_same_attributes(shop: Shop) -> None:
    shop.apply()
    attributes = {id: shop.open().attributes_of(id) for id in shop.rows}
    recipe = ViewRecipe(kind="grid", count=5)
    with pytest.raises(GalleryMismatchError):
        shop.apply(recipe=recipe)
    shop.product("bag", 30)
    shop.rows["hat"]["price"] = "1.00 EUR"
    report = shop.apply(recipe=recipe, rebuild=True)
    assert (report.added, report.encoded, report.products) == (("bag",), 6, 5)
    gallery = shop.open()
    assert set(report.changed_attributes) == {"hat", "bag"}
    assert report.changed_attributes["hat"] == ("price",)
    assert set(report.changed_attributes["bag"]) == set(gallery.attributes_of("bag"))
    assert [len(gallery.views(id)) for id in ("hat", "shoe")] == [10, 5]
    assert gallery.attributes_of("shoe") == attributes["shoe"]
    assert gallery.attributes_of("hat")["price"] == 1
    assert gallery.attributes_of("bag")["price"] == 12.5
    assert shop.apply().unchanged == 5


def test_folders_and_feeds_do_not_mix(shop: Shop, encoder: CountingEncoder) -> None:
    shop.apply()
    images = shop.folder / "images"
    with pytest.raises(GalleryMismatchError, match=r"made from the feed products\.tsv"):
        index_folder(images, shop.folder / "gallery", encoder=encoder)
    index_folder(images, encoder=encoder)
    with pytest.raises(GalleryMismatchError, match="made from the folder"):
        Gallery.open(images, encoder=encoder).sync_feed(shop.write(), images=images)


def test_images_may_move_to_another_folder(shop: Shop) -> None:
    shop.apply()
    shutil.move(shop.folder / "images", shop.folder / "elsewhere")
    report = shop.apply(images=shop.folder / "elsewhere")
    assert (report.unchanged, report.encoded) == (4, 0)
    # remembered
    assert shop.open().sync_feed(shop.write()).unchanged == 4
    with pytest.raises(NotFoundError, match="no folder"):
        shop.apply(images=shop.folder / "nowhere")


def test_a_damaged_product_is_encoded_again_from_all_its_images(shop: Shop) -> None:
    import sqlite3

    shop.apply()
    vectors = [view.vector.tobytes() for view in shop.open().views("hat")]
    file = next((shop.folder / "gallery").glob("*.sqlite"))
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE contents SET vectors = zeroblob(length(vectors))"
            " WHERE hash = (SELECT hash FROM items WHERE id = 'hat')"
        )
    database.close()
    report = shop.open().verify(repair=True)
    assert report.repaired
    assert not report.problems
    assert [view.vector.tobytes() for view in shop.open().views("hat")] == vectors
    assert [view.image for view in shop.open().views("hat")] == [1] * 10 + [2] * 10
    image = shop.folder / "images/more/hat back.png"
    noise(3, 60, 40).save(image)
    assert shop.open().verify().changed_files == 1
    image.unlink()
    assert shop.open().verify().missing_files == 1
