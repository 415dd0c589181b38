"""How well ``mini`` finds images by text, with shuffled images as control.

    python -m bench.mini_quality --stamps demo/stamps --photos FOLDER_OF_LABEL_FOLDERS \
        [--encoder mini-1]

Stamps: every PNG whose caption file has a first line. "Things" leaves out the folders symbols, town
and seasonal (letters, flags, street signs, decorations), for which no label of the vision model is
meant. A caption that several images share counts as found when any of them is.
Photos: folders named by label; the query is "a photo of a <label>".
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.rows import Row
from stitch_cir.encoders import load_encoder
from stitch_cir.images import open_image
from stitch_cir.transport import ConditionalTransport
from stitch_cir.views import ViewRecipe

BATCH = 16
LEFT_OUT = ("symbols", "town", "seasonal")


def encode(paths: list[Path], name: str) -> tuple[np.ndarray, float]:
    """View sets (n, M, d) and seconds an image, decoding included."""
    encoder = load_encoder(name)
    boxes = ViewRecipe().boxes(1, 1, b"")
    started = time.perf_counter()
    parts = []
    for start in range(0, len(paths), BATCH):
        images = [
            open_image(p, decode_side=encoder.decode_side) for p in paths[start : start + BATCH]
        ]
        parts.append(encoder.encode_views(images, [boxes] * len(images)))
    return np.concatenate(parts), (time.perf_counter() - started) / len(paths)


def recall(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """R@1/5/10 in per cent; ``truth[q, n]`` says whether image n answers query q."""
    order = np.argsort(-scores, axis=1, kind="stable")
    first = np.take_along_axis(truth, order, axis=1).argmax(axis=1)
    return {f"R@{k}": round(float((first < k).mean() * 100), 1) for k in (1, 5, 10)}


def scores_of(texts: np.ndarray, views: np.ndarray) -> dict[str, np.ndarray]:
    """Score by the original view alone, and by the whole set under conditional transport."""
    similarities = np.einsum("qd,nmd->qnm", texts, views)
    scorer = ConditionalTransport()
    whole = np.stack([scorer.score_similarities(row[:, None, :]) for row in similarities])
    return {"original view": similarities[:, :, 0], "ten views, transport": whole}


def captioned_stamps(folder: Path, left_out: tuple[str, ...] = ()) -> list[tuple[Path, str]]:
    """Every stamp with a caption, and its caption, but for those in folders left out."""
    pairs = []
    for path in sorted(folder.rglob("*.png")):
        caption = path.with_suffix(".txt")
        if caption.is_file() and path.relative_to(folder).parts[0] not in left_out:
            lines = caption.read_text(encoding="utf-8", errors="replace").splitlines()
            if lines and lines[0].strip():
                pairs.append((path, lines[0].strip()))
    return pairs


def stamps(folder: Path, name: str = "mini") -> dict[str, Any]:
    """Text to image on the captioned stamps."""
    pairs = captioned_stamps(folder)
    views, seconds = encode([path for path, _ in pairs], name)
    report: dict[str, object] = {"ms_a_picture": round(seconds * 1e3, 1)}
    for part, left_out in (("things", LEFT_OUT), ("all", ())):
        kept = [
            n
            for n, (path, _) in enumerate(pairs)
            if path.relative_to(folder).parts[0] not in left_out
        ]
        captions = np.array([pairs[n][1] for n in kept])
        truth = captions[:, None] == captions
        texts = load_encoder(name).encode_texts(captions.tolist())
        shuffled = np.random.default_rng(0).permutation(len(kept))
        result: dict[str, object] = {"pictures": len(kept), "captions": len(set(captions))}
        for how, scores in scores_of(texts, views[kept]).items():
            result[how] = recall(scores, truth)
            result[f"{how}, shuffled pictures"] = recall(scores[:, shuffled], truth)
        report[part] = result
    return report


def labels(folder: Path, name: str = "mini") -> dict[str, Any]:
    """Label to photo: precision among the first k, and photo to label accuracy."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".png"))
    owners = np.array([path.parent.name for path in paths])
    kinds = sorted(set(owners))
    views, seconds = encode(paths, name)
    texts = load_encoder(name).encode_texts([f"a photo of a {kind}" for kind in kinds])
    truth = np.array(kinds)[:, None] == owners
    report: dict[str, Any] = {
        "pictures": len(paths),
        "labels": len(kinds),
        "ms_a_picture": round(seconds * 1e3, 1),
    }
    for how, scores in scores_of(texts, views).items():
        order = np.argsort(-scores, axis=1, kind="stable")
        hits = np.take_along_axis(truth, order, axis=1)
        shuffled = truth[:, np.random.default_rng(0).permutation(len(paths))]
        control = np.take_along_axis(shuffled, order, axis=1)
        report[how] = {
            **{f"P@{k}": round(float(hits[:, :k].mean() * 100), 1) for k in (1, 10, 50)},
            "P@10, shuffled pictures": round(float(control[:, :10].mean() * 100), 1),
            "photo to label accuracy": round(
                float((np.array(kinds)[scores.argmax(0)] == owners).mean() * 100), 1
            ),
        }
    return report


def run(folder: Path) -> list[Row]:
    """Rows for ``make bench`` on the stamps of ``make demo``."""
    result = stamps(folder)
    things = result["things"]
    best = things["ten views, transport"]
    raw = {"report": json.dumps(result)}
    return [
        Row("stamps (things), text to image R@1", best["R@1"], 30, at_least=True, raw=raw),
        Row("stamps (things), text to image R@10", best["R@10"], 55, at_least=True),
        Row("ms a picture, decoding and ten views", result["ms_a_picture"], 30),
    ]


def run_labels(folder: Path) -> list[Row]:
    """Rows for ``make bench`` on photographs in folders named by label."""
    result = labels(folder)
    best = result["ten views, transport"]
    raw = {"report": json.dumps(result)}
    return [
        Row("clothing, label to image P@10", best["P@10"], 52, at_least=True, raw=raw),
        Row(
            "clothing, image to label accuracy",
            result["original view"]["photo to label accuracy"],
            43,
            at_least=True,
        ),
    ]


def main() -> None:
    """Print a report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stamps", type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--encoder", default="mini")
    arguments = parser.parse_args()
    report = {}
    if arguments.stamps:
        report["stamps"] = stamps(arguments.stamps, arguments.encoder)
    if arguments.photos:
        report["photos"] = labels(arguments.photos, arguments.encoder)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
