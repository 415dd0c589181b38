"""CIRR without pixels: cleaning, loading, missing captions, and the mathematics that it brought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.benchmarks import RunOptions, run_benchmark
from stitch_cir.composers import VerbatimComposer
from stitch_cir.datasets import check_benchmark, load_benchmark
from stitch_cir.datasets.cirr_captions import caption_views, clean_captions
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, RecordError, SettingError
from stitch_cir.gallery import Gallery, index_captions
from stitch_cir.ranking import hubness
from stitch_cir.searcher import SearchSettings, search
from stitch_cir.transition import Linear, ReferenceSubtraction
from stitch_cir.transport import ConditionalTransport
from tests.benchmarks import layouts


def captioned(root: Path, captions: dict[str, list[str]], *, folder: str = "captions") -> Path:
    layouts.cirr(root)
    entries = [{"candidate": id, "captions": texts} for id, texts in captions.items()]
    layouts.put(root / folder / "cirr_gallery_captions.json", entries)
    return root


def names(count: int) -> list[str]:
    return [f"dev-{number}-0-img0" for number in range(count)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (["A cat\n sits.", " ", ""], ("A cat sits",)),
        (["The image shows a red bus.", "A RED BUS"], ("a red bus",)),
        (["A red bus is shown in the picture.", "A red bus parked"], ("A red bus parked",)),
        (["I cannot describe this image.", "A boat."], ("A boat",)),
        (["The", "Two hamsters are visible in the image."], ("Two hamsters",)),
        (
            [f"caption number {n}0" for n in range(1, 9)],
            tuple(f"caption number {n}0" for n in range(1, 7)),
        ),
        (["I'm happy to help!"], ()),
    ],
)
def test_the_cleaning_rule(text: Any, kept: Any) -> None:
    assert clean_captions(text) == kept


def test_the_joined_captions_are_one_more_view() -> None:
    assert caption_views(("a", "b", "c", "d")) == ("a", "b", "c", "d", "a. b. c")
    assert caption_views(("a",)) == ("a",)


@pytest.mark.parametrize("folder", ["captions", "CIRR/captions", "CIRR"])
def test_captions_are_read_from_the_documented_folders(tmp_path: Path, folder: str) -> None:
    root = captioned(tmp_path, {id: [f"a thing {id}"] for id in names(60)}, folder=folder)
    data = load_benchmark("cirr-captions", root)
    assert len(data.tasks[0].captions) == 60
    assert not data.notes
    file = check_benchmark("cirr-captions", root)[-1]
    assert file.here
    assert file.what == "captions of the gallery"


def test_captions_beside_the_root_are_read_too(tmp_path: Path) -> None:
    captioned(tmp_path / "data", {id: [f"a thing {id}"] for id in names(60)}, folder="../captions")
    assert load_benchmark("cirr-captions", tmp_path / "data").tasks[0].captions


def test_missing_and_malformed_caption_files_are_reported(tmp_path: Path) -> None:
    layouts.cirr(tmp_path)
    with pytest.raises(NotFoundError, match="cirr_gallery_captions"):
        load_benchmark("cirr-captions", tmp_path)
    layouts.put(
        tmp_path / "captions/cirr_gallery_captions.json", [{"candidate": "x", "captions": "text"}]
    )
    with pytest.raises(RecordError, match="list of texts"):
        load_benchmark("cirr-captions", tmp_path)


def run(root: Path, out: Path) -> Any:
    return run_benchmark(
        load_benchmark("cirr-captions", root),
        out,
        encoder=HashEncoder(),
        composer=VerbatimComposer(),
        settings=SearchSettings.from_preset("captions"),
        options=RunOptions(controls=False, sweeps=False),
    )


def everything() -> dict[str, list[str]]:
    captions = {id: [f"a grey stone {id}", f"stone number {id}"] for id in names(60)}
    captions["dev-0-0-img0"] = ["a blue car"]
    captions["dev-1-0-img0"] = ["a red car"]
    return captions


def test_a_query_finds_its_target_by_words(tmp_path: Path) -> None:
    summary = run(captioned(tmp_path, everything()), tmp_path / "run")
    metrics = summary.variants["main"].headline
    assert metrics["R@50"] == 100.0


@pytest.mark.parametrize("refusal", [None, ["I cannot provide descriptions for this image."]])
def test_a_target_without_captions_is_a_miss_and_counted(tmp_path: Path, refusal: Any) -> None:
    captions = everything()
    captions.pop("dev-1-0-img0")
    if refusal:
        captions["dev-1-0-img0"] = refusal
    root = captioned(tmp_path, captions)
    data = load_benchmark("cirr-captions", root)
    assert "1 of 60 images" in data.notes[0]
    summary = run(root, tmp_path / "run")
    metrics = summary.variants["main"].headline
    assert metrics["R@50"] == 0.0
    assert metrics["Rs@3"] == 0.0


def test_a_reference_without_captions_leaves_the_modification(tmp_path: Path) -> None:
    captions = everything()
    captions.pop("dev-0-0-img0")
    summary = run(captioned(tmp_path, captions), tmp_path / "run")
    assert summary.variants["main"].headline["R@50"] == 100.0


# away, by hand


def test_away_is_linear_less_a_share_of_the_reference() -> None:
    eye = np.eye(3, dtype=np.float32)
    # (½, 0, ½) − ½·(0, 1, 0), then unit length
    moved = ReferenceSubtraction(0.5, 0.5).refine(eye[:1], eye[2], reference_captions=eye[1:2])
    np.testing.assert_allclose(moved, [[3**-0.5, -(3**-0.5), 3**-0.5]], atol=1e-6)
    linear = Linear(0.5).refine(eye[:2], eye[2])
    np.testing.assert_array_equal(
        ReferenceSubtraction(0.5, 0.0).refine(eye[:2], eye[2], reference_captions=eye[1:2]), linear
    )
    np.testing.assert_array_equal(ReferenceSubtraction(0.5, 0.5).refine(eye[:2], eye[2]), linear)
    np.testing.assert_array_equal(ReferenceSubtraction().refine(eye[:2], None), eye[:2])
    with pytest.raises(SettingError):
        ReferenceSubtraction(0.5, 1.5)


# hubness, by hand


def test_hubness_is_the_mean_score_of_the_nearest_other_images(tmp_path: Path) -> None:
    texts = {"a": "red car", "b": "blue car", "c": "red boat"}
    file = tmp_path / "captions.jsonl"
    file.write_text(
        "\n".join(f'{{"id": "{id}", "captions": ["{text}"]}}' for id, text in texts.items())
    )
    encoder = HashEncoder()
    index_captions(file, tmp_path / "index", encoder=encoder)
    gallery = Gallery.open(tmp_path / "index", encoder=encoder)
    matrix = gallery.matrix()
    cosines = 2 * np.asarray(matrix.vectors) @ np.asarray(matrix.vectors).T
    others = cosines - 9 * np.eye(3)
    best = hubness(matrix, ConditionalTransport(), 1)
    np.testing.assert_allclose(best, others.max(axis=0), atol=1e-5)
    both = hubness(matrix, ConditionalTransport(), 200)
    np.testing.assert_allclose(both, (cosines.sum(axis=0) - 2) / 2, atol=1e-5)
    plain = search(gallery, text="red car")
    taken = search(
        gallery,
        text="red car",
        settings=SearchSettings.from_preset(hubness_weight=0.5, hubness_neighbours=1),
    )
    before = {hit.id: hit.score for hit in plain}
    for hit in taken:
        assert hit.score == pytest.approx(
            before[hit.id] - 0.5 * best[matrix.ids.index(hit.id)], abs=1e-5
        )
