"""Lance, imported when it is first needed, and its errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stitch_cir._hints import install_command
from stitch_cir.cluster.storage._secrets import check_address, masked
from stitch_cir.errors import GalleryBusyError, GalleryError, GalleryMissingError, ModelError

__all__ = [
    "FILE_FORMAT",
    "absolute_address",
    "create_dataset",
    "import_lance",
    "lance_errors",
    "quoted",
]

FILE_FORMAT = "2.0"
"""Lance's file format of datasets that an export makes; all that is added later is written alike.

Blobs of 15 kB take half as long to write and a third as long to read as in 2.1 and 2.2, which
compress what vectors do not have: repetition.
"""

_MISSING = re.compile(r"was not found|not found|does not exist|No such", re.IGNORECASE)
_REFUSED = re.compile(
    r"denied|forbidden|credential|unauthorized|status: 40[13]|not permitted|read-only"
    r"|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<]*)</Message>)?")
"""What a storage that speaks S3 says of an error."""
_UNREACHED = re.compile(r"[A-Z]+ (\w+://[^/\s]+)\S* in .*error sending request", re.DOTALL)
_CONFLICT = re.compile(r"conflict|concurrent|preempted", re.IGNORECASE)


def import_lance() -> Any:
    """Return the module ``lance``; raises ``ModelError`` where the extra is not installed."""
    try:
        import lance
    except ImportError as error:
        raise ModelError(
            "Datasets in shared storage need pylance, which is not installed.",
            hint=f"Install the extra: {install_command('cluster')}",
        ) from error
    return lance


@contextmanager
def lance_errors(uri: str) -> Iterator[None]:
    """Turn errors of Lance and of the storage below it into the library's.

    Raises ``GalleryMissingError`` where nothing is there, ``GalleryBusyError`` for writers that
    got in each other's way too often, ``GalleryError`` for everything else.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = _reason(masked(str(error)))
        if "NoSuchBucket" in reason:
            raise GalleryMissingError(
                f"{uri} cannot be used: {reason}.",
                hint="Make the bucket first, or check the address, the endpoint and the region.",
            ) from error
        if _REFUSED.search(reason):
            raise GalleryError(
                f"{uri} cannot be used: {reason}.",
                hint="Check the rights of the folder or bucket, and the credentials: "
                "--storage-option KEY=VALUE, or the variables that the storage reads.",
            ) from error
        if _CONFLICT.search(reason):
            raise GalleryBusyError(
                f"Others kept writing to {uri} at the same time: {reason}.",
                hint="Run the same command again: what is there already is not written twice.",
            ) from error
        if _MISSING.search(reason):
            raise GalleryMissingError(
                f"There is no dataset at {uri}, or a part of it is missing: {reason}.",
                hint="Check the address, or make a dataset: stitch cluster export GALLERY URI",
            ) from error
        full = "No space left" in reason
        raise GalleryError(
            f"{uri} cannot be used: {reason}.",
            hint="Make room there, and run the same command again."
            if full
            else "Check the address and the storage.",
        ) from error


def _reason(text: str) -> str:
    """Return why Lance or the storage refused, without what stands around it."""
    if answer := _ANSWER.search(text):
        return f"the storage answers {': '.join(filter(None, answer.groups()))}".rstrip(".")
    if unreached := _UNREACHED.search(text):
        return f"{unreached[1]} cannot be reached"
    if "credentials" in text and "ProviderError" in text:
        return "no credentials were found"
    # what Lance adds behind its own message is a place in its source
    return re.split(r", /|\n|, rust/", text)[0].strip()[:300].rstrip(".")


def create_dataset(
    uri: str, schema: Any, fragments: Iterable[Any], options: Mapping[str, str]
) -> Any:
    """Make a dataset of files that were written; raises ``OSError`` where there is one.

    The commit is not tried again, so that of several writers one makes the dataset: Lance's own
    mode for it lets the last one replace what the others wrote.
    """
    check_address(uri)
    lance = import_lance()
    return lance.LanceDataset.commit(
        uri,
        lance.LanceOperation.Overwrite(schema, list(fragments)),
        max_retries=0,
        storage_options=dict(options) or None,
    )


def absolute_address(uri: str) -> str:
    """Return the address of a dataset as other processes, and nodes, open it."""
    return uri if "://" in uri else str(Path(uri).absolute())


def quoted(text: str) -> str:
    """Return a text as a condition on rows has it."""
    return "'" + text.replace("'", "''") + "'"
