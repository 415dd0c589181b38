"""The registry: one door for the built-in plug-ins and for those of other packages."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from stitch_cir import plugins
from stitch_cir.errors import NotFoundError, SettingError
from stitch_cir.plugins import COMPOSERS, ENCODERS, SCORERS, TRANSITIONS, Registry

ALL = [value for value in vars(plugins).values() if isinstance(value, Registry)]
EVERY = pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.kind)
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


class Half:
    """A scorer that lacks everything but its name."""

    name = "half"


def refuse(**options: Any) -> None:
    raise RuntimeError("no licence")


@EVERY
def test_the_built_in_plug_ins_are_the_declared_entry_points(registry: Registry) -> None:
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    assert groups.get(registry.group, {}) == registry.built_in


@EVERY
def test_built_in_plug_ins_are_loaded_without_a_scan(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[dict[str, Any]] = []
    monkeypatch.setattr(metadata, "entry_points", lambda **group: scanned.append(group) or [])  # type: ignore[func-returns-value]
    for name in registry.built_in:
        assert registry.load(name) is not None
    assert {"group": registry.group} not in scanned  # pydantic looks for plug-ins of its own


def test_there_are_nine_kinds() -> None:
    assert [registry.kind for registry in ALL] == [
        "encoder", "composed-query encoder", "composer", "scorer", "fusion", "transition", "reranker",
        "candidate source", "data set",
    ]  # fmt: skip


@EVERY
def test_an_unknown_name_lists_the_others(registry: Registry, install: Callable[..., None]) -> None:
    install(registry, ("another", Half))
    with pytest.raises(SettingError, match=f"There is no {registry.kind} 'anothr'") as caught:
        registry.load("anothr")
    assert "Did you mean 'another'?" in caught.value.hint


def test_plug_ins_of_other_packages_follow_the_built_in_ones(install: Callable[..., None]) -> None:
    install(SCORERS, ("zeta", Half), ("beta", Half))
    assert SCORERS.names() == (*SCORERS.built_in, "beta", "zeta")
    assert SCORERS.load("zeta") is Half


def test_a_built_in_name_is_not_taken(install: Callable[..., None]) -> None:
    install(SCORERS, ("chamfer", Half))
    assert SCORERS.names() == tuple(SCORERS.built_in)
    assert SCORERS.make("chamfer").name == "chamfer"


def test_two_packages_of_one_name_are_refused(install: Callable[..., None]) -> None:
    install(SCORERS, ("soft", Half), ("soft", "third_package:Soft"))
    with pytest.raises(SettingError, match="Several packages bring a scorer 'soft'"):
        SCORERS.load("soft")


@pytest.mark.parametrize("name", ["a:b", "bf16@", "-soft", "sø"])
def test_names_that_options_could_not_spell_are_refused(
    install: Callable[..., None], name: str
) -> None:
    install(ENCODERS, (name, Half))
    assert name not in ENCODERS.names()
    with pytest.raises(SettingError, match="cannot be named"):
        ENCODERS.load(name)


@pytest.mark.parametrize("value", ["no_such_module:Soft", "other_package:Soft"])
def test_a_plug_in_that_is_not_there_names_its_address(
    install: Callable[..., None], value: str
) -> None:
    install(SCORERS, ("soft", value))
    with pytest.raises(SettingError, match=rf"'soft' \({value}\) cannot be loaded"):
        SCORERS.make("soft")


def test_whatever_a_package_raises_on_import_is_one_error(
    install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_on_import.py").write_text("raise RuntimeError('needs a dongle')\n")
    monkeypatch.syspath_prepend(tmp_path)
    install(SCORERS, ("soft", "fails_on_import:Soft"))
    with pytest.raises(SettingError, match="RuntimeError: needs a dongle"):
        SCORERS.make("soft")


def test_whatever_a_plug_in_raises_when_it_is_made_is_one_error(
    install: Callable[..., None],
) -> None:
    install(SCORERS, ("soft", refuse))
    with pytest.raises(SettingError, match="'soft' cannot be made with no options: no licence"):
        SCORERS.make("soft")


def test_an_object_without_the_members_of_its_kind_is_refused(install: Callable[..., None]) -> None:
    install(SCORERS, ("half", Half))
    with pytest.raises(SettingError, match="is no Scorer: it lacks plan, score_similarities"):
        SCORERS.make("half")


def test_options_are_checked() -> None:
    with pytest.raises(SettingError, match="'verbatim' cannot be made with speed") as caught:
        COMPOSERS.make("verbatim", speed=2)
    assert "Its options are: none." in caught.value.hint
    with pytest.raises(NotFoundError):
        COMPOSERS.make("recorded", path="no such file.jsonl")


def test_options_of_a_typed_dictionary_are_options_of_the_plug_in() -> None:
    assert {"model", "sampling", "base_url", "cache"} <= set(COMPOSERS.options("chat"))
    assert "base_url" not in COMPOSERS.options("local")
    assert COMPOSERS.default("local", "sampling").temperature == 0
    assert COMPOSERS.default("chat", "sampling") is None
    assert COMPOSERS.default("verbatim", "sampling") is None


def test_shared_settings_go_to_those_that_have_them_and_are_checked_by_all() -> None:
    assert TRANSITIONS.make_from("away", {"alpha": 0.3, "scale": 2}).alpha == 0.3
    assert TRANSITIONS.make_from("away", {"alpha": 0.3}, {"alpha": 0.2}).alpha == 0.2
    with pytest.raises(SettingError, match="alpha is 7"):
        TRANSITIONS.make_from("none", {"alpha": 7})
    with pytest.raises(SettingError, match="'none' cannot be made with depth"):
        TRANSITIONS.make_from("none", {}, {"depth": 1})
