"""Scores computed by torch against those of NumPy, and the rankings they give.

They run on torch's CPU device, and on CUDA as well where torch sees a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stitch_cir as st
from stitch_cir.errors import ModelError, SettingError, VectorError
from stitch_cir.gallery import Ids, ViewMatrix
from stitch_cir.ranking import Exhaustive, OnDevice, RankingProblem, ScoreTerm, ScoreTerms
from stitch_cir.transition import transition_by_name
from stitch_cir.transport import (
    Chamfer,
    ConditionalTransport,
    ExactTransport,
    MeanPooling,
    PointSets,
    PointToPoint,
    Scorer,
    Sinkhorn,
    TorchScorer,
    forward_look,
    open_device,
    score_sets,
    score_sets_torch,
)

SCORERS: tuple[Scorer, ...] = (
    ConditionalTransport(),
    ConditionalTransport(tau=0.05),
    ConditionalTransport(tau=1e-35),
    ConditionalTransport(tau=1e3),
    ConditionalTransport(tau=0.01, rho=0.3 / 1.3),
    Chamfer(),
    Chamfer(rho=0.9),
    MeanPooling(),
    PointToPoint(),
    Sinkhorn(epsilon=0.05),
    Sinkhorn(epsilon=0.02, max_iterations=20),
)

TOLERANCE = 1e-5
"""How far the scores of a device may be from those of NumPy: docs/exact-search.md."""

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Every torch device there is here."""
    return str(request.param)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sets are small here: a second thread would only be waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def unit(random: np.random.Generator, *shape: int, spread: float = 1.0) -> np.ndarray:
    """Unit vectors around a common one: the smaller the spread, the nearer they all lie."""
    vectors = random.normal(size=shape) * spread + random.normal(size=shape[-1])
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: str(scorer.settings()))
@pytest.mark.parametrize("case", ["plain", "weights", "mask", "opposite"])
def test_scores_are_those_of_numpy(scorer: Scorer, case: str, device: str) -> None:
    random = np.random.default_rng(3)
    captions, views = unit(random, 4, 5, 16), unit(random, 100, 7, 16)
    weights = mask = None
    if case == "weights":
        weights = random.random((100, 7)).astype(np.float32) * (random.random((100, 7)) > 0.3)
        weights[:, 0] += 0.1
    if case == "mask":
        mask = random.random((100, 7)) > 0.4
        mask[:, 0] = True
        views[~mask] = 0.0
    if case == "opposite":  # every similarity negative: what is absent must not win with 0
        captions = -unit(random, 4, 5, 16, spread=0.1)
        views = unit(random, 100, 7, 16, spread=0.1)
    query_weights = None if case == "plain" else random.random((4, 5)).astype(np.float32)
    if query_weights is not None:
        query_weights[:, 2] = 0.0
    queries = PointSets(captions, query_weights)
    gallery = PointSets(views, weights, mask)
    expected = score_sets(queries, gallery, scorer)
    for block in (None, 33):
        scores = score_sets_torch(queries, gallery, scorer, device=device, block=block)
        assert scores.dtype == np.float32
        np.testing.assert_allclose(scores, expected, atol=TOLERANCE, rtol=0)


def ragged(random: np.random.Generator, count: int, dim: int, *, even: bool = False) -> ViewMatrix:
    """Sets of one to six views (or of four), a third of them copies, so that many images tie."""
    sets = [unit(random, 4 if even else int(random.integers(1, 7)), dim) for _ in range(count)]
    for number in range(2, count, 3):
        sets[number] = sets[int(random.integers(0, number))]
    offsets = np.cumsum([0, *(len(members) for members in sets)]).astype(np.int64)
    vectors = np.concatenate(sets)
    vectors.flags.writeable = False
    kinds = np.zeros(len(vectors), np.uint8)
    means = np.stack([vectors.mean(0) for vectors in sets])
    ids = Ids.of(f"{number:04}" for number in range(count))
    return ViewMatrix(ids, vectors, offsets, kinds, means, generation=1)


@pytest.mark.parametrize(
    "scorer", [*SCORERS[:2], *SCORERS[4:10]], ids=lambda scorer: str(scorer.settings())
)
@pytest.mark.parametrize("transition", ["linear", "semantic-increment"])
@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("even", [False, True])
def test_rankings_are_exactly_those_of_numpy(
    scorer: Scorer, transition: str, resident: bool, even: bool, device: str
) -> None:
    block = 4 * 6 * 16 * 50
    solver = OnDevice(device, 1 << 40 if resident else 0, block, block)
    random = np.random.default_rng(11)
    matrix = ragged(random, 150, 16, even=even)
    combines = transition == "semantic-increment"
    for trial in range(2):
        problem = RankingProblem(
            matrix,
            np.flatnonzero(random.random(150) > 0.2) if trial else np.arange(150),
            unit(random, 5, 16),
            np.full(5, 0.2, np.float32),
            scorer,
            transition_by_name(transition, alpha=0.45),
            unit(random, 3, 16) if combines else None,
            random.random(150) if trial else None,
            np.arange(5) if trial else None,
        )
        for k in (1, 10, len(problem.rows)):
            expected = Exhaustive().solve(problem, k)
            (ranking,) = solver.solve_many([problem], k)
            assert np.array_equal(ranking.rows, expected.rows)
            assert np.array_equal(ranking.scores, expected.scores)
    assert solver.resident_count == resident
    del matrix, problem
    assert solver.resident_count == 0  # the device's copy goes with the gallery


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_groups_rank_on_a_device_as_on_the_cpu(k: int, device: str) -> None:
    """The best sets are of few groups: the best groups are not all among the best k sets."""
    random = np.random.default_rng(13)
    matrix = ragged(random, 80, 16)
    problem = RankingProblem(
        matrix, np.arange(80), unit(random, 3, 16), np.full(3, 1 / 3, np.float32), Chamfer()
    )
    order = Exhaustive().solve(problem, 80).rows
    groups = np.empty(80, np.int64)
    groups[order] = np.arange(80) // 7  # neighbours in the ranking are of one group
    grouped = replace(problem, groups=groups)
    expected = Exhaustive().solve(grouped, k)
    ranked = OnDevice(device).solve(grouped, k)
    assert len(expected.rows) == min(k, 12)
    assert ranked.rows.tolist() == expected.rows.tolist()
    assert ranked.scores.tolist() == expected.scores.tolist()


def test_what_stays_on_a_device_goes_with_its_solver(device: str) -> None:
    random = np.random.default_rng(12)
    matrix = ragged(random, 9, 16)
    even = np.full(2, 0.5, np.float32)
    problem = RankingProblem(matrix, np.arange(9), unit(random, 2, 16), even, Chamfer())
    calls: list[tuple[int, int]] = []
    solver = OnDevice(device)
    rankings = solver.solve_many([problem, problem], 0, progress=lambda *done: calls.append(done))
    assert [len(ranking.rows) for ranking in rankings] == [0, 0]
    assert calls == [(1, 2), (2, 2)]
    assert solver.device == device
    # half of a GPU's free memory holds this gallery; on the CPU nothing has to be sent
    solver.solve(problem, 3)
    assert solver.resident_count == (device != "cpu")
    keeping = OnDevice(device, 1 << 40)
    keeping.solve(problem, 3)
    del keeping, solver, matrix, problem  # the copies went with the solvers, before the vectors


def test_a_gallery_for_which_a_device_has_no_memory_is_sent_in_blocks(
    monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    """Memory that was free when it was looked at may be taken by another process meanwhile."""
    random = np.random.default_rng(14)
    matrix = ragged(random, 60, 16)
    even = np.full(2, 0.5, np.float32)
    problem = RankingProblem(matrix, np.arange(60), unit(random, 2, 16), even, Chamfer())
    send = TorchScorer.send

    def limited(scorer: TorchScorer, array: np.ndarray) -> Any:
        if array.nbytes > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more.")
        return send(scorer, array)

    monkeypatch.setattr(TorchScorer, "send", limited)
    solver = OnDevice(device, 1 << 40, block_bytes=4 * 6 * 16 * 5)
    limit = matrix.vectors.nbytes - 1
    ranking, expected = solver.solve(problem, 7), Exhaustive().solve(problem, 7)
    assert ranking.rows.tolist() == expected.rows.tolist()
    assert ranking.scores.tolist() == expected.scores.tolist()
    assert solver.resident_count == 0
    limit = 100
    with pytest.raises(ModelError, match=f"The memory of {device} is full") as caught:
        solver.solve(problem, 7)
    assert "--device cpu" in caught.value.hint
    # it is looked at again for every query
    limit = matrix.vectors.nbytes
    solver.solve(problem, 7)
    assert solver.resident_count == 1

    def broken(scorer: TorchScorer, array: np.ndarray) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(TorchScorer, "send", broken)
    for again in (OnDevice(device, 0), OnDevice(device, 1 << 40)):
        with pytest.raises(RuntimeError, match="illegal memory access"):
            again.solve(problem, 7)


def test_a_search_records_the_device_and_ranks_the_same(tmp_path: Path, device: str) -> None:
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("red", "green", "blue", "white", "black"):
        Image.new("RGB", (40, 40), name).save(folder / f"{name}.png")
    encoder = st.load_encoder("test")
    st.index_folder(folder, encoder=encoder)
    gallery = st.Gallery.open(folder, encoder=encoder)

    settings = st.SearchSettings(k=3, device="auto")
    query = st.Query("red.png", "in blue")
    plain = st.Searcher(gallery, settings=st.SearchSettings(k=3)).search(query)
    assert plain.settings.device == "cpu"
    # without a GPU, torch's own CPU device stands in for one
    solver = OnDevice("cpu:0") if device == "cpu" else None
    other = st.Searcher(gallery, settings=settings, solver=solver).search(query)
    assert other.settings.device == ("cpu:0" if device == "cpu" else device)
    assert other.to_dict()["settings"]["device"] == other.settings.device
    assert [(hit.id, hit.score) for hit in other] == [(hit.id, hit.score) for hit in plain]


@pytest.mark.parametrize("rule", ["sum", "product"])
@pytest.mark.parametrize("scorer", [ConditionalTransport(0.02), PointToPoint(), Chamfer(0.3)])
def test_roles_rank_on_a_device_as_on_the_cpu(scorer: Scorer, rule: str, device: str) -> None:
    """Terms with factors of both signs and with other temperatures, beside sets of any size."""
    rng = np.random.default_rng(31)
    matrix = ragged(rng, 70, 16)
    phrases = (("desired", 0.5, 0.02), ("preserve", 0.2, 0.3), ("forbidden", -0.4, 0.001))
    terms = tuple(
        ScoreTerm(name, unit(rng, 2, 16), weights, forward_look(tau), factor)
        for (name, factor, tau), weights in zip(
            phrases, (None, np.array([0.75, 0.25], np.float32), None), strict=True
        )
    )
    problem = RankingProblem(
        matrix,
        np.arange(70),
        unit(rng, 3, 16),
        np.full(3, 1 / 3, np.float32),
        scorer,
        penalty=rng.normal(0, 0.05, 70),
        excluded=np.array([3, 5]),
        terms=ScoreTerms(terms, 0.7 if rule == "sum" else 1.0, rule),  # type: ignore[arg-type]
    )
    expected = Exhaustive().solve(problem, 12)
    ranked = OnDevice(device).solve(problem, 12)
    assert ranked.rows.tolist() == expected.rows.tolist()
    assert ranked.scores.tolist() == expected.scores.tolist()
    # the terms count: without them other sets are the best
    bare = Exhaustive().solve(replace(problem, terms=ScoreTerms()), 12)
    assert bare.rows.tolist() != expected.rows.tolist()


@pytest.mark.parametrize("global_term", ["original", "transport"])
def test_the_scorer_of_roles_searches_on_a_device(
    global_term: str, tmp_path: Path, device: str
) -> None:
    from PIL import Image

    for name in ("red", "green", "blue", "white", "black"):
        Image.new("RGB", (40, 40), name).save(tmp_path / f"{name}.png")
    encoder = st.load_encoder("test")
    st.index_folder(tmp_path, encoder=encoder)
    gallery = st.Gallery.open(tmp_path, encoder=encoder)
    settings = st.SearchSettings.from_preset(k=4, scorer="roles", global_term=global_term)
    roles = st.Roles((st.Phrase("red"),), (st.Phrase("a square"),), (st.Phrase("blue", 2.0),))
    query = st.Query("green.png", "in red", roles=roles)
    plain = st.Searcher(gallery, settings=settings).search(query)
    solver = OnDevice("cpu:0" if device == "cpu" else device)
    other = st.Searcher(gallery, settings=settings, solver=solver).search(query)
    assert [(hit.id, hit.score) for hit in other] == [(hit.id, hit.score) for hit in plain]
    assert [role.share for role in other[0].roles] == [role.share for role in plain[0].roles]


def test_impossible_exports_are_refused() -> None:
    with pytest.raises(SettingError, match="exact cannot be computed on cpu"):
        TorchScorer(ExactTransport(), "cpu")
    if not torch.cuda.is_available():
        assert open_device("auto") == "cpu"
        with pytest.raises(ModelError, match="torch sees 0 CUDA devices"):
            open_device("cuda")
    sets = PointSets(unit(np.random.default_rng(0), 2, 3, 8))
    hidden = PointSets(sets.vectors, mask=np.array([[False, True, True]] * 2))
    with pytest.raises(VectorError, match="needs view 0"):
        score_sets_torch(sets, hidden, PointToPoint(), device="cpu")
    spoiled = PointSets.trusted(np.full((2, 3, 8), np.nan, np.float32))
    with pytest.raises(VectorError, match="NaN"):
        score_sets_torch(sets, spoiled, device="cpu")
    with pytest.raises(VectorError, match="dimensions"):
        score_sets_torch(sets, PointSets(unit(np.random.default_rng(0), 2, 3, 9)), device="cpu")


def test_a_lower_matmul_precision_is_not_used(device: str) -> None:
    sets = PointSets(unit(np.random.default_rng(0), 2, 3, 8))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        scores = score_sets_torch(sets, sets, device=device)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_allclose(scores, score_sets(sets, sets), atol=TOLERANCE)
