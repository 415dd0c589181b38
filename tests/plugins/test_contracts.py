"""The contract suites find what is wrong, and nothing in what is built in."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.chat import Chat
from stitch_cir.composers import (
    Caption,
    ChatComposer,
    Composition,
    VerbatimComposer,
)
from stitch_cir.encoders import load_encoder
from stitch_cir.plugins import FUSIONS, SCORERS, TRANSITIONS
from stitch_cir.reranker import ChatReranker, Judgement, Verdict
from stitch_cir.testing import (
    ContractError,
    FixedComposer,
    FixedReranker,
    HashEncoder,
    ScriptedChat,
    check_composer,
    check_encoder,
    check_fusion,
    check_reranker,
    check_scorer,
    check_transition,
)
from stitch_cir.transition import Linear
from stitch_cir.transport import Chamfer, ConditionalTransport, MeanPooling, SetBound


@pytest.mark.parametrize("name", SCORERS.built_in)
def test_built_in_scorers_keep_the_contract(name: str) -> None:
    check_scorer(SCORERS.make(name))


@pytest.mark.parametrize("name", TRANSITIONS.built_in)
def test_built_in_transitions_keep_the_contract(name: str) -> None:
    check_transition(TRANSITIONS.make(name))


@pytest.mark.parametrize("name", FUSIONS.built_in)
def test_built_in_fusions_keep_the_contract(name: str) -> None:
    check_fusion(FUSIONS.make(name))


@pytest.mark.parametrize(
    ("rule", "weigh"),
    [
        ("4 members the weights", lambda vectors, weights, means: -weights),
        ("4 members the weights", lambda vectors, weights, means: weights[:2]),
        ("order of the members", lambda vectors, weights, means: weights + np.arange(4)),
        ("does not change", lambda vectors, weights, means: weights.__imul__(2)),
        ("4 members the weights", lambda vectors, weights, means: weights * np.nan),
    ],
)
def test_broken_fusions_are_named(rule: str, weigh: Callable[..., Any]) -> None:
    class Broken:
        name = "weights"

        def weigh(self, *arguments: Any) -> Any:
            return weigh(*arguments)

    with pytest.raises(ContractError, match=rule):
        check_fusion(Broken())


@pytest.mark.parametrize("name", ["mini", "test"])
def test_built_in_encoders_keep_the_contract(name: str) -> None:
    check_encoder(load_encoder(name))


def test_composers_and_rerankers_keep_the_contract() -> None:
    chat = Chat(ScriptedChat(["yes: a blue dress", "no, a dress in blue"]), None)
    for composer in (
        VerbatimComposer(),
        VerbatimComposer(),
        FixedComposer(["a"]),
        ChatComposer(chat),
    ):
        check_composer(composer)
    check_reranker(ChatReranker(chat))
    check_reranker(FixedReranker(["red.jpg"]))


class Counting(HashEncoder):
    """Its vectors depend on the batch."""

    def encode_texts(self, texts: Any) -> np.ndarray:
        return np.roll(super().encode_texts(texts), len(texts), axis=1)


class Doubles(HashEncoder):
    def encode_views(self, images: Any, boxes: Any) -> np.ndarray:
        return super().encode_views(images, boxes).astype(np.float64)


class Long(HashEncoder):
    def encode_texts(self, texts: Any) -> np.ndarray:
        return 2 * super().encode_texts(texts)


class TooHigh(Chamfer):
    def set_bound(self) -> SetBound:
        return SetBound("means")


class Positional(MeanPooling):
    """Counts the first caption twice."""

    def score_similarities(self, s: Any, p: Any = None, q: Any = None) -> Any:
        return super().score_similarities(s, p, q) + 0.01 * np.asarray(s)[..., 0, 0]


class WrongTensors(ConditionalTransport):
    def settings(self) -> dict[str, Any]:
        return {"scorer": "other", "tau": self.tau}


class Secret(Linear):
    """Uses the reference image without saying so."""

    def refine(self, captions: Any, modification: Any, **more: Any) -> np.ndarray:
        image = more.get("reference_image")
        return super().refine(captions, modification if image is None else image)


class Overwrites(Linear):
    def refine(self, captions: Any, modification: Any, **more: Any) -> np.ndarray:
        refined = super().refine(captions, modification)
        captions[:] = refined
        return refined


class Repeats(FixedComposer):
    def compose(self, reference: Any, modification: str, count: int) -> Composition:
        made = super().compose(reference, modification, count)
        return Composition((Caption("a"),) * 2, made.modification, self.name)


class Eager(FixedComposer):
    def compose(self, reference: Any, modification: str, count: int) -> Composition:
        return super().compose(reference, modification.strip() or "x", count)


class RanksOne(FixedReranker):
    def judge_together(
        self, reference: Any, modification: Any, candidates: Any, checklist: Any, *, mode: str
    ) -> Judgement:
        return Judgement(tuple(self.judge(reference, modification, candidates[:1])))


class Shuffles(FixedReranker):
    def judge(self, reference: Any, modification: str, candidates: Any) -> list[Verdict]:
        return super().judge(reference, modification, candidates)[::-1]


@pytest.mark.parametrize(
    ("check", "plug_in", "rule"),
    [
        (check_encoder, Image, "is no encoder: it lacks"),
        (check_encoder, Counting(), "a text's vector does not depend on its batch"),
        (check_encoder, Doubles(), "encode_views is float32"),
        (check_encoder, Long(), "rows of length 1"),
        (check_scorer, object(), "is no scorer: it lacks"),
        (check_scorer, TooHigh(), "bounded by 'means'"),
        (check_scorer, Positional(), "between -2 and 2|twice their cosine|order of captions"),
        (check_scorer, WrongTensors(), "the plug-in's name"),
        (check_transition, Chamfer(), "is no transition: it lacks"),
        (check_transition, Secret(), "without needs_reference_image"),
        (check_transition, Overwrites(), "does not change its arguments"),
        (check_composer, Linear(), "is no composer: it lacks"),
        (check_composer, Repeats(["a", "b"]), "all captions differ"),
        (check_composer, FixedComposer([" "]), "no caption is blank"),
        (check_composer, Eager(["a"]), "raises QueryError"),
        (check_reranker, Linear(), "is no reranker: it lacks"),
        (check_reranker, Shuffles([]), "in their order"),
        (check_reranker, RanksOne([]), "judge_together returns one verdict for each"),
    ],
)
def test_a_broken_rule_is_named(check: Callable[[Any], None], plug_in: Any, rule: str) -> None:
    with pytest.raises(ContractError, match=rule):
        check(plug_in)


def test_the_plug_in_of_the_documentation_keeps_the_contract(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    module = ModuleType("my_package")
    monkeypatch.setitem(sys.modules, "my_package", module)
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(code, "docs/plugins.md", "exec"), vars(module))
    module.test_push_keeps_the_contract()
