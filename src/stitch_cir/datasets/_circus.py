"""CIRCUS (Attimonelli et al., 2026): the queries of other data sets that need image and text both.

``circus-free`` are the queries that no retriever of an audit solved from one part alone,
``circus-valid`` those of them that people found well-formed. Their JSONL files, in M-BEIR's form,
are read from the user's copy of https://github.com/matteoattimonelli/CIRCUS and joined to the
queries of a split by reference and text: M-BEIR numbers queries anew, joins those that ask the same
twice, and writes texts in its own way (a capital at the start, a full stop at the end).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from stitch_cir.datasets._data import Benchmark
from stitch_cir.errors import NotFoundError, RecordError, SettingError

__all__ = ["CLEAN_SUBSETS", "clean_subset", "join_key"]

CLEAN_SUBSETS = {
    "circus-free": "CIRCUS, free of shortcuts: no audited retriever solves these from one part",
    "circus-valid": "CIRCUS, validated by people: free of shortcuts and well-formed",
}
"""Names of the subsets, and what they are."""
_FILES = {
    "circus-free": ("shortcut_free_subsets/{name}/shortcut_free/*.jsonl",),
    "circus-valid": (
        "final_dataset/query_jsonl/{name}/validated_solved/*.jsonl",
        "final_dataset/query_jsonl/{name}/validated_unsolved/*.jsonl",
    ),
}
_SOURCE = "https://github.com/matteoattimonelli/CIRCUS"
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Record:
    """A query of a subset's file, by where it stands."""

    where: str
    reference: str
    text: str


def clean_subset(benchmark: Benchmark, name: str, files: Path | str | None = None) -> Benchmark:
    """Return the queries of a clean subset, in their order.

    ``files`` is a clone of the repository, one of its JSONL files, or a folder of such files; by
    default the folder ``CIRCUS`` beside the data set's or in it. A record joins every query that
    has its reference and its text, of which there may be two.

    Raises ``SettingError`` for an unknown subset and for a data set that has none,
    ``NotFoundError`` where the files are missing, ``RecordError`` for a file that cannot be
    understood, and for records that join no query.
    """
    if name not in CLEAN_SUBSETS:
        raise SettingError(
            f"There is no subset {name!r}.", hint=f"Subsets: {', '.join(CLEAN_SUBSETS)}."
        )
    folder = benchmark.dataset.clean_subsets
    if not folder or not benchmark.labelled:
        raise SettingError(
            f"{benchmark.name} {benchmark.split} has no subset {name}.",
            hint="CIRCUS has subsets of CIRR val, FashionIQ val and CIRCO val.",
        )
    paths = _find(benchmark, name, None if files is None else Path(files))
    ids_of: dict[tuple[str, str], list[str]] = {}
    for task in benchmark.tasks:
        for query in task.queries:
            ids_of.setdefault(join_key(query.reference, query.text), []).append(query.id)
    digest, chosen, unmatched, count = hashlib.sha256(), set[str](), list[_Record](), 0
    for path in paths:
        digest.update(path.read_bytes())
        for record in _records(path):
            count += 1
            ids = ids_of.get(join_key(record.reference, record.text))
            if ids is None:
                unmatched.append(record)
            else:
                chosen.update(ids)
    if unmatched:
        examples = "; ".join(
            f"{record.where}: {record.reference}, {record.text!r}"
            for record in unmatched[:_EXAMPLES]
        )
        raise RecordError(
            f"{len(unmatched):,} of the {count:,} queries of {name} are no queries of "
            f"{benchmark.name} {benchmark.split}: {examples}.",
            hint="They join by reference and text: check that both are of the same data set, split "
            "and version.",
        )
    tasks = tuple(
        replace(task, queries=tuple(query for query in task.queries if query.id in chosen))
        for task in benchmark.tasks
    )
    note = (
        f"{CLEAN_SUBSETS[name]}: {len(chosen):,} of {len(benchmark.queries):,} queries "
        f"({count:,} records)."
    )
    facts = {
        "name": name,
        "file": str((paths[0] if len(paths) == 1 else _common(paths)).resolve()),
        "sha256": digest.hexdigest(),
        "queries": len(chosen),
    }
    return replace(
        benchmark,
        tasks=tuple(task for task in tasks if task.queries),
        notes=(*benchmark.notes, note),
        selection={**benchmark.selection, "subset": facts},
    )


def join_key(reference: str, text: str) -> tuple[str, str]:
    """Return what a query is recognised by in another file: its reference, and its text's letters.

    >>> join_key("000000007705", "Is greyscale.") == join_key("7705", "is  greyscale")
    True
    """
    folded = "".join(c for c in text.casefold() if c.isalnum())
    return (str(int(reference)) if reference.isdecimal() else reference), folded


def _find(benchmark: Benchmark, name: str, files: Path | None) -> list[Path]:
    """Return the subset's files. Raises ``NotFoundError`` that says where they are expected."""
    roots = [files] if files is not None else [
        benchmark.root / "CIRCUS", benchmark.root.parent / "CIRCUS"
    ]  # fmt: skip
    patterns = [each.format(name=benchmark.dataset.clean_subsets) for each in _FILES[name]]
    for root in roots:
        if root.is_file():
            return [root]
        for pattern in (*([patterns] if root.is_dir() else []), *([["*.jsonl"]] if files else [])):
            paths = sorted(path for each in pattern for path in root.glob(each))
            paths = [path for path in paths if not path.name.endswith(".trace.jsonl")]
            if paths:
                return paths
    expected = " or ".join(str(root / patterns[0]) for root in roots)
    raise NotFoundError(
        f"The queries of {name} are missing: there is no {expected}.",
        hint=f"Clone {_SOURCE}, and name the folder: --subset-file DIR",
    )


def _common(paths: list[Path]) -> Path:
    """Return the folder that holds all the paths."""
    return next(parent for parent in paths[0].parents if all(parent in p.parents for p in paths))


def _records(path: Path) -> Iterator[_Record]:
    """Yield the records of a file: M-BEIR's form, and that of CIRCUS' own conversions of CIRCO."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is no text in UTF-8.", hint=f"Take it from {_SOURCE}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            data: Any = json.loads(line)
            text = data["query_text"] if "query_text" in data else data["query_txt"]
            image = (
                data["query_image_path"] if "query_image_path" in data else data["query_img_path"]
            )
            yield _Record(where, PurePosixPath(image).stem, str(text))
        except (ValueError, KeyError, TypeError) as error:
            why = f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
            raise RecordError(
                f"{path}:{number} is no query in M-BEIR's form: {why}.",
                hint='Expected is {"query_txt": …, "query_img_path": …, …}.',
            ) from error
