"""Compositions from a file, one a line: written once, used many times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeAlias

from stitch_cir._hints import missing_file_hint
from stitch_cir.composers._conversation import Conversation, join_names
from stitch_cir.composers._protocol import Composition, Reference
from stitch_cir.composers._text import fold
from stitch_cir.errors import NotFoundError, QueryError, RecordError, SettingError

__all__ = ["RecordedComposer", "write_compositions"]

Named: TypeAlias = "Reference | str | PurePath | None"


class RecordedComposer:
    """Looks captions up in a JSONL file by reference and modification.

    The file is read and checked once, here; what stays in memory is each line as it stands in the
    file, parsed when its query is composed. When a query is recorded twice the later line is used,
    so that appending corrects.

    Parameters
    ----------
    path:
        A JSONL file as written by :func:`write_compositions` (the format is in
        ``docs/composers.md``), or a JSON list as LDRE, SEIZE and CIReVL publish them.

    Raises
    ------
    NotFoundError
        There is no such file.
    RecordError
        A line cannot be understood; the message names file, line and what is expected.
    """

    def __init__(self, path: str | PurePath) -> None:
        self._path = Path(path)
        self._lines: dict[tuple[str | None, str], tuple[int, bytes]] = {}
        self._names: dict[tuple[str, str], list[str]] = {}
        digest = hashlib.sha256()
        try:
            with self._path.open("rb") as file:
                published = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
                file.seek(0)
                if published:
                    content = file.read()
                    digest.update(content)
                    self._adopt(content)
                else:
                    for number, line in enumerate(file, 1):
                        digest.update(line)
                        self._remember(number, line)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"There is no file {self._path} with recorded captions.",
                hint=missing_file_hint(
                    self._path, "Give the path of a JSONL file of compositions."
                ),
            ) from error
        except OSError as error:
            raise RecordError(
                f"{self._path} cannot be read: {error.strerror}.",
                hint="Check that it is a file and its permissions.",
            ) from error
        self._sha256 = digest.hexdigest()

    def __len__(self) -> int:
        """Return the number of different queries in the file."""
        return len(self._lines)

    @property
    def name(self) -> str:
        """Return ``"recorded"``."""
        return "recorded"

    def settings(self) -> Mapping[str, Any]:
        """Return the file's name and the digest of its contents."""
        return {"composer": self.name, "file": self._path.name, "sha256": self._sha256}

    def records(self) -> Iterator[tuple[str | None, str | int | None, Composition]]:
        """Yield every query as (reference, id, composition), in the file's order."""
        from stitch_cir.composers.recorded._records import parse_record

        for (reference, _), (number, line) in self._lines.items():
            record = parse_record(line, f"{self._path}:{number}")
            query_reference = None if reference is None else Reference(reference)
            count = len(record.captions)
            yield reference, record.id, self.compose(query_reference, record.modification, count)

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Return the first ``count`` recorded captions of a query.

        A reference is found by its whole id, else by the ends of the paths (``a.jpg`` in the file
        serves ``photos/a.jpg``). Modifications may differ in case, spaces and end punctuation.
        Raises ``QueryError`` when the file has no captions for the query.
        """
        if count < 1:
            raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")
        name = None if reference is None else reference.id
        from stitch_cir.composers.recorded._records import parse_record

        number, line = self._find(name, modification, described=reference is not None)
        record = parse_record(line, f"{self._path}:{number}")
        captions = record.to_captions()
        notes = list(record.notes)
        if len(captions) > count:
            notes.append(f"the first {count} of {len(captions)} recorded captions")
        settings = dict(self.settings())
        if record.id is not None:
            settings["record"] = record.id
        if record.source is not None:
            settings["source"] = record.source
        return Composition(
            captions=captions[:count],
            modification=record.modification,
            composer=self.name,
            reference_captions=tuple(record.reference_captions),
            settings=settings,
            notes=tuple(notes),
            intent=record.intent,
            roles=record.to_roles(),
        )

    def compose_conversation(self, conversation: Conversation, count: int) -> Composition:
        """Return what was recorded for all references, by their joined names, and all requests."""
        references = conversation.references
        name = join_names([each.id or "" for each in references])
        reference = None if name is None else Reference(name)
        return self.compose(reference, conversation.modification, count)

    def _adopt(self, content: bytes) -> None:
        """Read a published list; what stays in memory are records in this package's format."""
        from stitch_cir.composers.recorded._published import published_records

        for number, data in enumerate(published_records(content, str(self._path))):
            self._remember(number, json.dumps(data).encode())

    def _remember(self, number: int, line: bytes) -> None:
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        line = line.strip()
        if not line:
            return
        from stitch_cir.composers.recorded._records import parse_record

        record = parse_record(line, f"{self._path}:{number}")
        key = (record.reference, fold(record.modification))
        if record.reference is not None and key not in self._lines:
            for name in {_parts(record.reference)[-1], _number(record.reference)} - {""}:
                self._names.setdefault((name, key[1]), []).append(record.reference)
        self._lines[key] = (number, line)

    def _find(self, name: str | None, modification: str, *, described: bool) -> tuple[int, bytes]:
        wording = fold(modification)
        if name is not None or not described:
            exact = self._lines.get((name, wording))
            if exact is not None:
                return exact
        query = f"reference {name!r} and modification {modification!r}"
        if name is not None:
            parts = _parts(name)
            fitting = [
                recorded
                for recorded in self._names.get((parts[-1], wording), ())
                if _ends_alike(parts, _parts(recorded))
            ]
            if not fitting and _number(name):
                # COCO's 281438 is the file 000000281438.jpg
                fitting = [
                    recorded
                    for recorded in self._names.get((_number(name), wording), ())
                    if _number(recorded) == _number(name)
                ]
            if len(fitting) == 1:
                return self._lines[fitting[0], wording]
            if fitting:
                raise QueryError(
                    f"The {query} fits several references of {self._path}: {', '.join(fitting)}.",
                    hint="Give more of the reference's path.",
                )
        raise QueryError(
            f"{self._path} has no captions for {query}.",
            hint="Record them first, or use the verbatim composer.",
        )


def write_compositions(
    path: str | PurePath,
    compositions: Iterable[tuple[Named, Composition]],
    *,
    append: bool = True,
) -> int:
    """Write pairs of (reference, composition) to a JSONL file; return their number.

    The reference is its id or file name, a ``Reference``, or ``None`` for a text alone. With
    ``append=False`` an existing file is replaced. Reading them back gives captions, weights,
    origins, ``reference_captions``, roles, intent, notes and modification exactly; what composed
    them first is kept as the record's ``source``. Raises ``RecordError`` when a composition cannot be written.
    """
    # pydantic is slow to import, so only those who read or write such files pay for it
    from stitch_cir.composers.recorded._records import CompositionRecord

    target = Path(path)
    lines = [
        CompositionRecord.from_composition(_name(reference), composition).to_line(str(target))
        for reference, composition in compositions
    ]
    try:
        start = b""
        if append and target.exists() and target.stat().st_size:
            with target.open("rb") as file:
                file.seek(-1, 2)
                # a file cut off in the middle of a line must not swallow the next record
                start = b"" if file.read(1) == b"\n" else b"\n"
        with target.open("ab" if append else "wb") as file:
            file.write(start + b"".join(lines))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"There is no folder {target.parent} to write {target.name} to.", hint="Make it first."
        ) from error
    except OSError as error:
        raise RecordError(
            f"{target} cannot be written: {error.strerror}.",
            hint="Check the path, its permissions and the free space.",
        ) from error
    return len(lines)


def _name(reference: Named) -> str | None:
    if isinstance(reference, Reference):
        return reference.id
    return None if reference is None else str(reference)


def _parts(name: str) -> tuple[str, ...]:
    """Split a path of any system into its parts; an id without slashes is one part."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part != "/") or (name,)


def _number(name: str) -> str:
    """Return the number in a file's name, without leading zeros; "" when it is not a number."""
    stem = _parts(name)[-1].split(".", 1)[0]
    return (stem.lstrip("0") or "0") if stem.isascii() and stem.isdigit() else ""


def _ends_alike(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    length = min(len(first), len(second))
    return first[-length:] == second[-length:]
