"""A plug-in of each kind, as another package would write it, from its contract to a search."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import stitch_cir as st
from stitch_cir.composers import composer_by_name
from stitch_cir.encoders import HashEncoder, encoder_names, load_encoder
from stitch_cir.errors import QueryError, SettingError
from stitch_cir.plugins import COMPOSERS, ENCODERS, RERANKERS, SCORERS, TRANSITIONS
from stitch_cir.reranker import Candidate, Verdict
from stitch_cir.server import ServerSettings, create_app
from stitch_cir.testing import (
    check_composer,
    check_encoder,
    check_reranker,
    check_scorer,
    check_transition,
)
from stitch_cir.transition import TransitionBase
from stitch_cir.transport import Attention, Block, BlockScorer
from stitch_cir.views import cut
from tests.cli.runs import run_here

# -- the plug-ins ----------------------------------------------------------------------------------


class GreyEncoder:
    """Sees brightness only; texts are bright or dark by their words."""

    name, weights_tag, dim, decode_side, fingerprint = "grey", "none", 8, 16, "67726579"

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._unit([0.2 + 0.1 * (len(text) % 5) for text in texts])

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[st.ViewBox]]
    ) -> np.ndarray:
        light = [
            np.asarray(cut(image, box).convert("L")).mean() / 255
            for image, each in zip(images, boxes, strict=True)
            for box in each
        ]
        return self._unit(light).reshape(len(images), -1, self.dim)

    def _unit(self, light: Sequence[float]) -> np.ndarray:
        angles = np.asarray(light)[:, None] * np.arange(1, self.dim // 2 + 1)
        rows = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / 2
        return rows.astype(np.float32)


class EchoComposer:
    """Writes the modification as the only caption."""

    name = "echo"

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def settings(self) -> dict[str, Any]:
        return {"composer": self.name, "prefix": self.prefix}

    def compose(
        self, reference: st.Reference | None, modification: str, count: int
    ) -> st.Composition:
        if not modification.strip():
            raise QueryError("There is no modification to echo.")
        captions = (st.Caption(self.prefix + modification, 1.0, self.name),)
        return st.Composition(captions, modification, self.name, settings=self.settings())


@dataclass(frozen=True)
class Blend(BlockScorer):
    """Between mean pooling and the best pair of each caption."""

    share: float = 0.5

    name: ClassVar[str] = "blend"

    def settings(self) -> dict[str, Any]:
        return {"scorer": self.name, "share": self.share}

    def score_block(self, block: Block) -> np.ndarray:
        forward = (self.attend(block).forward * block.s).sum(axis=1)
        mean = (block.side(0)[0] * (block.side(1)[0] * block.s)).sum(axis=(0, 1))
        return (block.p.weights * forward).sum(axis=0) + mean

    def attend(self, block: Block) -> Attention:
        weights, absent, _ = block.side(1)
        s = block.s if absent is None else np.where(absent, -np.inf, block.s)
        best = (s == s.max(axis=1, keepdims=True)) * weights
        best = best / best.sum(axis=1, keepdims=True)
        forward = self.share * best + (1 - self.share) * weights
        return Attention(forward, np.broadcast_to(block.side(0)[0], block.s.shape))


@dataclass(frozen=True)
class Push(TransitionBase):
    """Moves captions away from the reference image, then towards the modification."""

    alpha: float = 0.45
    push: float = 0.2

    name: ClassVar[str] = "push"
    needs_reference_image: ClassVar[bool] = True

    def settings(self) -> dict[str, Any]:
        return {"transition": self.name, "alpha": self.alpha, "push": self.push}

    def refine(
        self,
        captions: np.ndarray,
        modification: np.ndarray | None,
        *,
        reference_captions: np.ndarray | None = None,
        reference_image: np.ndarray | None = None,
    ) -> np.ndarray:
        rows: np.ndarray = super().refine(captions, modification)
        rows = rows if modification is None else rows + self.alpha * modification
        rows = rows if reference_image is None else rows - self.push * reference_image
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class PrefersShortNames:
    """Judges by the length of the id."""

    def settings(self) -> dict[str, Any]:
        return {"reranker": "short"}

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        return [Verdict(each.id, 1 / (1 + len(each.id))) for each in candidates]

    def notes(self) -> tuple[str, ...]:
        return ("judged by length",)

    def usage(self) -> None:
        return


# -- their contracts -------------------------------------------------------------------------------


@pytest.fixture
def installed(install: Callable[..., None]) -> None:
    install(ENCODERS, ("grey", GreyEncoder))
    install(COMPOSERS, ("echo", EchoComposer))
    install(SCORERS, ("blend", Blend))
    install(TRANSITIONS, ("push", Push))
    install(RERANKERS, ("short", PrefersShortNames))


def test_they_keep_their_contracts() -> None:
    check_encoder(GreyEncoder())
    check_composer(EchoComposer())
    check_scorer(Blend())
    check_transition(Push())
    check_reranker(PrefersShortNames())


@pytest.mark.parametrize("plug_in", [GreyEncoder, EchoComposer, Blend, Push, PrefersShortNames])
def test_a_plug_in_is_written_in_thirty_lines(plug_in: type) -> None:
    """The sixth kind, a data set, is ``COINS`` of ``tests/benchmarks/test_datasets.py``."""
    assert len(inspect.getsource(plug_in).splitlines()) <= 30


# -- by their names --------------------------------------------------------------------------------


@pytest.mark.usefixtures("installed")
def test_an_encoder_is_loaded_by_name(tmp_path: Path, folder: Path) -> None:
    assert "grey" in encoder_names()
    st.index_folder(folder, tmp_path / "gallery", encoder=load_encoder("grey"))
    with st.Gallery.open(tmp_path / "gallery") as gallery:  # it remembers the encoder's name
        assert isinstance(gallery.encoder, GreyEncoder)
        assert len(st.search(gallery, reference="red.png")) > 0
    for refused in ({"precision": "bf16"}, {"device": "cuda"}):
        with pytest.raises(SettingError, match="grey"):
            load_encoder("grey", **refused)


@pytest.mark.usefixtures("installed")
def test_a_composer_is_made_by_name_with_its_options() -> None:
    composer = composer_by_name("echo", prefix="a photo of ")
    assert composer.compose(None, "a cat", 3).texts == ("a photo of a cat",)


@pytest.mark.usefixtures("installed")
def test_settings_take_scorers_and_transitions_of_others(gallery: st.Gallery) -> None:
    settings = st.SearchSettings.from_preset(
        k=3, transition="push", transition_options={"push": 0.4}, scorer="blend", alpha=0.3
    )
    assert settings.transition == Push(alpha=0.3, push=0.4)
    assert settings.method() == "transition push α 0.3 push 0.4 · blend share 0.5"
    results = st.search(gallery, reference="red.png", text="in blue", settings=settings)
    assert len(results) == 3
    assert results[0].plan.settings == {"scorer": "blend", "share": 0.5}
    assert results.to_dict()["settings"]["transition_options"] == {"push": 0.4}
    plain = settings.with_(transition_options={}, transition="linear")
    assert "transition_options" not in plain.to_dict()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "wrong",
    [
        {"scorer": "blend", "scorer_options": {"sharing": 1}},
        {"scorer": "chamfer", "scorer_options": {"share": 1}},
        {"scorer_options": {"share": [1]}},
        {"scorer_options": {"tau": float("nan")}},
        {"transition_options": 3},
        {"transition": "pushh"},
        {"transition": "push", "alpha": 3.0},
    ],
)
def test_settings_check_the_options_of_others(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        st.SearchSettings.from_preset(**wrong)


@pytest.mark.usefixtures("installed")
def test_the_command_line_takes_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    st.index_folder(folder, tmp_path / "gallery", encoder=HashEncoder())
    options = (
        "--scorer blend --scorer-option share=0.25 --transition push --rerank 3 --reranker short"
    )
    run = run_here(
        monkeypatch, "search", tmp_path / "gallery", "in blue", "-r", "red.png", "--json",
        *options.split(), "--encoder", "test",
    )  # fmt: skip
    assert run.code == 0, run.err
    answer = json.loads(run.out)
    assert answer["settings"]["scorer_options"] == {"share": 0.25}
    assert answer["settings"]["transition"] == "push"
    assert "judged by length" in answer["notes"]
    for wrong in ("share", "=1", "share="):
        run = run_here(monkeypatch, "search", tmp_path / "gallery", "x", "--scorer-option", wrong)
        assert (run.code, "--scorer-option NAME=VALUE" in run.err) == (2, True)


@pytest.mark.usefixtures("installed")
def test_the_server_takes_them(folder: Path) -> None:
    st.index_folder(folder, encoder=HashEncoder())
    app = create_app(folder, encoder=HashEncoder(), settings=ServerSettings(rate=0))
    with TestClient(app) as client:
        declared = client.get("/api/gallery").json()["settings"]
        choices = {each["name"]: each["choices"] for each in declared}
        assert "blend" in choices["scorer"]
        assert "push" in choices["transition"]
        settings: dict[str, Any] = {"scorer": "blend", "scorer_options": {"share": 0.25}, "k": 2}
        answer = client.post("/api/search", json={"text": "red", "settings": settings})
        assert answer.status_code == 200, answer.text
        with st.Gallery.open(folder, encoder=HashEncoder()) as gallery:
            here = st.search(
                gallery, text="red", settings=st.SearchSettings.from_preset(**settings)
            )
        assert answer.json()["results"]["hits"][0]["score"] == pytest.approx(
            here[0].score, abs=1e-6
        )
        settings["scorer_options"] = {"sharing": 1}
        refused = client.post("/api/search", json={"text": "red", "settings": settings})
        assert refused.status_code == 422
        assert "sharing" in refused.text
