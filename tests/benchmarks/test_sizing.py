"""The sizing of clusters: what the page says is what is computed, and what a simulation must obey."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench import cluster_model, cluster_replay
from bench.cluster_model import SOURCES, Cluster, Constants
from bench.cluster_replay import PLANS, Plan, Replay, simulate

PAGE = Path(__file__).parents[2] / "docs" / "cluster-sizing.md"
ROUND = Constants(scan=4.0, fan_out=0.01, per_node=0.001)


@pytest.fixture(scope="module")
def page() -> str:
    """The page in the docs."""
    return PAGE.read_text(encoding="utf-8")


class TestSizing:
    def test_a_node_searches_its_share_with_the_cores_it_keeps_busy(self) -> None:
        assert Cluster(1e6, 1, 4).scan(ROUND) == pytest.approx(1.0)
        assert Cluster(1e9, 100, 40).scan(ROUND) == pytest.approx(1.0)

    def test_an_answer_takes_the_query_the_calls_and_the_scan(self) -> None:
        cluster = Cluster(1e7, 10, 4)
        assert cluster.answer(ROUND) == pytest.approx(0.05 + 0.01 + 10 * 0.001 + 1.0)

    def test_replicas_answer_more_queries_no_faster_and_cost_as_much_again(self) -> None:
        once = Cluster(1e7, 10, 4)
        twice = replace(once, replicas=2)
        assert twice.answer(ROUND) == once.answer(ROUND)
        rates = [each.queries_a_second(ROUND) for each in (once, twice)]
        assert rates == pytest.approx([1.0, 2.0])
        assert once.money_a_month(0.1) == pytest.approx(10 * 4 * 730 * 0.1)
        assert twice.money_a_month(0.1) == 2 * once.money_a_month(0.1)

    def test_more_nodes_hold_less_each(self) -> None:
        assert Cluster(1e7, 4, 1).memory() == 2 * Cluster(1e7, 8, 1).memory() == 1.305e10

    def test_a_disk_holds_two_versions_with_their_vectors_twice(self) -> None:
        assert Cluster(1e6, 1, 16).disk() == 2e6 * (2 * 20480 + 5220 + 2048 + 1300)

    def test_every_constant_has_a_source(self) -> None:
        assert set(SOURCES) == set(vars(ROUND))


class TestReplay:
    def test_on_idle_shards_a_query_takes_one_search(self) -> None:
        done = simulate([0.1], Plan(3, 1, 1e-6, None, pauses_a_minute=0), queries=50)
        assert done.latencies == pytest.approx(np.full(50, 0.1))
        assert done.scans == 1

    def test_the_slowest_shard_sets_the_time_of_a_query(self) -> None:
        times = [0.1] * 99 + [1.0]
        few = simulate(times, Plan(1, 1, 1e-6, None, pauses_a_minute=0), queries=500)
        many = simulate(times, Plan(60, 1, 1e-6, None, pauses_a_minute=0), queries=500)
        assert np.median(few.latencies) == pytest.approx(0.1)
        assert (few.latencies > 0.5).mean() < 0.03
        # 1 - 0.99 ** 60 = 0.45
        assert 0.38 < (many.latencies > 0.5).mean() < 0.52

    def test_a_hedged_call_hides_a_straggler_for_a_few_calls_more(self) -> None:
        times = [0.1] * 99 + [10.0]
        calm = {"load": 1e-6, "pauses_a_minute": 0.0}
        alone = simulate(times, Plan(20, 2, hedge=None, **calm), queries=300)
        hedged = simulate(times, Plan(20, 2, hedge=0.95, **calm), queries=300)
        assert alone.percentiles()[2] == pytest.approx(10.0)
        assert hedged.percentiles()[2] == pytest.approx(0.2)
        assert 1 < hedged.scans < 1.02 + 0.01

    def test_queries_wait_for_one_another_under_load(self) -> None:
        plans = [Plan(1, 1, load, None, pauses_a_minute=0) for load in (0.2, 0.8)]
        waits = [simulate([0.1], plan, queries=2000).latencies.mean() - 0.1 for plan in plans]
        # an M/D/1 queue: load / (2 · (1 - load)) of a service time
        assert waits[0] == pytest.approx(0.0125, rel=0.2)
        assert waits[1] == pytest.approx(0.2, rel=0.35)

    def test_a_paused_node_delays_what_it_works_on(self) -> None:
        pauses = {"pause": 5.0, "pauses_a_minute": 0.5}
        done = simulate([0.1], Plan(1, 1, 0.2, None, **pauses), queries=2000)
        assert 4 < done.latencies.max() < 15
        assert np.median(done.latencies) < 0.2

    def test_one_seed_gives_one_result(self) -> None:
        plan = Plan(2, 2, 0.4)
        first, same, other = (simulate([0.1, 0.3], plan, queries=100, seed=s) for s in (1, 1, 2))
        assert first.latencies.tolist() == same.latencies.tolist() != other.latencies.tolist()


class TestPage:
    def test_the_page_holds_the_tables_that_are_computed(self, page: str) -> None:
        constants = Constants()
        for line in (*cluster_model.table(constants), *cluster_model.constants_table(constants)):
            assert f"{line}\n" in page

    @pytest.mark.parametrize("plan", PLANS[:3])
    def test_the_page_holds_the_replays_of_four_nodes(
        self, page: str, plan: tuple[int, int, float, float | None]
    ) -> None:
        assert f"{cluster_replay.row(cluster_replay.replay(*plan))}\n" in page

    def test_replays_are_drawn(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        plan = Plan(2, 2, 0.2)
        file = tmp_path / "latency.png"
        cluster_replay.draw([("two", Replay(plan, np.array([0.1, 0.2, 0.4]), 1.0))], file)
        assert file.read_bytes().startswith(b"\x89PNG")
