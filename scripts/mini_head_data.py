"""What a head of ``mini`` is fitted on: captioned images, with cached vectors and features."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from everyday_words import ACTIONS, FORMS, LOCATIONS, PEOPLE, SAME
from stitch_cir.encoders import check_readable
from stitch_cir.encoders.mini import MiniEncoder
from stitch_cir.encoders.mini._colour import shrink
from stitch_cir.encoders.mini._encoder import prepare
from stitch_cir.encoders.mini._vision import VisionTower
from stitch_cir.errors import ImageError, QueryError, RecordError, StitchError
from stitch_cir.images import open_image
from stitch_cir.views import ViewBox

# a script's own folder is on the path, the one that holds bench is not
sys.path.append(str(Path(__file__).parents[1]))

WORDNET = Path(__file__).parent / "wordnet_words.txt"
"""Lines of a kind and a word, written by ``build_everyday_words.py``."""
FEWEST = 50
"""Images that a head needs at least: with fewer, cross-validation says nothing."""
IDLE = frozenset("a an the of on in at by to with and into under for among down off up".split())


class ConceptsOnly(MiniEncoder):
    """``mini`` before its head is added."""

    head = None


@dataclass(frozen=True)
class Domain:
    """n images: what ``mini`` makes of them without a head, and texts with the images they mean.

    ``vectors`` (n, 384) unit rows; ``logits`` (n, 1000); ``features`` (n, 1752); ``texts`` (q, 384)
    unit rows; ``truth`` (q, n) says which images answer which text.
    """

    vectors: NDArray[np.float32]
    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    texts: NDArray[np.float32]
    truth: NDArray[np.bool_]


def read_captions(file: Path, folder: Path) -> tuple[list[Path], list[list[str]]]:
    """Read captions as JSON Lines ``{"id": file name, "captions": [text, …]}``.

    Raises ``RecordError`` where the file cannot be read, does not match the images of the folder,
    describes fewer than 50, or has captions that mini cannot read.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"The captions {file} cannot be read: {error}.", hint="Give a JSON Lines file in UTF-8."
        ) from error
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, texts = row["id"], [text.strip() for text in row["captions"]]
            if not isinstance(name, str) or not texts or not all(texts) or name in captions:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RecordError(
                f"Line {number} of {file} is not an image's captions, or repeats one.",
                hint='Write one line an image: {"id": "a.jpg", "captions": ["A dog runs."]}',
            ) from error
        captions[name] = texts
    missing = [name for name in captions if not (folder / name).is_file()]
    if missing:
        raise RecordError(
            f"The captions {file} do not match {folder}: {len(missing)} of {len(captions)} images "
            f"are not there, such as {missing[0]!r}.",
            hint="Each id is the path of an image below --photos.",
        )
    if len(captions) < FEWEST:
        raise RecordError(
            f"{file} describes {len(captions)} images; a head needs at least {FEWEST}.",
            hint="Caption more images; some hundreds give a useful head.",
        )
    encoder = MiniEncoder()
    for name, texts in captions.items():
        try:
            check_readable(encoder, texts)
        except QueryError as error:
            raise RecordError(
                f"mini reads English, and nothing of the captions of {name!r} in {file}.",
                hint="Caption it in English, or leave it out.",
            ) from error
    return [folder / name for name in captions], list(captions.values())


def encode(
    paths: Sequence[Path], cache: Path | None, *, varied: bool = False
) -> dict[str, NDArray[np.float32]]:
    """Return ``vectors``, ``logits`` and ``features`` of images, read from a cache if it is theirs.

    Raises ``ImageError`` for an image that cannot be read or, with ``varied``, is of one colour:
    nothing can be learned from it, and among captioned images it is a damaged file.
    """
    encoder, vision = ConceptsOnly(), VisionTower()
    key = hashlib.sha256(encoder.fingerprint.encode())
    for path in paths:
        facts = path.stat()
        key.update(f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    file = None if cache is None else cache / f"{key.hexdigest()[:20]}.npz"
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    rows: dict[str, list[NDArray[np.float32]]] = {"vectors": [], "logits": [], "features": []}
    for path in paths:
        image = open_image(path, decode_side=encoder.decode_side)
        if varied and not np.ptp(shrink(image).reshape(-1, 3), axis=0).any():
            raise ImageError(
                f"The image {path} is of one colour: nothing can be learned from it.",
                hint="Leave it out of the captions.",
            )
        prepared = prepare(image, (ViewBox(),))
        logits, features = vision.read(prepared.pixels, prepared.boxes)
        rows["logits"].append(logits[0])
        rows["features"].append(features[0])
        rows["vectors"].append(encoder.join(logits, features, prepared)[0])
    arrays = {name: np.stack(values) for name, values in rows.items()}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, allow_pickle=False, **arrays)
    return arrays


def images_domain(
    paths: Sequence[Path], captions: Sequence[Sequence[str]], cache: Path | None
) -> Domain:
    """Every caption means its own image.

    Raises ``RecordError`` where most captions have the same vector, ``ImageError`` where most
    images have the same features or one is of one colour: nothing could be learned.
    """
    texts = ConceptsOnly().encode_texts([text for each in captions for text in each])
    if len(np.unique(texts, axis=0)) < len(paths) / 2:
        raise RecordError(
            f"mini reads most captions alike: they do not tell {len(paths)} images apart.",
            hint="Say of each image what it shows, in English words.",
        )
    owners = np.repeat(np.arange(len(paths)), [len(each) for each in captions])
    truth = owners[:, None] == np.arange(len(paths))
    arrays = encode(paths, cache, varied=True)
    if len(np.unique(arrays["features"], axis=0)) < len(paths) / 2:
        raise ImageError(
            f"Most of the {len(paths)} captioned images are copies of each other.",
            hint="Keep one of each: copies put a caption's image among what it was fitted on.",
        )
    return Domain(texts=texts, truth=truth, **arrays)


def stamps_domain(folder: Path, cache: Path | None) -> Domain:
    """Captioned stamps that show things; a caption means every stamp that has it."""
    from bench.mini_quality import LEFT_OUT, captioned_stamps

    pairs = captioned_stamps(folder, left_out=LEFT_OUT)
    captions = np.array([caption for _, caption in pairs])
    texts = ConceptsOnly().encode_texts(captions.tolist())
    vectors = encode([path for path, _ in pairs], cache)
    return Domain(texts=texts, truth=captions[:, None] == captions, **vectors)


def labels_domain(folder: Path, cache: Path | None) -> Domain:
    """Folders named by label; "a photo of a <label>" means every image of the folder."""
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".png"))
    if not paths:
        raise StitchError(f"{folder} has no folders of images.", hint="Name each by its label.")
    owners = np.array([path.parent.name for path in paths])
    names = np.unique(owners)
    texts = ConceptsOnly().encode_texts([f"a photo of a {name}" for name in names])
    return Domain(texts=texts, truth=names[:, None] == owners, **encode(paths, cache))


def take(domain: Domain, kept: NDArray[np.int64]) -> Domain:
    """Keep some images, with the texts that mean one of them."""
    truth = domain.truth[:, kept]
    texts = truth.any(axis=1)
    parts = {f.name: getattr(domain, f.name) for f in fields(domain)}
    images = {name: parts[name][kept] for name in ("vectors", "logits", "features")}
    return Domain(texts=domain.texts[texts], truth=truth[texts], **images)


def word_truth(captions: Sequence[Sequence[str]]) -> tuple[dict[str, str], NDArray[np.bool_]]:
    """Return which words each image's captions use: words with kinds, (n, words) bool.

    Actions and places of ours count in all their forms. People, and all words of WordNet, count as
    they are or in the plural: a dog that runs is no runner, and shaking no shaker.
    """
    stemmed: dict[frozenset[str], tuple[str, str]] = {}
    for kind, of in (("actions", ACTIONS), ("places", LOCATIONS)):
        for word in of:
            # captions cannot tell forms of one word apart: the first stands for all
            stemmed.setdefault(frozenset(stems(word)), (word, kind))
    words = dict.fromkeys(PEOPLE, "people") | dict(stemmed.values())
    for line in WORDNET.read_text(encoding="utf-8").splitlines():
        kind, _, word = line.partition(" ")
        if kind != "#" and frozenset(stems(word)) not in stemmed:
            words.setdefault(word, kind)
    used = [set().union(*map(stems, each)) for each in captions]
    written = [set().union(*map(singulars, each)) for each in captions]
    by_stem = {word for word, _ in stemmed.values()}
    truth = np.zeros((len(captions), len(words)), dtype=bool)
    for column, word in enumerate(words):
        needed = stems(word) if word in by_stem else set(word.split()) - IDLE
        truth[:, column] = [needed <= each for each in (used if word in by_stem else written)]
    return words, truth


def singulars(text: str) -> set[str]:
    """Return a text's words, also without the ending of a plural, and what they stand for."""
    words = set(re.findall("[a-z]+", text.lower()))
    words |= {word.removesuffix("s") for word in words} | {
        word.removesuffix("es") for word in words
    }
    words |= {word[:-3] + "y" for word in words if word.endswith("ies")}
    words |= {FORMS[word] for word in words if word in FORMS}
    return words | {SAME[word] for word in words if word in SAME}


def stems(text: str) -> set[str]:
    """Return the stems of a text's words, and of the words of ours that they stand for."""
    word_stems = set()
    for word in re.findall("[a-z]+", text.lower()):
        if word in IDLE:
            continue
        base = FORMS.get(word, word)
        word_stems.add(stem(base))
        for same in (base, base.removesuffix("s")):
            if same in SAME:
                word_stems.add(stem(SAME[same]))
    return word_stems


def stem(word: str) -> str:
    """Cut an ending: running, runs, runner → run."""
    for ending in ("ing", "ers", "er", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word.rstrip("e") if len(word) > 3 else word
