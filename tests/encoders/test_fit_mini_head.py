"""``scripts/fit_mini_head.py`` on small generated images."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import load_encoder
from stitch_cir.encoders.mini import MiniHead
from stitch_cir.errors import StitchError
from tests.conftest import noise

SCRIPTS = Path(__file__).parents[2] / "scripts"
COUNT = 56


@pytest.fixture(scope="module")
def script() -> ModuleType:
    sys.path.insert(0, str(SCRIPTS))
    try:
        import fit_mini_head
    finally:
        sys.path.remove(str(SCRIPTS))
    return fit_mini_head


def write_captions(file: Path, names: list[str]) -> None:
    texts = ["A man runs on the beach.", "Two dogs in the snow.", "A girl on a swing."]
    lines = [
        json.dumps({"id": name, "captions": [texts[n % 3], f"number {n}"]})
        for n, name in enumerate(names)
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("photos")
    names = [f"{n:02}.png" for n in range(COUNT)]
    for n, name in enumerate(names):
        noise(n % 3 * 100 + n, 64, 48).save(images / name)
    write_captions(images / "captions.jsonl", names)
    return images


def call(script: ModuleType, folder: Path, *more: str) -> int:
    captions = str(folder / "captions.jsonl")
    return int(script.main(["--photos", str(folder), "--captions", captions, *more]))


def test_it_fits_chooses_and_writes_the_same_head_twice(
    script: ModuleType,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the others are compared by a test of their own
    monkeypatch.setattr(script, "WAYS", (script.WAYS[0], script.WAYS[-1]))
    outs = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for out in outs:
        assert call(script, folder, "--out", str(out), "--cache", str(tmp_path / "cache")) == 0
    shown = capsys.readouterr().out
    for way in script.WAYS:
        assert way.name in shown
    assert f"{COUNT} images, {2 * COUNT} captions, 4 folds" in shown
    assert "chosen: " in shown
    assert outs[0].read_bytes() == outs[1].read_bytes()
    head = MiniHead.load(outs[0])
    assert {"man", "girl"} <= set(head.words)
    assert load_encoder(f"mini:{outs[0]}").encode_texts(["a dog"]).shape == (1, 384)


def refused(
    script: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> str:
    assert call(script, folder, "--out", str(tmp_path / "none.npz")) == 2
    assert not (tmp_path / "none.npz").exists()
    return capsys.readouterr().err


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    copies = tmp_path / "copied"
    copies.mkdir()
    for file in folder.iterdir():
        (copies / file.name).write_bytes(file.read_bytes())
    return copies


def test_captions_of_other_images_are_refused(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "05.png").unlink()
    error = refused(script, copied, tmp_path, capsys)
    assert "do not match" in error
    assert "'05.png'" in error


def test_fewer_than_fifty_images_are_refused(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_captions(copied / "captions.jsonl", [f"{n:02}.png" for n in range(49)])
    error = refused(script, copied, tmp_path, capsys)
    assert "describes 49 images; a head needs at least 50" in error


def test_an_unreadable_image_is_named(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "00.png").write_bytes(b"not an image")
    assert "00.png" in refused(script, copied, tmp_path, capsys)


def test_an_image_of_one_colour_is_named(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 64), "teal").save(copied / "01.png")
    error = refused(script, copied, tmp_path, capsys)
    assert "01.png is of one colour" in error


def test_a_folder_that_is_missing_is_named_before_anything_is_fitted(
    script: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "none" / "head.npz"
    assert call(script, folder, "--out", str(out)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"there is no folder {out.parent}" in shown.err


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        '{"id": "00.png"}',
        '{"id": 3, "captions": ["a"]}',
        '{"id": "00.png", "captions": []}',
        '{"id": "00.png", "captions": [" "]}',
        '{"id": "00.png", "captions": "a dog"}',
        '{"id": "00.png", "captions": ["repeated"]}',
        "[]",
    ],
)
def test_a_line_that_is_no_caption_is_named(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    with (copied / "captions.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    assert f"Line {COUNT + 1} of" in refused(script, copied, tmp_path, capsys)


def test_captions_that_cannot_be_read_are_named(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "captions.jsonl").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refused(script, copied, tmp_path, capsys)
    (copied / "captions.jsonl").unlink()
    assert "cannot be read" in refused(script, copied, tmp_path, capsys)


def change_captions(folder: Path, write: Callable[[int, list[str]], list[str]]) -> None:
    """Write the captions of each image anew, from its number and its captions."""
    file = folder / "captions.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for n, row in enumerate(rows):
        row["captions"] = write(n, row["captions"])
    lines = [json.dumps(row, ensure_ascii=n % 2 == 0) for n, row in enumerate(rows)]
    file.write_text("\n".join(lines), encoding="utf-8-sig")


def test_captions_in_a_script_that_mini_cannot_read_are_refused(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_captions(copied, lambda n, texts: ["ᚠᚢᚦᚨᚱᚲ ᚷᚹ", "👗❤️"] if n == 7 else texts)
    error = refused(script, copied, tmp_path, capsys)
    assert "mini reads English, and nothing of the captions of '07.png'" in error


@pytest.mark.parametrize("repeated", ["A dog.", "x" * 10_000])
def test_captions_that_mini_reads_alike_are_refused(
    script: ModuleType,
    copied: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    repeated: str,
) -> None:
    change_captions(copied, lambda n, _: [repeated if n % 2 else repeated.upper()])
    assert "do not tell 56 images apart" in refused(script, copied, tmp_path, capsys)


def test_copies_of_one_image_are_refused(
    script: ModuleType, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in copied.glob("*.png"):
        noise(3, 64, 48).save(file)
    assert "copies of each other" in refused(script, copied, tmp_path, capsys)


def test_a_head_is_fitted_on_captions_of_any_length_and_odd_characters(
    script: ModuleType, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "WAYS", script.WAYS[-1:])
    odd = ["dog " * 2500, "x" * 10_000, "a \u2028 line", "tab\t\x00 dog", "ᚠᚢᚦ dog 👗", "é"]
    change_captions(copied, lambda n, texts: [f"{odd[n % len(odd)]} {n}", *texts])
    out = tmp_path / "odd.npz"
    assert call(script, copied, "--out", str(out)) == 0
    head = MiniHead.load(out)
    assert np.isfinite(head.weights).all()
    assert {"man", "girl"} <= set(head.words)


def test_a_head_may_know_no_words(
    script: ModuleType, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "WAYS", script.WAYS[-1:])
    change_captions(copied, lambda n, _: [f"number {n}"])
    out = tmp_path / "wordless.npz"
    assert call(script, copied, "--out", str(out)) == 0
    encoder = load_encoder(f"mini:{out}")
    image = Image.open(copied / "00.png")
    assert MiniHead.load(out).words == ()
    assert encoder.read_concepts([image]) == load_encoder("mini-1").read_concepts([image])  # type: ignore[attr-defined]


def test_captions_use_words_in_all_their_forms(script: ModuleType) -> None:
    captions = [["Men riding bikes on a rocky shore"], ["A lady jumped"], ["A brown dog"]]
    words, truth = script.data.word_truth(captions)
    column = {word: truth[:, n].tolist() for n, word in enumerate(words)}
    assert column["riding a bicycle"] == [True, False, False]
    assert column["on the beach"] == [True, False, False]
    assert column["woman"] == column["jumping"] == [False, True, False]
    assert column["man"] == [True, False, False]


def test_no_head_is_chosen_that_harms_other_images(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)

    def domain(count: int, nearness: float) -> object:
        texts = script.fits.unit(random.normal(size=(count, 384))).astype(np.float32)
        vectors = script.fits.unit(random.normal(size=384) / 384**0.5 + nearness * texts)
        features = random.normal(size=(count, 1752)).astype(np.float32)
        return script.data.Domain(
            vectors.astype(np.float32), features[:, :1000], features, texts, np.eye(count) > 0
        )

    everyday = domain(60, 0.5)
    rows: list[str] = []
    with script.single_thread():
        script.compare(everyday, {}, rows.append)
        assert len(rows) == 2 + len(script.WAYS) * len(script.SHARES)
        # images that a hair tells apart: every residual hides it
        monkeypatch.setattr(script, "WAYS", script.WAYS[-2:])
        with pytest.raises(StitchError, match="harder to find"):
            script.compare(everyday, {"other": domain(60, 0.01)}, rows.append)
