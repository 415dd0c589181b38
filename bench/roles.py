"""What roles give: with and without local views, permuted, and with the sign of forbidden flipped.

    python -m bench.roles cirr-captions ROOT WORK [QUERIES]      # or: stamps ROOT WORK

Weights are chosen on queries with odd ids and reported on those with even ids, with 95 % intervals
of paired differences, bootstrapped by image set. Every part of the score is computed once for all
queries and images with the library's scorers, so that a way of weighing them is a sum; the vectors
of texts are kept in ``WORK/galleries``. A report is printed as JSON lines.
"""

from __future__ import annotations

import itertools
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir import SearchSettings, load_encoder
from stitch_cir.benchmarks._galleries import centred_on_captions, open_galleries
from stitch_cir.benchmarks._queries import PreparedQuery, compose_queries, encode_benchmark
from stitch_cir.benchmarks._text_vectors import RememberingEncoder
from stitch_cir.composers import VerbatimComposer
from stitch_cir.datasets import load_benchmark
from stitch_cir.ranking import pad_sets
from stitch_cir.searcher import Searcher
from stitch_cir.transport import forward_look

Floats: TypeAlias = NDArray[np.float32]
Metric: TypeAlias = Callable[[Floats], Mapping[str, NDArray[np.float64]]]

ROLES = ("desired", "preserve", "reference", "forbidden")
LOCAL, WHOLE = "views", "original"
RESAMPLES = 2000


@dataclass(frozen=True)
class Parts:
    """Scores (Q, N) of the global terms and of each role's look, half of what scorers return.

    NaN where a query does not have the role. ``penalty``: (N,) off every score, as it counts.
    """

    of: dict[str, Floats]
    penalty: NDArray[np.float64] | float
    excluded: list[int | None]
    targets: list[NDArray[np.int64]]
    groups: list[NDArray[np.int64]]
    sets: list[str]
    odd: NDArray[np.bool_]

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which images are right answers: (Q, N)."""
        right = np.zeros(self.of[WHOLE].shape, bool)
        for row, targets in enumerate(self.targets):
            right[row, targets] = True
        return right

    def odd_half(self) -> Parts:
        """Return the queries with odd ids alone."""
        kept = np.flatnonzero(self.odd)
        return Parts(
            {name: scores[kept] for name, scores in self.of.items()},
            self.penalty,
            [self.excluded[row] for row in kept],
            [self.targets[row] for row in kept],
            [self.groups[row] for row in kept],
            [self.sets[row] for row in kept],
            self.odd[kept],
        )

    def score(
        self,
        weights: Mapping[str, float],
        *,
        base: str = "transport",
        look: str = LOCAL,
        roles: Mapping[str, str] | None = None,
    ) -> Floats:
        """Return S (Q, N); ``roles`` names for each role whose phrases stand in for it."""
        total = self.of[base] * np.float32(weights["global"])
        share = np.full(len(total), weights["global"], np.float32)
        present = {role: ~np.isnan(self.of[f"{role} {look}"][:, :1]) for role in ROLES}
        halves = present["preserve"].astype(int) + present["reference"].astype(int)
        for role in ROLES:
            source = (roles or {}).get(role, role)
            part = self.of[f"{source} {look}"]
            has = ~np.isnan(part[:, 0])
            weight = np.full(len(part), weights.get("preserve" if role == "reference" else role, 0))
            if role in ("preserve", "reference"):
                weight = weight / np.maximum(halves[:, 0], 1)
            weight = np.where(has, weight, 0).astype(np.float32)
            sign = -1.0 if role == "forbidden" else 1.0
            total = total + np.float32(sign) * weight[:, None] * np.nan_to_num(part)
            share += 0 if role == "forbidden" else weight
        return np.asarray(2 * total / share[:, None] - self.penalty, np.float32)


def measure(name: str, root: Path, work: Path, count: int | None = None) -> Parts:
    """Compute all parts of the scores of a data set, of so many queries drawn by a seed."""
    captions = name == "cirr-captions"
    settings = SearchSettings.from_preset("captions" if captions else "paper")
    with_roles = settings.with_(scorer="roles")
    benchmark = load_benchmark(name, root, "val" if captions else "test")
    mini = load_encoder("mini")
    remembering = RememberingEncoder(mini, work / "galleries/text-vectors.sqlite")
    encoder = centred_on_captions(benchmark, remembering)
    galleries = open_galleries(
        benchmark,
        work / f"galleries/{name}",
        encoder=encoder if captions else mini,  # only mini itself recognises what is shown
        recipe=None,
        progress=None,
    )
    made = compose_queries(
        benchmark, galleries, VerbatimComposer(), settings, work / f"{name}.jsonl"
    )
    prepared, _ = encode_benchmark(benchmark, galleries, made, with_roles, text_encoder=encoder)
    (gallery,) = galleries.values()
    rows = gallery.candidates
    ranker = Searcher(gallery.gallery, settings=settings).ranker()
    views, present = pad_sets(ranker.matrix, rows)
    q = None if present.all() else present.astype(np.float32)
    position_of = {int(row): number for number, row in enumerate(rows)}
    of: dict[str, Floats] = {}

    def keep(part: str, query: int, scores: Floats) -> None:
        of.setdefault(part, np.full((len(queries), len(rows)), np.nan, np.float32))
        of[part][query] = scores / 2

    queries = [each for each in prepared if each.features is not None]
    if count is not None:
        random = np.random.Generator(np.random.PCG64(17))
        queries = [queries[row] for row in sorted(random.permutation(len(queries))[:count])]
    look = forward_look(settings.role_tau)
    # members first, as scorers compute
    flat = np.ascontiguousarray(views.swapaxes(0, 1).reshape(-1, views.shape[-1]).T)
    for number, each in enumerate(queries):
        assert each.features is not None
        query = each.features.refine(settings.transition)
        stacked = np.concatenate([query.vectors, *(role.vectors for role in query.roles)])
        products = (stacked @ flat).reshape(len(stacked), *views.shape[1::-1]).transpose(2, 0, 1)
        end = len(query.vectors)
        of_captions = products[:, :end]
        keep("transport", number, settings.scorer.score_similarities(of_captions, query.weights, q))
        keep(WHOLE, number, 2 * of_captions[:, :, 0] @ query.weights)
        for sent in query.roles:
            phrases = products[:, end : end + len(sent.vectors)]
            end += len(sent.vectors)
            scores = look.score_similarities(phrases, sent.weights, q)
            keep(f"{sent.term} {LOCAL}", number, scores)
            keep(f"{sent.term} {WHOLE}", number, 2 * phrases[:, :, 0] @ sent.weights)
        if not number % 500:
            print(number, len(queries), file=sys.stderr, flush=True)
    for role, kind in itertools.product(ROLES, (LOCAL, WHOLE)):
        of.setdefault(f"{role} {kind}", np.full((len(queries), len(rows)), np.nan, np.float32))
    penalty = 0.0 if ranker.penalty is None else ranker.penalty[rows]

    def positions(ids: object) -> NDArray[np.int64]:
        listed = [position_of[gallery.rows[id]] for id in ids if id in gallery.rows]  # type: ignore[attr-defined]
        return np.array(listed, np.int64)

    return Parts(
        of,
        penalty,
        [None if each.row is None else position_of[each.row] for each in queries],
        [positions(each.query.answers) for each in queries],
        [positions(each.query.group) for each in queries],
        [_image_set(each) for each in queries],
        np.array([int(str(each.query.id)) % 2 == 1 for each in queries]),
    )


def _image_set(prepared: PreparedQuery) -> str:
    query = prepared.query
    return str(sorted(query.group) or query.reference) if query.group else str(query.reference)


def metrics(parts: Parts, scores: Floats) -> dict[str, NDArray[np.float64]]:
    """Return each query's figures; ties count against the answer."""
    queries = np.arange(len(scores))
    left_out = np.array([-1 if each is None else each for each in parts.excluded])
    scores = scores.copy()
    scores[queries[left_out >= 0], left_out[left_out >= 0]] = -np.inf
    right = parts.right
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    rank = 1 + ((scores >= best) & ~right).sum(axis=1)
    rank[~right.any(axis=1)] = scores.shape[1] + 1
    values = {"R@1": rank <= 1, "R@5": rank <= 5}
    if any(map(len, parts.groups)):
        better = [
            bool(len(group)) and bool((scores[row, group] < best[row]).sum() == len(group) - 1)
            for row, group in enumerate(parts.groups)
        ]
        values["Rs@1"] = np.array(better)
    top = np.argpartition(-scores, 10, axis=1)[:, :10]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    hits = np.take_along_axis(right, np.take_along_axis(top, order, axis=1), axis=1)
    precision = np.cumsum(hits, axis=1) / np.arange(1, 11)
    most = np.maximum(1, np.minimum(10, right.sum(axis=1)))
    values["mAP@10"] = (precision * hits).sum(axis=1) / most
    return {name: 100 * np.asarray(each, float) for name, each in values.items()}


def paired(
    parts: Parts, ours: NDArray[np.float64], base: NDArray[np.float64], even: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Return the mean difference over the even queries, and its 95 % interval by image set."""
    difference = (ours - base)[even]
    labels = np.unique(np.array(parts.sets)[even], return_inverse=True)[1]
    sums = np.bincount(labels, difference)
    sizes = np.bincount(labels)
    random = np.random.Generator(np.random.PCG64(17))
    drawn = random.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)


def choose(parts: Parts, base: str, figures: tuple[str, ...], look: str) -> dict[str, float]:
    """Return the weights with the best sum of figures on the odd queries."""
    parts = parts.odd_half()
    best, chosen = -np.inf, {"global": 1.0}
    for desired, preserve, forbidden in itertools.product(
        (0.0, 0.1, 0.3, 1.0), (0.0, 0.05, 0.15, 0.4), (0.0, 0.05, 0.15, 0.4)
    ):
        weights = {
            "global": 1.0,
            "desired": desired,
            "preserve": preserve,
            "forbidden": forbidden,
        }
        of_queries = metrics(parts, parts.score(weights, base=base, look=look))
        value = sum(float(of_queries[figure].mean()) for figure in figures)
        if value > best + 1e-9:
            best, chosen = value, weights
    return chosen


def report(name: str, parts: Parts) -> None:
    """Print every way as a line of JSON."""
    figures = ("R@1", "R@5", "Rs@1") if name == "cirr-captions" else ("mAP@10", "R@1", "R@5")
    even = ~parts.odd
    plain = {
        base: metrics(parts, parts.score({"global": 1.0}, base=base))
        for base in (WHOLE, "transport")
    }

    def line(
        label: str,
        scores: Floats,
        base: Mapping[str, NDArray[np.float64]],
        weights: Mapping[str, float] | None = None,
    ) -> None:
        ours = metrics(parts, scores)
        data = {
            figure: {
                "even": round(float(ours[figure][even].mean()), 2),
                "difference": [
                    round(x, 2) for x in paired(parts, ours[figure], base[figure], even)
                ],
            }
            for figure in figures
        }
        print(json.dumps({"data": name, "way": label, "weights": weights, **data}), flush=True)

    for base in (WHOLE, "transport"):
        line(f"no roles, {base}", parts.score({"global": 1.0}, base=base), plain[WHOLE])
    for base, look in ((WHOLE, WHOLE), (WHOLE, LOCAL), ("transport", LOCAL)):
        chosen = choose(parts, base, figures[:1] if name != "cirr-captions" else figures, look)
        for label, weights in {"chosen": chosen, "all of 0.25": EVEN_WEIGHTS}.items():
            ways: dict[str, Mapping[str, str] | None] = {
                "roles": None,
                "roles permuted": {
                    "desired": "preserve",
                    "preserve": "forbidden",
                    "forbidden": "desired",
                },
            }
            for way, roles in ways.items():
                scores = parts.score(weights, base=base, look=look, roles=roles)
                text = f"{way}, global {base}, look {look}, {label}"
                line(text, scores, plain[base], weights)
            flipped = {**weights, "forbidden": -weights["forbidden"]}
            scores = parts.score(flipped, base=base, look=look)
            line(f"sign flipped, global {base}, look {look}, {label}", scores, plain[base], flipped)
    for role in ("desired", "preserve", "forbidden"):
        alone = {"global": 1.0, role: 0.25}
        scores = parts.score(alone, base="transport")
        line(f"{role} alone, global transport", scores, plain["transport"], alone)


EVEN_WEIGHTS = {"global": 1.0, "desired": 0.25, "preserve": 0.25, "forbidden": 0.25}


if __name__ == "__main__":
    data_set, data_root, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    number = int(sys.argv[4]) if len(sys.argv) > 4 else None
    kept = scratch / f"{data_set}.pickle"
    if not kept.is_file():
        kept.write_bytes(pickle.dumps(measure(data_set, data_root, scratch, number)))
    report(data_set, pickle.loads(kept.read_bytes()))
