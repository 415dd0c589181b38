"""Encoding a gallery again with a better encoder, while the old vectors answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryMismatchError
from stitch_cir.gallery import Gallery, ProgressEvent, index_captions, index_folder
from stitch_cir.views import ViewRecipe
from tests.command import invoke
from tests.gallery.fakes import WiderEncoder

Paint = Callable[..., Path]


@pytest.fixture
def many(tmp_path: Path, paint: Paint) -> Path:
    for number in range(12):
        paint(tmp_path / "many" / f"{number:02}.png", number)
    index_folder(tmp_path / "many", encoder=HashEncoder(), batch_size=4)
    return tmp_path / "many"


def facts(folder: Path) -> tuple[str, int, int]:
    with Gallery.open(folder) as gallery:
        info = gallery.info()
        return info["encoder"], info["dim"], info["images"]


class StopError(Exception):
    """Stands for an interrupt."""


def stop_after(count: int) -> Callable[[ProgressEvent], None]:
    def progress(event: ProgressEvent) -> None:
        if event.stage == "indexing" and event.done >= count:
            raise StopError

    return progress


def test_the_old_vectors_answer_until_all_new_ones_are_there(many: Path) -> None:
    states: list[tuple[str, int, int]] = []
    opened = Gallery.open(many, encoder=HashEncoder())
    report = index_folder(
        many,
        encoder=WiderEncoder(),
        switch_when_done=True,
        batch_size=4,
        progress=lambda event: states.append(facts(many)),
    )
    assert set(states) == {("test", 64, 12)}
    assert facts(many) == ("wider", 96, 12)
    assert "The gallery now has the vectors of wider; those of test are gone." in report.notes
    assert not list((many / ".stitch").glob("switch*"))
    with pytest.raises(GalleryMismatchError, match="Open it again|rebuilt"):
        opened.snapshot()
    with Gallery.open(many, encoder=WiderEncoder()) as gallery:
        assert gallery.matrix().vectors.shape[1] == 96


def test_an_interrupted_switch_leaves_the_old_one_and_resumes(many: Path, paint: Paint) -> None:
    first = WiderEncoder()
    with pytest.raises(StopError):
        index_folder(
            many,
            encoder=first,
            switch_when_done=True,
            batch_size=4,
            progress=stop_after(4),
        )
    assert 0 < first.encoded_images < 12
    assert facts(many) == ("test", 64, 12)
    # an ordinary run in between keeps what was encoded
    paint(many / "new.png", 99)
    assert index_folder(many, encoder=HashEncoder()).added == 1
    assert facts(many) == ("test", 64, 13)
    second = WiderEncoder()
    index_folder(many, encoder=second, switch_when_done=True, batch_size=4)
    assert second.encoded_images <= 13 - 4
    assert first.encoded_images + second.encoded_images >= 13
    assert facts(many) == ("wider", 96, 13)


def test_another_encoder_starts_the_switch_anew(many: Path) -> None:
    with pytest.raises(StopError):
        index_folder(
            many,
            encoder=WiderEncoder(),
            switch_when_done=True,
            progress=stop_after(1),
            batch_size=4,
        )
    other = WiderEncoder()
    other.name, other.fingerprint = "widest", "b" * 64
    index_folder(many, encoder=other, switch_when_done=True)
    assert (other.encoded_images, facts(many)[0]) == (12, "widest")


def test_the_same_encoder_encodes_only_what_is_new(many: Path, paint: Paint) -> None:
    paint(many / "new.png", 99)
    report = index_folder(many, encoder=HashEncoder(), switch_when_done=True)
    assert (report.added, report.unchanged) == (1, 12)
    assert not [note for note in report.notes if "vectors of" in note]


def test_a_first_run_has_nothing_to_switch(tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "one" / "a.png", 1)
    index_folder(tmp_path / "one", encoder=WiderEncoder(), switch_when_done=True)
    assert facts(tmp_path / "one") == ("wider", 96, 1)


def test_other_views_are_a_switch_too(many: Path) -> None:
    recipe = ViewRecipe(count=5)
    index_folder(many, encoder=HashEncoder(), recipe=recipe, switch_when_done=True)
    with Gallery.open(many) as gallery:
        assert gallery.info()["recipe"]["count"] == 5


def test_a_switch_is_no_way_to_another_folder(many: Path, tmp_path: Path, paint: Paint) -> None:
    paint(tmp_path / "other" / "a.png", 1)
    with pytest.raises(GalleryMismatchError, match="changes the encoder alone"):
        index_folder(
            tmp_path / "other", many / ".stitch", encoder=WiderEncoder(), switch_when_done=True
        )
    assert facts(many) == ("test", 64, 12)


def test_a_gallery_of_captions_switches(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text('{"id": "a", "captions": ["a red car"]}\n')
    folder = tmp_path / "g"
    index_captions(file, folder, encoder=HashEncoder())
    report = index_captions(file, folder, encoder=WiderEncoder(), switch_when_done=True)
    assert facts(folder)[:2] == ("wider", 96)
    assert "The gallery now has the vectors of wider; those of test are gone." in report.notes


def test_the_command(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stitch_cir.encoders.load_encoder", lambda name, **_: WiderEncoder())
    both = invoke(["index", str(many), "--switch-when-done", "--rebuild"])
    assert both.exit_code == 2
    assert "two ways" in both.output
    without = invoke(["index", str(many), "--encoder", "wider"])
    assert without.exit_code != 0
    assert "--switch-when-done" in " ".join(without.output.split())
    done = invoke(["index", str(many), "--encoder", "wider", "--switch-when-done", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["images"] == 12
    assert facts(many)[0] == "wider"
