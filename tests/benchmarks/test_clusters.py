"""Intervals and paired tests draw clusters of queries that share images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.benchmarks import (
    Clusters,
    Predictions,
    Scores,
    VariantResult,
    compare,
    intervals,
    score,
)
from stitch_cir.datasets import Benchmark, BenchmarkQuery, Task, load_benchmark, load_dataset
from tests.benchmarks import layouts
from tests.benchmarks.layouts import put
from tests.command import invoke


def scores(values: np.ndarray, clusters: Clusters) -> Scores:
    ids = {"val": tuple(str(number) for number in range(len(values)))}
    columns = {"val": {"R@1": values.astype(float)}}
    return Scores("cirr", "val", "", ids, columns, {}, {}, {}, clusters=clusters)


def clustered(numbers: list[int]) -> Clusters:
    return Clusters("image set", {"val": tuple(numbers)})


def of_queries(name: str, queries: list[BenchmarkQuery]) -> Benchmark:
    answered = tuple(replace(query, target="z", answers=("z",)) for query in queries)
    dataset = load_dataset(name)
    return Benchmark(
        dataset, next(iter(dataset.splits)), Path(), (Task("val", answered, (), Path()),), {}
    )


def clusters_of(data: Benchmark) -> Clusters:
    """Return the clusters by which the queries are drawn; every query needs a right answer."""
    return score(data, Predictions(dict.fromkeys(data.queries, ()), {})).clusters


@pytest.mark.parametrize("name", ["cirr", "cirr-captions"])
def test_queries_of_cirr_cluster_by_their_image_set(name: str) -> None:
    queries = [
        BenchmarkQuery("1", "a", "x", group=("b", "c")),
        BenchmarkQuery("2", "d", "x", group=("e", "f")),
        BenchmarkQuery("3", "c", "x", group=("a", "b")),  # the set of the first
        BenchmarkQuery("4", "a", "x", group=("b", "d")),  # its reference, but another set
    ]
    clusters = clusters_of(of_queries(name, queries))
    assert clusters == clustered([0, 1, 0, 2])
    assert clusters.describe() == "3 image sets"


@pytest.mark.parametrize("name", ["fashioniq", "genecis", "circo", "stamps"])
def test_queries_of_the_others_cluster_by_their_reference(name: str) -> None:
    queries = [BenchmarkQuery(str(n), reference, "x") for n, reference in enumerate("aba")]
    clusters = clusters_of(of_queries(name, queries))
    assert (clusters.describe(), clusters.numbers) == ("2 reference images", {"val": (0, 1, 0)})
    alone = clusters_of(of_queries(name, queries[:2]))
    assert (alone, alone.describe()) == (Clusters(), "queries")
    # a single cluster has no spread to draw from
    assert clusters_of(of_queries(name, [queries[0], queries[2]])) == Clusters()


def test_clusters_of_one_query_change_no_number() -> None:
    values = np.random.default_rng(0).integers(0, 2, 50)
    alone = clustered(list(range(50)))
    assert intervals(scores(values, alone)) == intervals(scores(values, Clusters()))
    single, other = (
        compare(scores(values, each), scores(values[::-1], each))[0] for each in (alone, Clusters())
    )
    assert (single.difference, single.p) == (other.difference, other.p)
    assert (single.drawn, other.drawn) == ("50 image sets", "queries")


def test_queries_that_agree_within_their_cluster_count_as_one() -> None:
    # a hundred queries that are 25, four times each: the interval is twice as wide, √4
    of_each = np.random.default_rng(1).integers(0, 2, 25)
    values, numbers = np.repeat(of_each, 4), np.repeat(np.arange(25), 4).tolist()
    wide = intervals(scores(values, clustered(numbers)))["R@1"]
    narrow = intervals(scores(values, Clusters()))["R@1"]
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(2, abs=0.1)
    assert wide == intervals(scores(of_each, Clusters()))["R@1"]
    first, second = scores(values, clustered(numbers)), scores(1 - values, clustered(numbers))
    comparison = compare(first, second)[0]
    once = compare(scores(of_each, Clusters()), scores(1 - of_each, Clusters()))[0]
    assert comparison.difference == once.difference
    assert (comparison.p, comparison.drawn) == (once.p, "25 image sets")


def test_clusters_of_different_sizes_weigh_as_many_queries() -> None:
    values, numbers = np.array([1, 1, 1, 0]), [0, 0, 0, 1]
    span = intervals(scores(values, clustered(numbers)))["R@1"]
    # draws of two clusters: both the large one, both the small one, or one of each (3 of 4 hits)
    assert (span.low, span.mean, span.high) == (0, 75, 100)


def test_signs_are_drawn_for_whole_clusters() -> None:
    """Two clusters that gain 2 each: of 2² signs, 2 give a mean as far from zero, so p is 1/2."""
    together, apart = (
        compare(scores(np.zeros(4), each), scores(np.ones(4), each), samples=20_000, seed=1)[0].p
        for each in (clustered([0, 0, 1, 1]), Clusters())
    )
    assert together == pytest.approx(1 / 2, abs=0.02)
    assert apart == pytest.approx(1 / 8, abs=0.02)


def test_a_variant_keeps_what_its_intervals_were_drawn_from() -> None:
    made = VariantResult("main", "main", "main", {}).with_scores(
        scores(np.array([1, 0, 1]), clustered([0, 0, 1]))
    )
    data = json.loads(json.dumps(made.to_dict()))
    assert VariantResult.from_dict(data).clusters == clustered([0, 0, 1])
    del data["clusters"]  # a run from before it was recorded
    assert VariantResult.from_dict(data).clusters == Clusters()


def test_the_commands_name_the_resampled_clusters(tmp_path: Path) -> None:
    base = layouts.cirr(tmp_path)
    file = base / "cirr/captions/cap.rc2.val.json"
    (entry,) = json.loads(file.read_text())
    members = entry["img_set"]["members"]
    others = [
        {**entry, "pairid": 13, "reference": members[1], "target_hard": members[2]},
        {
            **entry,
            "pairid": 14,
            "img_set": {"id": 2, "members": [members[0], *members[2:], "dev-9-0-img0"]},
        },
    ]
    put(file, [entry, *others])
    lists = {str(query): members[3:] for query in (12, 13, 14)}
    single = put(tmp_path / "one.json", {"version": "rc2", "metric": "recall", **lists})
    root = ["--root", str(tmp_path)]

    def stitch(*command: str) -> str:
        shown = invoke(["bench", *command])
        assert shown.exit_code == 0, shown.output
        return shown.output

    assert "drawn from 2 image sets" in stitch("score", "cirr", *root, "-p", str(single))
    data = json.loads(stitch("score", "cirr", *root, "-p", str(single), "--json"))
    assert data["drawn"] == {"kind": "image set", "count": 2}
    pair = ["compare", "cirr", *root, "-a", str(single), "-b", str(single)]
    assert "drawn from 2 image sets" in stitch(*pair)
    assert {each["drawn"] for each in json.loads(stitch(*pair, "--json"))} == {"2 image sets"}
    assert load_benchmark("cirr", tmp_path).queries.keys() == lists.keys()
