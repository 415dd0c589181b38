"""Killed or refused by the disk at every call that changes a file: nothing is lost or half done."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryMissingError
from stitch_cir.gallery import Gallery
from tests.chaos.conftest import Zygote, sample
from tests.chaos.scenes import SCENES, Scene, state

MODES = {"before": 1, "torn": 2, "after": 3, "full once": 4, "full from": 5, "broken": 6}
KILLS = ("before", "torn", "after")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SCENES)
def test_survives_a_fault_at_every_call(
    name: str,
    mode: str,
    zygote: Zygote,
    tmp_path: Path,
    record_property: Callable[[str, Any], None],
) -> None:
    scene = SCENES[name]
    before = tmp_path / "before"
    before.mkdir()
    scene.prepare(before)
    calm = tmp_path / "root"
    shutil.copytree(before, calm)
    undisturbed = zygote.run(name, calm)
    assert undisturbed["status"] == 0, undisturbed["said"]
    expected = state(calm)
    points = sample(range(undisturbed["calls"]), f"{name} {mode}")
    ended: Counter[str] = Counter()
    for at in points:
        # the same path each time: the calls are counted by it
        shutil.rmtree(calm)
        shutil.copytree(before, calm)
        answer = zygote.run(name, calm, at, MODES[mode])
        where = f"{name}, {mode} call {at} of {undisturbed['calls']}"
        ended[_ending(answer, mode, where)] += 1
        _survived(scene, calm, expected, where)
    record_property("tried", len(points))
    record_property("endings", dict(ended))


def _ending(answer: dict[str, Any], mode: str, where: str) -> str:
    """Check how the process ended: killed, or one clear error, never a traceback."""
    if answer["killed"]:
        assert mode in KILLS, where
        return "killed"
    assert answer["status"] != 1, f"{where}: {answer['said']}"
    return "error" if answer["status"] else "done all the same"


def _survived(scene: Scene, root: Path, expected: dict[str, object], where: str) -> None:
    """The gallery opens undamaged or is not there yet; what the user does next completes it."""
    try:
        with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
            report = gallery.verify()
            assert not report.problems, f"{where}: {report.problems}"
    except GalleryMissingError:
        assert scene.name == "first index", where
    scene.resume(root)
    survived = state(root)
    assert survived["files"] == expected["files"], where
    assert survived["items"] == expected["items"], where
    assert survived["rankings"] == expected["rankings"], where
    with Gallery.open(root / "images", encoder=HashEncoder()) as gallery:
        assert gallery.verify().sound, where
