"""Copies of an image, shown or collapsed; and hits that are unlike one another."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

import stitch_cir as st
from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery
from stitch_cir.images import STRUCTURE_BYTES, perceptual_hash
from tests.gallery.fakes import FakeEncoder

COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "jpeg 30": lambda image: recompressed(image, 30),
    "jpeg 90": lambda image: recompressed(image, 90),
    "crop": lambda image: image.crop((1, 1, image.width - 1, image.height - 1)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
}


def scene(seed: int) -> Image.Image:
    """Return an image of coarse blots, as smooth as a photograph's low frequencies."""
    rng = np.random.default_rng((seed, 16))
    blots = rng.integers(0, 256, (18, 24, 3), dtype=np.uint8)
    return Image.fromarray(blots).resize((240, 180), Image.Resampling.BICUBIC)


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def differing(first: bytes | None, second: bytes | None) -> int:
    assert first is not None
    assert second is not None
    pair = [np.frombuffer(each[:STRUCTURE_BYTES], np.uint8) for each in (first, second)]
    return int(np.unpackbits(pair[0] ^ pair[1]).sum())


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_has_nearly_the_perceptual_hash_of_its_image(kind: str) -> None:
    for seed in range(8):
        image = scene(seed)
        assert differing(perceptual_hash(image), perceptual_hash(COPIES[kind](image))) <= 31


def test_other_images_have_other_perceptual_hashes() -> None:
    hashes = [perceptual_hash(scene(seed)) for seed in range(12)]
    for first in range(12):
        for second in range(first):
            assert differing(hashes[first], hashes[second]) > 60
    assert perceptual_hash(Image.new("RGB", (90, 90), (200, 0, 0))) is None


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images with their copies, one in another colour, and two without detail."""
    folder = tmp_path_factory.mktemp("copied")
    for seed in range(6):
        scene(seed).save(folder / f"{seed}.png")
        for kind in list(COPIES)[: seed % 4]:
            COPIES[kind](scene(seed)).save(folder / f"{seed} {kind}.png")
    red, green, blue = scene(0).split()
    Image.merge("RGB", (blue, green, red)).save(folder / "0 in another colour.png")
    Image.new("RGB", (60, 60), (255, 0, 0)).save(folder / "plain.png")
    Image.new("RGB", (60, 60), (0, 255, 0)).save(folder / "plain too.png")
    st.index_folder(folder, encoder=HashEncoder())
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes({id: {"part": "odd" if id < "3" else "even"} for id in gallery.ids})
    return folder


@pytest.fixture
def opened(copied: Path) -> Gallery:
    return Gallery.open(copied, encoder=HashEncoder())


def search(gallery: Gallery, query: st.Query | None = None, **settings: object) -> st.Results:
    made = st.SearchSettings.from_preset(**settings)  # type: ignore[arg-type]
    return st.Searcher(gallery, settings=made).search(query or st.Query(text="red"))


def test_the_copies_of_an_image_are_one_group(opened: Gallery) -> None:
    with opened.snapshot() as snapshot:
        duplicates = snapshot.near_duplicates()
        ids = snapshot.ids
    groups: dict[int, set[str]] = {}
    for id, group in zip(ids, duplicates.groups.tolist(), strict=True):
        groups.setdefault(group, set()).add(id)
    expected = [
        {f"{seed}.png", *(f"{seed} {k}.png" for k in list(COPIES)[: seed % 4])} for seed in range(6)
    ]
    alone = [{"0 in another colour.png"}, {"plain.png"}, {"plain too.png"}]
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, expected + alone))
    assert duplicates.missing == 0


def test_the_best_copy_stands_for_all(opened: Gallery) -> None:
    whole = search(opened, k=50)
    assert not any(hit.near_duplicates for hit in whole)
    with opened.snapshot() as snapshot:
        groups = dict(zip(snapshot.ids, snapshot.near_duplicates().groups.tolist(), strict=True))
    best: dict[int, str] = {}
    for hit in whole:
        best.setdefault(groups[hit.id], hit.id)
    first = list(best.values())
    collapsed = search(opened, k=50, near_duplicates="collapse")
    assert [hit.id for hit in collapsed] == first
    assert collapsed.total == len(set(groups.values()))
    for hit in collapsed:
        others = {id for id, group in groups.items() if group == groups[hit.id]} - {hit.id}
        assert set(hit.near_duplicates) == others
    pages, cursor = [], ""
    while cursor is not None:
        query = st.Query(text="red", cursor=cursor)
        page = search(opened, query, k=3, near_duplicates="collapse")
        pages += [hit.id for hit in page]
        cursor = page.next_cursor  # type: ignore[assignment]
    assert pages == first
    data = collapsed.to_dict()
    assert data["settings"]["near_duplicates"] == "collapse"
    assert sum(len(hit.get("near_duplicates", ())) for hit in data["hits"]) == len(whole) - len(
        first
    )


def test_copies_collapse_within_their_group(opened: Gallery) -> None:
    results = search(opened, k=5, group_by="part", group_size=50, near_duplicates="collapse")
    shown = [each for hit in results for each in (hit, *hit.members)]
    behind = [id for each in shown for id in each.near_duplicates]
    assert sorted([each.id for each in shown] + behind) == sorted(opened.ids)
    assert behind


def test_an_older_gallery_says_what_is_missing(copied: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(copied, older)
    database = sqlite3.connect(older / ".stitch" / "gallery.sqlite")
    database.executescript(
        "DROP TABLE written_captions; DROP TABLE perceptual_hashes;"
        "DROP TABLE metadata_captions; PRAGMA user_version = 7;"
    )
    database.close()
    with Gallery.open(older, encoder=HashEncoder()) as gallery:
        results = search(gallery, k=50, near_duplicates="collapse")
        assert len(results) == len(gallery)
        assert "images have no perceptual hash yet" in " ".join(results.notes)
        st.index_folder(older, encoder=HashEncoder())
        assert len(search(gallery, k=50, near_duplicates="collapse")) < len(gallery)


def test_a_perceptual_hash_that_is_damaged_is_computed_again(copied: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(copied, damaged)
    database = sqlite3.connect(damaged / ".stitch" / "gallery.sqlite")
    database.execute("UPDATE perceptual_hashes SET bits = zeroblob(64)")
    database.commit()
    database.close()
    with Gallery.open(damaged, encoder=HashEncoder()) as gallery:
        assert len(search(gallery, k=50, near_duplicates="collapse")) == len(gallery)
        st.index_folder(damaged, encoder=HashEncoder())
    with Gallery.open(damaged, encoder=HashEncoder()) as gallery:
        assert len(search(gallery, k=50, near_duplicates="collapse")) < len(gallery)


def test_variety_is_the_textbooks(opened: Gallery) -> None:
    weight = 0.6
    whole = search(opened, k=50)
    matrix = opened.matrix()
    means = np.array([matrix.means[matrix.ids.index(hit.id)] for hit in whole], np.float64)
    similarities = np.round(means @ means.T, 6)
    similarities = (similarities - similarities.min()) / np.ptp(similarities)
    scores = np.array([hit.score for hit in whole])
    scores = (scores - scores.min()) / np.ptp(scores)
    order = [0]
    while len(order) < len(whole):
        rest = [n for n in range(len(whole)) if n not in order]
        marginal = [
            (1 - weight) * scores[n] - weight * max(similarities[n, m] for m in order) for n in rest
        ]
        order.append(rest[int(np.argmax(marginal))])
    varied = search(opened, k=50, variety=weight)
    assert [hit.id for hit in varied] == [whole[n].id for n in order]
    assert [hit.rank for hit in varied] == list(range(1, len(whole) + 1))
    assert varied.settings.variety == weight
    pages = [
        hit.id
        for offset in range(0, len(whole), 4)
        for hit in search(opened, st.Query(text="red", offset=offset), k=4, variety=weight)
    ]
    assert pages == [hit.id for hit in varied]
    assert [hit.id for hit in search(opened, k=50, variety=0)] == [hit.id for hit in whole]


def test_variety_stays_above_the_cut(opened: Gallery) -> None:
    kept = search(opened, k=50, strictness=0.4)
    varied = search(opened, k=50, strictness=0.4, variety=0.9, below_cutoff=True)
    above = len(kept)
    assert {hit.id for hit in varied.hits[:above]} == {hit.id for hit in kept}
    assert varied.cutoff == kept.cutoff


def test_what_is_refused() -> None:
    with pytest.raises(st.SettingError, match="near_duplicates is 'hide'.*show, collapse"):
        st.SearchSettings(near_duplicates="hide")
    with pytest.raises(st.SettingError, match="variety is 1.5"):
        st.SearchSettings(variety=1.5)
    with pytest.raises(st.SettingError, match="both to order the hits"):
        st.SearchSettings(variety=0.5, rerank=3)


def test_a_rotated_image_is_another(tmp_path: Path) -> None:
    image = scene(3)
    assert differing(perceptual_hash(image), perceptual_hash(ImageOps.mirror(image))) > 60


class LargeEncoder(HashEncoder):
    """The encoder for tests, with as many pixels decoded as for a model."""

    decode_side = 256


def stages(folder: Path, encoder: object, **options: object) -> list[str]:
    """Index a folder; return the stages that its progress names, each once."""
    met: dict[str, None] = {}
    report = st.index_folder(
        folder,
        encoder=encoder,  # type: ignore[arg-type]
        progress=lambda event: met.setdefault(event.stage),
        **options,  # type: ignore[arg-type]
    )
    assert report.skipped == ()
    return list(met)


def stored_hashes(folder: Path) -> dict[str, bytes]:
    database = sqlite3.connect(folder / ".stitch" / "gallery.sqlite")
    rows = database.execute("SELECT id, bits FROM items JOIN perceptual_hashes USING (hash)")
    hashes = dict(rows.fetchall())
    database.close()
    return hashes


def test_new_images_are_hashed_from_the_pixels_that_are_encoded(tmp_path: Path) -> None:
    for seed, size in enumerate([(1100, 800), (700, 520), (300, 260), (90, 60)]):
        scene(seed).resize(size, Image.Resampling.BICUBIC).save(tmp_path / f"{seed}.jpg")
    assert stages(tmp_path, LargeEncoder()) == ["indexing", "metadata"]
    first = stored_hashes(tmp_path)
    assert len(first) == 4
    database = sqlite3.connect(tmp_path / ".stitch" / "gallery.sqlite")
    database.execute("DELETE FROM perceptual_hashes")
    database.commit()
    database.close()
    # as galleries of earlier versions get them: from each file by itself, decoded smaller
    assert "perceptual hashes" in stages(tmp_path, LargeEncoder())
    again = stored_hashes(tmp_path)
    assert again.keys() == first.keys()
    assert all(differing(first[id], again[id]) <= 6 for id in first)


def test_an_image_that_is_decoded_too_small_is_opened_again(tmp_path: Path) -> None:
    image = scene(5).resize((960, 720), Image.Resampling.BICUBIC)
    image.save(tmp_path / "large.jpg")
    encoder = FakeEncoder()
    assert encoder.decode_side < 128
    assert "perceptual hashes" in stages(tmp_path, encoder)
    assert differing(stored_hashes(tmp_path)["large.jpg"], perceptual_hash(image)) <= 12


def test_a_rebuild_keeps_hashes_and_brings_those_of_new_images(tmp_path: Path) -> None:
    scene(1).save(tmp_path / "old.png")
    st.index_folder(tmp_path, encoder=LargeEncoder())
    before = stored_hashes(tmp_path)
    scene(2).save(tmp_path / "new.png")
    assert stages(tmp_path, LargeEncoder(), rebuild=True) == ["indexing", "metadata"]
    after = stored_hashes(tmp_path)
    assert after.keys() == {"old.png", "new.png"}
    assert after["old.png"] == before["old.png"]
