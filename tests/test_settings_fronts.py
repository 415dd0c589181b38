"""Every front offers every setting, or the table below says why not; what is derived is current."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import stitch_cir as st
from stitch_cir._schema import DECLARED, PRESETS, SETTINGS, field_values
from stitch_cir.mcp import _arguments
from stitch_cir.plugins import SCORERS, TRANSITIONS
from stitch_cir.transition import PDV, Linear, NoTransition, ReferenceSubtraction
from stitch_cir.transport import ConditionalTransport, Sinkhorn
from stitch_cir.wire import QuerySettings
from tests.command import command_tree

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "src" / "stitch_cir" / "server" / "static"
NAMES = [setting.name for setting in SETTINGS]

ONE_IMAGE = "one image is explained"
WHOLE = "the place of an image is that in the whole ranking"
NO_SCORES = "no image is scored"
HERE = "a gallery on this machine has no shards"
REQUESTS = {
    "shortlist": "a server ranks exactly",
    "measure_recall": "it belongs to a shortlist",
    "rerank": "every search would pay a model",
    "rerank_weight": "it belongs to a reranker",
    "verify_mode": "it belongs to a reranker",
    "device": "the server's own",
}
HITS = {
    "partial": HERE,
    "k": ONE_IMAGE,
    "shortlist": WHOLE,
    "measure_recall": WHOLE,
    "min_score": ONE_IMAGE,
    "rerank": "a verdict explains itself",
    "rerank_weight": "it belongs to a reranker",
    "verify_mode": "it belongs to a reranker",
    "device": "one image is scored",
    "group_by": WHOLE,
    "group_size": WHOLE,
    "strictness": ONE_IMAGE,
    "below_cutoff": ONE_IMAGE,
    "near_duplicates": WHOLE,
    "variety": WHOLE,
}
WHY_NOT: dict[str, dict[str, str]] = {
    "Python": {},
    "stitch search": {"partial": HERE},
    "stitch explain": HITS,
    "stitch bench run": {
        **HITS,
        "k": "--depth is how deep a run ranks",
        "min_score": "lists have a fixed depth",
        "rerank": "figures are without a reranker",
        "device": "--device is the encoder's there",
        "include": "the data set says what is ranked",
        "exclude": "the data set says what is ranked",
        "where": "the data set says what is ranked",
        "include_reference": "the protocol decides",
        "negative_weight": "no image is rejected in a benchmark",
    },
    "stitch compose": {name: NO_SCORES for name in NAMES if name not in ("num_captions", "preset")},
    "API and client": REQUESTS,
    "tool search": REQUESTS,
    "tool explain": {
        **REQUESTS,
        "k": ONE_IMAGE,
        "min_score": ONE_IMAGE,
        "group_by": WHOLE,
        "group_size": WHOLE,
        "strictness": ONE_IMAGE,
        "below_cutoff": ONE_IMAGE,
        "near_duplicates": WHOLE,
        "variety": WHOLE,
    },
    "tool compose": {
        **{name: NO_SCORES for name in NAMES if name not in ("num_captions", "preset")},
        "preset": "it would set num_captions and nothing else",
    },
    "page": {
        **REQUESTS,
        "k": "its control is “Hits”",
        "preset": "the controls show single values",
        "transition_options": "of other packages, for scripts",
        "scorer_options": "of other packages, for scripts",
        "include": "patterns are for scripts",
        "exclude": "patterns are for scripts",
        "below_cutoff": "the page marks the cut-off",
        "composed_instruction": "a sentence for a model, for scripts",
        "group_size": "“+4 variants” opens all of them",
    },
    "docs/settings.md": {},
}


def options(*command: str) -> set[str]:
    """Return the names of a command's parameters."""
    node = command_tree()
    for word in command:
        node = node.commands[word]
    return {parameter.name for parameter in node.params}


def of(settings: tuple[Any, ...]) -> set[str]:
    return {setting.name for setting in settings}


def on_the_page() -> set[str]:
    script = (PAGE / "query.js").read_text(encoding="utf-8")
    left_out = re.search(r"LEFT_OUT = new Set\(\[(.*?)\]\)", script)
    assert left_out is not None
    names = set(re.findall(r'"(\w+)"', left_out[1]))
    assert names <= set(QuerySettings.__annotations__)
    return set(QuerySettings.__annotations__) - names


def in_the_docs() -> set[str]:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE))


def in_python() -> set[str]:
    values = {setting.name: setting.default for setting in SETTINGS}
    st.SearchSettings.from_preset(**values)
    return set(values)


OFFERED: dict[str, Callable[[], set[str]]] = {
    "Python": in_python,
    "stitch search": lambda: options("search"),
    "stitch explain": lambda: options("explain"),
    "stitch bench run": lambda: options("bench", "run") - {"device"},
    "stitch compose": lambda: options("compose"),
    "API and client": lambda: set(QuerySettings.__annotations__),
    "tool search": lambda: of(_arguments.SEARCHING),
    "tool explain": lambda: of(_arguments.EXPLAINING),
    "tool compose": lambda: of(_arguments.COMPOSING),
    "page": on_the_page,
    "docs/settings.md": in_the_docs,
}


@pytest.mark.parametrize("front", OFFERED)
def test_every_front_offers_every_setting_or_documents_why_not(front: str) -> None:
    offered = OFFERED[front]() & set(NAMES)
    assert offered | set(WHY_NOT[front]) == set(NAMES)
    assert not offered & set(WHY_NOT[front])


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_written_from_the_declarations_is_current(generate: ModuleType) -> None:
    hint = "run: python scripts/generate.py"
    assert generate.typed_source() == generate.TYPED.read_text(encoding="utf-8"), hint
    page = generate.DOCS.read_text(encoding="utf-8")
    assert generate.documented(page) == page, hint


@pytest.mark.parametrize("registry", [TRANSITIONS, SCORERS], ids=lambda each: each.kind)
def test_every_setting_of_a_built_in_plug_in_is_declared_with_its_users(registry: Any) -> None:
    users: dict[str, list[str]] = {}
    for name in registry.built_in:
        made = registry.make(name)
        for field, value in field_values(made).items():
            users.setdefault(field, []).append(name)
            assert value == DECLARED[field].default
    declared = {
        name: list(setting.used_by)
        for name, setting in DECLARED.items()
        if setting.part == registry.kind and setting.used_by
    }
    assert declared == users


def test_names_and_objects_are_the_same_settings() -> None:
    by_name = st.SearchSettings.from_preset(
        transition="pdv", scale=2, scorer="sinkhorn", epsilon=0.05, hubness_weight=0.4
    )
    by_object = st.SearchSettings(
        transition=PDV(scale=2.0), scorer=Sinkhorn(epsilon=0.05), hubness=st.Hubness(0.4)
    )
    assert by_name == by_object
    assert by_name.to_dict() == by_object.to_dict()
    assert by_name.preset == "custom"
    flat = by_name.to_dict()
    assert st.SearchSettings.from_preset(**{**flat, "preset": "paper"}) == by_name
    assert "alpha" not in flat
    assert (flat["scale"], flat["max_iterations"]) == (2.0, 1000)


def test_what_another_method_needs_is_kept_for_it() -> None:
    settings = st.SearchSettings.from_preset("captions", scorer="mean")
    assert settings.with_(scorer="conditional").scorer == ConditionalTransport(tau=0.05)
    assert settings.with_(transition="linear").transition == Linear(alpha=0.4)
    there_and_back = settings.with_(transition="none").with_(transition="away")
    assert there_and_back.transition == ReferenceSubtraction(alpha=0.4, beta=0.08)
    assert settings.with_(alpha=0.2).transition == ReferenceSubtraction(alpha=0.2, beta=0.08)
    assert settings.with_(transition=NoTransition()).transition == NoTransition()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_its_name_until_a_value_of_it_is_another(preset: str) -> None:
    settings = st.SearchSettings.from_preset(preset, k=3)
    assert settings.preset == preset
    assert settings.to_dict().items() >= dict(PRESETS[preset]).items()
    assert settings.with_(min_score=0.5).preset == preset
    assert settings.with_(num_captions=63).preset == "custom"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": 2}, "alpha is 2, outside its range. alpha must be a finite number between 0"),
        ({"epsilon": 0}, "epsilon is 0, .* of at least 1e-06"),
        ({"transition": "none", "beta": -1}, "beta is -1"),
        ({"scorer": Sinkhorn(), "epsilon": 0.1}, "epsilon is set beside a scorer"),
        ({"aplha": 0.1}, "no setting 'aplha'.*'alpha'"),
        ({"measure_recall": 1}, "measure_recall is 1, .* true or false"),
        ({"include": "*.jpg"}, "include is .* a list of texts"),
    ],
)
def test_a_bad_value_is_one_error_with_name_value_and_range(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(st.SettingError, match=message):
        st.SearchSettings.from_preset(**values)


def test_a_name_instead_of_an_object_gets_a_hint() -> None:
    with pytest.raises(st.SettingError, match="from_preset"):
        st.SearchSettings(transition="pdv")  # type: ignore[arg-type]
