"""Multipart bodies, read into memory: nothing a client sends is written to a disk unasked."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from stitch_cir.server._errors import BodyTooLargeError, RequestError

__all__ = ["Sent", "read_form"]

_FIELD_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a form: the name the client gave it (not to be trusted), and its bytes."""

    name: str
    content: bytes


class _Parser(MultiPartParser):
    spool_max_size = 1 << 40  # never on disk; the body's size is bounded elsewhere


async def read_form(
    request: Request, *, files: int, file_bytes: int, fields: frozenset[str] = frozenset()
) -> tuple[list[Sent], dict[str, str]]:
    """Read the files named ``file`` (1 … ``files``) and the texts named in ``fields``.

    Raises ``RequestError`` for anything else: another content type, a broken body, unknown or
    repeated fields, no file; ``BodyTooLargeError`` for a file of more than ``file_bytes``.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise _malformed("the content type is not multipart/form-data")
    parser = _Parser(
        request.headers,
        request.stream(),
        max_files=files,
        max_fields=len(fields),
        max_part_size=_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _malformed(error.message.rstrip(".")) from error
    sent: list[Sent] = []
    texts: dict[str, str] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile) and name == "file":
                content = await value.read()
                if len(content) > file_bytes:
                    raise BodyTooLargeError(
                        f"A file has more than {file_bytes:,} bytes.",
                        hint="Send a smaller picture, or raise --max-upload-mb.",
                    )
                sent.append(Sent(value.filename or "", content))
            elif isinstance(value, str) and name in fields and name not in texts:
                texts[name] = value
            else:
                raise _malformed(f"the field {name[:40]!r} is unknown, repeated or of a wrong kind")
    finally:
        await form.close()
    if not sent:
        raise _malformed("there is no file in the field 'file'")
    return sent, texts


def _malformed(reason: str) -> RequestError:
    return RequestError(
        f"The form cannot be read: {reason}.",
        hint="Send multipart/form-data with a picture in the field 'file': curl -F file=@a.jpg …",
    )
