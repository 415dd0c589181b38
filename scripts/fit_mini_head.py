"""Fit the head of ``mini`` on captioned images, by cross-validation; see docs/mini.md.

    python scripts/fit_mini_head.py --photos DIR --captions FILE [--out mini-head.npz]
        [--stamps demo/stamps] [--labels FOLDER_OF_LABEL_FOLDERS] [--cache DIR]

Captions are JSON Lines: ``{"id": "a.jpg", "captions": ["A dog runs.", "A brown dog on grass."]}``,
ids are paths below DIR. Each way of fitting is tried in four folds: fitted on three quarters of the
images and asked with the captions of the fourth, which is the gallery. What is best on
odd-numbered images is chosen; the table also has the even ones, which chose nothing. Images of
other kinds, which are never fitted on, are checked: --stamps, --labels. The chosen way is then
fitted on all images. Use the head as the encoder ``mini:FILE``. Needs the extra ``server``, for
threadpoolctl.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import mini_head_data as data
import mini_head_fits as fits
from mini_head_data import Domain
from stitch_cir.encoders.mini import MiniHead
from stitch_cir.encoders.mini._everyday import LEAST
from stitch_cir.errors import StitchError

FOLDS = 4
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
FEWEST_USES = 0.015
"""Share of the images whose captions must use a word for the head to score it."""
HARM = 0.5
"""Points by which a figure of another domain may fall: what one of two hundred queries makes."""
WITHIN = 0.95
"""Share of the images that words are scored for; what is farther from the others is unlike them."""
POOLED = ((0, 1280, 1.0),)

Map = Callable[[Domain], NDArray[np.float64]]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """A way to fit: which features, scaled by level, and how."""

    name: str
    read: Callable[[Domain], NDArray[np.floating]]
    levels: tuple[tuple[int, int, float], ...]
    how: Callable[[fits.Array, fits.Array, Domain], fits.Array | Callable[[fits.Array], fits.Array]]
    is_linear: bool = True

    def fit(self, domain: Domain) -> tuple[fits.Scaling, fits.Array | Callable[..., fits.Array]]:
        """Fit on all images of a domain."""
        features = self.read(domain)
        scaling = fits.Scaling.of(features, self.levels)
        return scaling, self.how(scaling(features), mean_texts(domain), domain)

    def map(self, domain: Domain) -> Map:
        """Fit, and return the function from images to residuals of length 1."""
        scaling, learned = self.fit(domain)
        if callable(learned):
            return lambda other: fits.unit(learned(scaling(self.read(other))))
        return lambda other: fits.unit(scaling(self.read(other)) @ learned)


def all_levels(domain: Domain) -> NDArray[np.floating]:
    """Return the features that a head takes."""
    return domain.features


def _ridge(penalty: float) -> Callable[[fits.Array, fits.Array, Domain], fits.Array]:
    return lambda x, y, _: fits.ridge(x, y, penalty)


def _rank(rank: int) -> Callable[[fits.Array, fits.Array, Domain], fits.Array]:
    return lambda x, y, _: fits.low_rank(x, y, rank)


def _white(power: float) -> Callable[[fits.Array, fits.Array, Domain], fits.Array]:
    return lambda x, y, d: fits.whitened(x, y, d.texts.astype(np.float64), power)


SHIPPED = Way("ridge, whitened 0.5", all_levels, fits.LEVELS, _white(0.5)), 1.0
"""The way and the share of the head that is shipped."""
WAYS = (
    Way("ridge, logits", lambda d: d.logits, ((0, 1000, 1.0),), _ridge(1)),
    Way("ridge, pooled", lambda d: d.features[:, :1280], POOLED, _ridge(1)),
    Way(
        "ridge, pooled + logits",
        lambda d: np.concatenate([d.features[:, :1280], d.logits], axis=1),
        ((0, 1280, 1.0), (1280, 2280, 1.0)),
        _ridge(1),
    ),
    Way("ridge, three levels", all_levels, fits.LEVELS, _ridge(1)),
    Way("… penalty 0.3", all_levels, fits.LEVELS, _ridge(0.3)),
    Way("… penalty 3", all_levels, fits.LEVELS, _ridge(3)),
    Way("… rank 64", all_levels, fits.LEVELS, _rank(64)),
    Way("… rank 128", all_levels, fits.LEVELS, _rank(128)),
    Way(
        "two layers",
        all_levels,
        fits.LEVELS,
        lambda x, y, _: fits.two_layers(x, y),
        is_linear=False,
    ),
    Way(
        "contrastive",
        all_levels,
        fits.LEVELS,
        lambda x, y, d: fits.contrastive(x, y, d.vectors.astype(np.float64)),
    ),
    Way("ridge, whitened 0.25", all_levels, fits.LEVELS, _white(0.25)),
    SHIPPED[0],
)
"""Only linear maps of the three levels can be written; the others are there to compare."""


def mean_texts(domain: Domain) -> fits.Array:
    """Return the mean vector of each image's texts: (n, 384)."""
    truth = domain.truth.astype(np.float64)
    return np.asarray(truth.T @ domain.texts / truth.sum(axis=0)[:, None])


def folds(count: int) -> NDArray[np.int64]:
    """Assign images to folds at random, the same ones every time: (n,)."""
    assigned = np.empty(count, dtype=np.int64)
    assigned[np.random.default_rng(0).permutation(count)] = np.arange(count) % FOLDS
    return assigned


def ranks(
    texts: NDArray[np.floating], images: NDArray[np.floating], truth: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the rank, from 0, of the best image that each text means: (q,)."""
    scores = texts @ images.T
    best = np.where(truth, scores, -np.inf).max(axis=1)
    return np.asarray((scores > best[:, None]).sum(axis=1))


def validate(everyday: Domain, way: Way) -> dict[float, tuple[Numbers, Numbers]]:
    """Return for each share the ranks of all captions in their fold, and their images' numbers."""
    assigned = folds(len(everyday.vectors))
    per_fold: dict[float, list[tuple[Numbers, Numbers]]] = {s: [] for s in (0.0, *SHARES)}
    for fold in range(FOLDS):
        apply = way.map(data.take(everyday, np.flatnonzero(assigned != fold)))
        kept = np.flatnonzero(assigned == fold)
        test = data.take(everyday, kept)
        residual = apply(test)
        owners = kept[test.truth.argmax(axis=1)]
        for share, parts in per_fold.items():
            images = fits.unit(test.vectors + share * residual)
            parts.append((ranks(test.texts, images, test.truth), owners))
    return {
        share: (np.concatenate([r for r, _ in parts]), np.concatenate([o for _, o in parts]))
        for share, parts in per_fold.items()
    }


def recall(ranks: NDArray[np.int64], k: int) -> float:
    """Return R@k in per cent."""
    return float((ranks < k).mean() * 100)


def elsewhere(domain: Domain, apply: Map, share: float) -> tuple[float, float]:
    """Return what a head does to images of another kind: R@1 and R@10, or P@10 and accuracy.

    Precision and accuracy where texts are labels (many images each), recall where captions.
    """
    images = fits.unit(domain.vectors + share * apply(domain))
    if domain.truth.sum() < 2 * len(images) and len(domain.texts) >= len(images):
        rank = ranks(domain.texts, images, domain.truth)
        return recall(rank, 1), recall(rank, 10)
    scores = domain.texts @ images.T
    first = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    right = domain.truth[scores.argmax(axis=0), np.arange(len(images))]
    return float(np.take_along_axis(domain.truth, first, 1).mean() * 100), float(right.mean() * 100)


def compare(
    everyday: Domain, others: dict[str, Domain], report: Callable[[str], None]
) -> tuple[Way, float]:
    """Print a row for every way and share; return the best of those that can be written.

    Best is R@1 + R@10 / 2 on odd images, among the shares with which no figure of another domain
    falls by more than half a point.
    """
    report(f"{'way':24} share  odd R@1 R@10  even R@1 R@10  " + "  ".join(others))
    best: tuple[float, Way, float] | None = None
    before = {name: elsewhere(d, lambda x: fits.unit(x.vectors), 0.0) for name, d in others.items()}
    for way in WAYS:
        rankings = validate(everyday, way)
        apply = way.map(everyday) if others else None
        for share, (rank, owner) in rankings.items():
            if share == 0 and way is not WAYS[0]:
                continue
            odd, even = rank[owner % 2 == 0], rank[owner % 2 == 1]  # the first image is number 1
            after = {n: elsewhere(d, apply, share) for n, d in others.items()} if apply else {}
            figures = [recall(odd, 1), recall(odd, 10), recall(even, 1), recall(even, 10)]
            row = f"{way.name if share else 'no head':24} {share:5.1f}"
            row += "  {:7.1f} {:4.1f}  {:8.1f} {:4.1f}".format(*figures)
            report(row + "".join(f"  {a:.1f} {b:.1f}" for a, b in after.values()))
            harmless = all(
                now >= then - HARM
                for name in after
                for now, then in zip(after[name], before[name], strict=True)
            )
            value = figures[0] + figures[1] / 2
            writable = way.is_linear and way.read is all_levels and share > 0
            if writable and harmless and (best is None or value > best[0]):
                best = value, way, share
    if best is None:
        raise StitchError(
            "Every head makes the images of --stamps or --labels harder to find.",
            hint="Fit on images that are more like them, or leave these options out.",
        )
    return best[1], best[2]


def fit_words(
    everyday: Domain, truth: NDArray[np.bool_]
) -> Callable[[NDArray[np.floating]], fits.Array]:
    """Fit scores of words on a domain."""
    weights, bias = linear_words(everyday, truth)
    return lambda features: np.clip(features @ weights + bias, 0, 1)


def linear_words(everyday: Domain, truth: NDArray[np.bool_]) -> tuple[fits.Array, fits.Array]:
    """Return the map from features to estimated probabilities of words: (1752, W), (W,)."""
    scaling = fits.Scaling.of(everyday.features, fits.LEVELS)
    used = truth.astype(np.float64)
    return unscaled(scaling, fits.ridge(scaling(everyday.features), used), used.mean(axis=0))


def unscaled(
    scaling: fits.Scaling, learned: fits.Array, bias: fits.Array | float
) -> tuple[fits.Array, fits.Array]:
    """Fold the scaling into a map: (x − shift) · scale @ learned + bias = x @ weights + bias′."""
    weights = scaling.scale[:, None] * learned
    return weights, bias - scaling.shift @ weights


def report_words(
    everyday: Domain, words: dict[str, str], truth: NDArray[np.bool_], report: Callable[[str], None]
) -> None:
    """Print for each kind how often a word is named, and how often the captions use it."""
    scores = np.zeros(truth.shape)
    assigned = folds(len(truth))
    for fold in range(FOLDS):
        train = np.flatnonzero(assigned != fold)
        score = fit_words(data.take(everyday, train), truth[train])
        scores[assigned == fold] = score(everyday.features[assigned == fold])
    for kind in dict.fromkeys(words.values()):
        columns = [n for n, of in enumerate(words.values()) if of == kind]
        best = scores[:, columns].argmax(axis=1)
        right = truth[:, columns][np.arange(len(truth)), best]
        named = scores[:, columns].max(axis=1) >= LEAST[kind]
        precision = right[named].mean() * 100 if named.any() else float("nan")
        report(
            f"{kind}: {len(columns)} words; named in {named.mean() * 100:.1f} % of the images, "
            f"right in {precision:.1f} % of these (the likeliest word of all: "
            f"{right.mean() * 100:.1f} %)"
        )


def write_head(
    file: Path,
    way: Way,
    share: float,
    everyday: Domain,
    captions: Sequence[Sequence[str]],
    report: Callable[[str], None] = print,
) -> None:
    """Fit a way and the scores of words on all images, and write them."""
    words, truth = data.word_truth(captions)
    used = truth.mean(axis=0) >= FEWEST_USES
    words = {word: kind for (word, kind), kept in zip(words.items(), used, strict=True) if kept}
    truth = truth[:, used]
    report_words(everyday, words, truth, report)
    scaling, learned = way.fit(everyday)
    assert isinstance(learned, np.ndarray)
    residual = unscaled(scaling, learned, 0.0)
    readout = linear_words(everyday, truth)
    reach = float(np.quantile((scaling(everyday.features) ** 2).sum(axis=1), WITHIN))
    domain = (scaling.shift, scaling.scale, reach)
    digest = MiniHead.save(file, residual, share, words, readout, domain)
    report(f"written: {file} ({file.stat().st_size} bytes, {digest[:12]})")


def run(arguments: argparse.Namespace, report: Callable[[str], None] = print) -> Path:
    """Compare, choose, fit on everything, write the head; return its file."""
    out = Path(arguments.out)
    if not out.absolute().parent.is_dir():
        # said before the fits, which take minutes
        raise StitchError(
            f"The head cannot be written to {out}: there is no folder {out.absolute().parent}.",
            hint="Make the folder, or give another --out.",
        )
    paths, captions = data.read_captions(arguments.captions, arguments.photos)
    everyday = data.images_domain(paths, captions, arguments.cache)
    others = {}
    if arguments.stamps:
        others["stamps"] = data.stamps_domain(arguments.stamps, arguments.cache)
    if arguments.labels:
        others["labels"] = data.labels_domain(arguments.labels, arguments.cache)
    report(f"{len(everyday.vectors)} images, {len(everyday.texts)} captions, {FOLDS} folds")
    way, share = compare(everyday, others, report)
    report(f"chosen: {way.name}, share {share}")
    write_head(out, way, share, everyday, captions, report)
    return out


def single_thread() -> threadpool_limits:
    """Return a context in which BLAS has one thread.

    Sums then have one order whatever the machine, and threads that wait for a busy core do not make
    small products a hundred times slower.
    """
    return threadpool_limits(1, user_api="blas")


def main(argv: Iterable[str] | None = None) -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of images")
    parser.add_argument("--captions", type=Path, required=True, help="JSON Lines, see above")
    parser.add_argument("--out", type=Path, default=Path("mini-head.npz"))
    parser.add_argument("--stamps", type=Path, help="check on captioned stamps, see make demo")
    parser.add_argument("--labels", type=Path, help="check on folders named by label")
    parser.add_argument("--cache", type=Path, help="keep features here between runs")
    try:
        with single_thread():
            run(parser.parse_args(None if argv is None else list(argv)))
    except StitchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
