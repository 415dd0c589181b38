from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from stitch_cir import composers
from stitch_cir.composers import (
    Caption,
    Composition,
    VerbatimComposer,
    composer_by_name,
    edit_captions,
)
from stitch_cir.errors import NotFoundError, QueryError, RecordError, SettingError


def test_everything_public_is_there() -> None:
    assert all(hasattr(composers, name) for name in composers.__all__)
    assert list(composers.__all__) == sorted(composers.__all__)


def test_the_users_captions_replace_the_composed_ones() -> None:
    made = VerbatimComposer().compose(None, "in red", 5)
    edited = edit_captions(made, ["  a red\tdress ", "A RED DRESS", "“a scarlet gown”"])
    assert edited.captions == (
        Caption("a red dress", 1.0, "user"),
        Caption("a scarlet gown", 1.0, "user"),
    )
    assert edited.modification == "in red"
    assert edited.composer == "user"
    assert edited.settings == {"composer": "user", "edited": "verbatim"}
    assert edit_captions(made, "one").texts == ("one",)


@pytest.mark.parametrize("captions", [[], [" "], ["a dog", "\x00\x1f"], ["\u200b"]])
def test_blank_captions_are_refused(captions: list[str]) -> None:
    with pytest.raises(QueryError, match="caption"):
        edit_captions(Composition((), "m", "user"), captions)


def test_built_in_composers_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda **_: pytest.fail("scanned"))
    assert isinstance(composer_by_name("verbatim"), VerbatimComposer)
    with pytest.raises(NotFoundError):
        composer_by_name("recorded", path="no such file.jsonl")
    with pytest.raises(SettingError, match="'recorded' cannot be made with no options"):
        composer_by_name("recorded")
    with pytest.raises(SettingError, match="cannot be made with speed"):
        composer_by_name("verbatim", speed=2)


def test_plug_ins_are_found_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    group = "stitch_cir.composers"
    points = EntryPoints(
        [
            EntryPoint("mine", "stitch_cir.composers:VerbatimComposer", group),
            EntryPoint("broken", "no_such_module:Composer", group),
        ]
    )
    monkeypatch.setattr(metadata, "entry_points", lambda **_: points)
    assert isinstance(composer_by_name("mine"), VerbatimComposer)
    names = "Composers: verbatim, recorded, chat, two-stage, local, broken, mine"
    with pytest.raises(SettingError, match=names):
        composer_by_name("other")
    with pytest.raises(SettingError, match="'broken'.*cannot be loaded"):
        composer_by_name("broken")


@pytest.mark.parametrize("data", [{}, {"captions": 3}, {"captions": [{"text": "a"}]}])
def test_half_a_composition_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="no composition"):
        Composition.from_dict(data)
