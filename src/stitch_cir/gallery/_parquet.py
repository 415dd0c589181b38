"""Rows of a Parquet file, which the extra ``parquet`` reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stitch_cir._hints import install_command, missing_file_hint
from stitch_cir.errors import ModelError, NotFoundError, RecordError

__all__ = ["parquet_rows"]

_BATCH = 4096


def parquet_rows(file: Path, noun: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file; ``noun`` says what it is.

    Raises ``ModelError`` where pyarrow is missing, ``NotFoundError`` when there is no such file,
    ``RecordError`` for another kind of file.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise ModelError(
            "Reading Parquet needs pyarrow, which is not installed.",
            hint=f"Install the extra: {install_command('parquet')}, or save the file as CSV.",
        ) from error
    if not file.is_file():
        raise NotFoundError(
            f"The {noun} file {file} cannot be read: no such file.",
            hint=missing_file_hint(file, "Check the path."),
        )
    try:
        with parquet.ParquetFile(file) as source:
            for batch in source.iter_batches(batch_size=_BATCH):
                yield from batch.to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        reason = str(error).split("\n")[0][:200].rstrip(".")
        raise RecordError(
            f"{file} cannot be understood: {reason}.",
            hint="It must be a Parquet file with a column 'id'.",
        ) from error
