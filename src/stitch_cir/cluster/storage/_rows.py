"""The columns of a dataset: one row for each id of a gallery, with a digest of all columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from stitch_cir.gallery.store import ContentRecord, IdRecord, earlier_row_digest, row_digest

__all__ = [
    "BATCH",
    "SHARDS",
    "SURVEYED",
    "batches",
    "decoded",
    "is_digest_of",
    "row_of",
    "schema",
    "shard_of",
    "to_record",
    "to_surveyed_record",
]

SHARDS = 256
"""Number of shard numbers, one of which each row gets by its content; fixed for a dataset."""
BATCH = 256
"""Rows read at a time."""
_WRITTEN = 1024
"""Rows written at a time: every batch has a fixed cost in Lance."""
_ITEM = ("path", "size", "mtime_ns", "mark", "since", "hash")
_CONTENT = ("width", "height", "boxes", "vectors")
SURVEYED = ("state", *_ITEM, "captions", "metadata_of", "rows")
"""Columns, besides the id, that a survey compares: all but vectors, boxes and attributes."""
_NO_ITEM: Mapping[str, Any] = dict.fromkeys(_ITEM)
_NO_CONTENT = (None,) * len(_CONTENT)
_of_content = attrgetter(*_CONTENT)
_Digest = Callable[..., bytes]
_digested_before = itemgetter("id", "state", *_ITEM)
_digested_after = itemgetter("caption_vectors", "attributes", "metadata_of", "rows")
"""The parts of a row's digest before and after the captions and their number."""


def schema(metadata: Mapping[str, str]) -> Any:
    """Return the Arrow schema with this metadata."""
    import pyarrow as pa

    key = {"lance-schema:unenforced-primary-key": "true"}
    fields = [
        # two writers of one id at once are a conflict, not two rows
        pa.field("id", pa.string(), nullable=False, metadata=key),
        pa.field("shard", pa.int16(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("path", pa.binary()),
        *(pa.field(name, pa.int64()) for name in ("size", "mtime_ns", "mark", "since")),
        pa.field("hash", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("boxes", pa.string()),
        # (M, d) float32 little-endian, as the gallery keeps them: M may differ from row to row
        pa.field("vectors", pa.large_binary()),
        pa.field("captions", pa.list_(pa.string())),
        pa.field("caption_vectors", pa.large_binary()),
        pa.field("attributes", pa.string()),
        pa.field("metadata_of", pa.string()),
        pa.field("rows", pa.string()),
        pa.field("digest", pa.binary(16), nullable=False),
    ]
    return pa.schema(fields, metadata=dict(metadata))


def row_of(record: IdRecord) -> dict[str, Any]:
    """Return the row, a value for each column, of a gallery's record."""
    content = record.content
    row: dict[str, Any] = {"id": record.id, "state": record.table, **_NO_ITEM, **record.columns}
    values = _NO_CONTENT if content is None else _of_content(content)
    row.update(zip(_CONTENT, values, strict=True))
    # a tuple: the garbage collector does not track the empty one, which most rows have
    row["captions"] = tuple([text for text, _ in record.captions])
    row["caption_vectors"] = b"".join([vector for _, vector in record.captions])
    # sorted by name: the order in which a gallery met its attributes must not matter
    attributes = sorted([*head, list(values)] for *head, values in record.attributes)
    row["attributes"] = _ENCODER.encode(attributes) if attributes else "[]"
    row["metadata_of"] = record.metadata_of
    row["rows"] = _ENCODER.encode(record.rows) if record.rows else "{}"
    row["digest"] = digest_of(row, None if content is None else content.digest)
    row["shard"] = shard_of(row)
    return row


def shard_of(row: Mapping[str, Any]) -> int:
    """Return the shard number of a row, by its content: equal for byte-identical images."""
    content = row["hash"] or row["id"]
    digest = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % SHARDS


def content_digest(row: Mapping[str, Any], digest: _Digest = row_digest) -> bytes | None:
    """Return the digest of a row's content as a gallery computes it; ``None`` without one."""
    if row["vectors"] is None:
        return None
    return digest(row["hash"], *(row[name] for name in _CONTENT))


def digest_of(
    row: Mapping[str, Any], of_content: bytes | None, digest: _Digest = row_digest
) -> bytes:
    """Return the digest of a row, 16 bytes over all columns; ``of_content``: of its content."""
    before, captions, after = _digested_before(row), row["captions"], _digested_after(row)
    counted = (None,) if captions is None else (len(captions), *captions)
    return digest(of_content, *before, *counted, *after)


def is_digest_of(digest: bytes | None, row: Mapping[str, Any], today: bytes) -> bool:
    """Return whether a digest is that of a row: ``today``, or the one of datasets of format 1."""
    if digest is None or digest == today:
        return digest is not None
    return digest == digest_of(row, content_digest(row, earlier_row_digest), earlier_row_digest)


def to_record(row: Mapping[str, Any], dim: int) -> IdRecord:
    """Return the record of a row.

    Raises ``ValueError`` where the row is not what was written, or cannot be read.
    """
    of_content = content_digest(row)
    if not is_digest_of(row["digest"], row, digest_of(row, of_content)):
        raise ValueError("is not what was written")
    try:
        return _to_record(row, dim, of_content)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("has records that cannot be read") from error


def _to_record(row: Mapping[str, Any], dim: int, of_content: bytes | None) -> IdRecord:
    content = None
    if of_content is not None:
        width, height, boxes, vectors = (row[name] for name in _CONTENT)
        content = ContentRecord(width, height, boxes, vectors, of_content)
    captions: tuple[tuple[str, bytes], ...] = ()
    if texts := row["captions"]:
        blob, size = row["caption_vectors"], 4 * dim
        vectors = [blob[start : start + size] for start in range(0, len(blob), size)]
        captions = tuple(zip(texts, vectors, strict=True))
    attributes = [] if row["attributes"] == "[]" else _DECODER.decode(row["attributes"])
    return IdRecord(
        row["id"],
        row["state"],
        _columns_of(row),
        content,
        captions,
        tuple((name, kind, carried, tuple(values)) for name, kind, carried, values in attributes),
        row["metadata_of"],
        {} if row["rows"] == "{}" else _DECODER.decode(row["rows"]),
    )


def _columns_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of an item; empty for the row of a skipped file."""
    if not row["state"]:
        return {}
    return {name: row[name] for name in _ITEM if name != "since" or row["state"] == "vanished"}


def to_surveyed_record(row: Mapping[str, Any]) -> IdRecord:
    """Return the record of a row of which only the columns ``SURVEYED`` were read.

    Raises ``ValueError`` where it cannot be read.
    """
    return IdRecord(
        row["id"],
        row["state"],
        _columns_of(row),
        None,
        tuple((text, b"") for text in row["captions"] or ()),
        (),
        row["metadata_of"],
        _DECODER.decode(row["rows"]),
    )


def batches(rows: Iterable[Mapping[str, Any]], arrow_schema: Any) -> Iterator[Any]:
    """Yield rows as Arrow record batches."""
    import pyarrow as pa

    stream = iter(rows)
    while part := list(islice(stream, _WRITTEN)):
        # by column: from rows, Arrow would look up every name in every row
        arrays = [_array([row[each.name] for row in part], each.type) for each in arrow_schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=arrow_schema)


def _array(values: list[Any], kind: Any) -> Any:
    """Return a column as an Arrow array."""
    import pyarrow as pa

    if not pa.types.is_large_binary(kind) or None in values:
        return pa.array(values, kind)
    # vectors are most of a dataset: one join is faster than Arrow's growing buffer
    ends = np.cumsum([0, *map(len, values)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def decoded(text: str) -> Any:
    """Return the value of a JSON column, ``attributes`` or ``rows``."""
    return _DECODER.decode(text)


def _hexadecimal(value: Any) -> dict[str, str]:
    return {"hexadecimal": value.hex()}


def _restored(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["hexadecimal"]) if set(value) == {"hexadecimal"} else value


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=_hexadecimal)
_DECODER = json.JSONDecoder(object_hook=_restored)
