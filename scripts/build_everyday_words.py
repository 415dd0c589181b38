"""Build ``wordnet_words.txt``: things, and what one may do, in words that mini may learn to name.

    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wn
    python scripts/build_everyday_words.py wn/usr/share/wordnet

Things are nouns of WordNet 3.0 that are mostly used for an animal, an artefact or food; scenery is
nouns for a natural object, a plant, a substance or the weather. Actions are verbs of motion,
contact, body, competition and consumption that need no object ("somebody ----s"), with -ing. All
are as frequent in the texts that WordNet counted as COMMON says. People and places are our own
(``everyday_words.py``).
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from pathlib import Path

from everyday_words import ACTIONS

OUT = Path(__file__).parent / "wordnet_words.txt"
HEADER = """\
# Words of WordNet 3.0, © 2006 Princeton University, used under its licence, which is in
# src/stitch_cir/encoders/data/LICENSES.md. Written by scripts/build_everyday_words.py.
"""
NOUN, VERB = 1, 2
ADJECTIVES = (3, 5)
THINGS = frozenset({5, 6, 13})
"""Lexicographer files: animal, artefact, food."""
SCENERY = frozenset({17, 19, 20, 27})
"""Lexicographer files: natural object, phenomenon, plant, substance."""
DEEDS = frozenset({29, 33, 34, 35, 38})
"""Lexicographer files: body, competition, consumption, contact, motion."""
ALONE = 2
"""The frame "somebody ----s"."""
COMMON = {NOUN: 2, VERB: 3}
MOSTLY = 0.6
"""Share of a word's uses that are of the senses it is taken for."""
BARE = frozenset(
    "thing object item piece part male female adult queen human_being arms camera photo "
    "photograph picture ground".split()
)
"""Nouns that name nothing that is seen, or people."""


def main() -> None:
    """Write the words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wordnet", type=Path, help="folder with WordNet 3.0")
    folder = parser.parse_args().wordnet
    uses = read_uses(folder / "cntlist.rev")
    words = [("things", word) for word in nouns(uses, THINGS)]
    words += [("scenery", word) for word in nouns(uses, SCENERY)]
    irregular = participles(folder / "verb.exc")
    intransitive = read_intransitive(folder / "data.verb")
    deeds = sorted({participle(verb, irregular) for verb in actions(uses, intransitive)})
    words += [("actions", word) for word in deeds if word not in ACTIONS]
    lines = [f"{kind} {word}" for kind, word in words]
    OUT.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{dict(Counter(kind for kind, _ in words))}: {OUT}")


def read_uses(file: Path) -> dict[str, Counter[tuple[int, int]]]:
    """Return how often WordNet counted each word as (part of speech, lexicographer file)."""
    uses: defaultdict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    for line in file.read_text(encoding="ascii").splitlines():
        key, _, count = line.split()
        word, rest = key.split("%")
        part, lexicographer = rest.split(":")[:2]
        uses[word][int(part), int(lexicographer)] += int(count)
    return uses


def is_mostly(
    uses: Counter[tuple[int, int]], part: int, files: frozenset[int], others: tuple[int, ...]
) -> bool:
    """Return whether a word is common, mostly of these files, and rarely another part of speech."""
    total = sum(count for (of, _), count in uses.items() if of == part)
    meant = sum(count for (of, file), count in uses.items() if of == part and file in files)
    elsewhere = sum(count for (of, _), count in uses.items() if of in others)
    return total >= COMMON[part] and meant >= MOSTLY * total and total > elsewhere


def nouns(uses: dict[str, Counter[tuple[int, int]]], files: frozenset[int]) -> list[str]:
    """Return nouns that are mostly used for what is in these lexicographer files."""
    return sorted(
        word.replace("_", " ")
        for word, counts in uses.items()
        if re.fullmatch("[a-z]{3,}(_[a-z]+)?", word)
        and word not in BARE
        and is_mostly(counts, NOUN, files, (VERB, *ADJECTIVES))
    )


def actions(uses: dict[str, Counter[tuple[int, int]]], intransitive: set[str]) -> list[str]:
    """Return verbs for what somebody may be seen doing, without an object."""
    return [
        word
        for word, counts in uses.items()
        if word in intransitive
        and re.fullmatch("[a-z]{3,}", word)
        and is_mostly(counts, VERB, DEEDS, (NOUN,))
    ]


def read_intransitive(file: Path) -> set[str]:
    """Return verbs that WordNet has in the frame "somebody ----s" for one of these deeds."""
    verbs = set()
    for line in file.read_text(encoding="ascii").splitlines():
        if line.startswith("  "):
            continue
        fields = line.split(" | ")[0].split()
        if int(fields[1]) not in DEEDS:
            continue
        count = int(fields[3], 16)
        words = fields[4 : 4 + 2 * count : 2]
        pointers = int(fields[4 + 2 * count])
        frames = fields[5 + 2 * count + 4 * pointers + 1 :]
        for n in range(0, len(frames) - 2, 3):
            if int(frames[n + 1]) == ALONE:
                number = int(frames[n + 2], 16)
                verbs.update(words if number == 0 else [words[number - 1]])
    return verbs


def participles(file: Path) -> dict[str, str]:
    """Return the irregular forms with -ing, such as run → running, by verb."""
    pairs = (line.split()[:2] for line in file.read_text(encoding="ascii").splitlines())
    return {verb: form for form, verb in pairs if form.endswith("ing")}


def participle(verb: str, irregular: dict[str, str]) -> str:
    """Return a verb with -ing."""
    if verb in irregular:
        return irregular[verb]
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return verb + "ing"


if __name__ == "__main__":
    main()
