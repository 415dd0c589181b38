"""Multipart bodies, read into memory: nothing a client sends is written to a disk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from stitch_cir.server._errors import BodyTooLargeError, RequestError

__all__ = ["FormFile", "form_schema", "read_form"]

_FIELD_BYTES = 256 << 10
_HEADER_BYTES = 8 << 10
_EXTENDED = re.compile(rb";\s*filename\*=(utf-8|iso-8859-1)'[^']*'([!-:<-~]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form: the name the client gave it (not to be trusted), and its bytes."""

    name: str
    content: bytes


@dataclass(slots=True)
class _Part:
    name: str | None = None
    filename: str | None = None
    content: bytearray = field(default_factory=bytearray)


def form_schema(file: dict[str, Any], **fields: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a form, which the framework cannot see, for ``/openapi.json``."""
    schema = {"type": "object", "required": ["file"], "properties": {"file": file, **fields}}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


async def read_form(
    request: Request, *, files: int, file_bytes: int, fields: frozenset[str] = frozenset()
) -> tuple[list[FormFile], dict[str, str]]:
    """Read the files named ``file`` (1 … ``files``) and the texts named in ``fields``.

    Raises ``RequestError`` for anything else: another content type, a broken or unfinished body,
    unknown or repeated fields, no file; ``BodyTooLargeError`` for a file of more than
    ``file_bytes``.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise _malformed("the content type is not multipart/form-data with a boundary")
    form = _Form(files, file_bytes, fields)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise _malformed("its parts cannot be told apart") from error
    return form.read()


class _Form:
    """Collects parts as they arrive, and refuses the first that is not allowed."""

    def __init__(self, files: int, file_bytes: int, fields: frozenset[str]) -> None:
        self._files = files
        self._file_bytes = file_bytes
        self._fields = fields
        self._part = _Part()
        self._header = (bytearray(), bytearray())
        self._header_bytes = 0
        self._sent: list[FormFile] = []
        self._texts: dict[str, str] = {}
        self._complete = False

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._check,
            "on_part_data": lambda data, start, end: self._take(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def read(self) -> tuple[list[FormFile], dict[str, str]]:
        if not self._complete:
            raise _malformed("it is not complete")
        if not self._sent:
            raise _malformed("there is no file in the field 'file'")
        return self._sent, self._texts

    def _begin(self) -> None:
        self._part = _Part()
        self._header_bytes = 0

    def _add(self, which: int, data: bytes) -> None:
        self._header_bytes += len(data)
        if self._header_bytes > _HEADER_BYTES:
            raise _malformed("a part's headers are too long")
        self._header[which].extend(data)

    def _end_header(self) -> None:
        name, value = (bytes(half) for half in self._header)
        self._header = (bytearray(), bytearray())
        if name.strip().lower() == b"content-disposition":
            _, options = parse_options_header(value)
            self._part.name = _text(options.get(b"name"))
            self._part.filename = _extended(value) or _text(options.get(b"filename"))

    def _check(self) -> None:
        part = self._part
        if part.name == "file" and part.filename is not None:
            if len(self._sent) >= self._files:
                raise _malformed(f"it has more than {self._files} files")
        elif part.name == "file":
            raise _malformed("the field 'file' holds no file, because it has no file name")
        elif part.name not in self._fields or part.filename is not None:
            raise _malformed(f"the field {(part.name or '')[:40]!r} is unknown or of a wrong kind")
        elif part.name in self._texts:
            raise _malformed(f"the field {part.name!r} is repeated")

    def _take(self, data: bytes) -> None:
        self._part.content.extend(data)
        if self._part.filename is None:
            if len(self._part.content) > _FIELD_BYTES:
                raise _malformed("a text is too long")
        elif len(self._part.content) > self._file_bytes:
            raise BodyTooLargeError(
                f"A file has more than {self._file_bytes:,} bytes.",
                hint="Send a smaller image, or raise --max-upload-mb.",
            )

    def _end(self) -> None:
        part = self._part
        if part.filename is not None:
            self._sent.append(FormFile(part.filename, bytes(part.content)))
        elif part.name is not None:
            self._texts[part.name] = part.content.decode("utf-8", "replace")
        self._part = _Part()

    def _finish(self) -> None:
        self._complete = True


def _extended(disposition: bytes) -> str | None:
    """Read ``filename*=UTF-8''…`` (RFC 8187): forms should not hold it, but some clients do."""
    match = _EXTENDED.search(disposition)
    if match is None:
        return None
    charset, quoted = (part.decode("ascii") for part in match.groups())
    return unquote(quoted, encoding=charset, errors="replace")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _malformed(reason: str) -> RequestError:
    return RequestError(
        f"The form cannot be read: {reason}.",
        hint="Send multipart/form-data with an image in the field 'file': curl -F file=@a.jpg …",
    )
