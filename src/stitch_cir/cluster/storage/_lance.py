"""Lance, imported when it is first needed, and its errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from stitch_cir._hints import install_command
from stitch_cir.cluster.storage._locations import ADDRESSES, absolute_address
from stitch_cir.cluster.storage._secrets import check_address, masked
from stitch_cir.errors import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryMissingError,
    ModelError,
)

__all__ = [
    "FILE_FORMAT",
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

_NO_DATASET = re.compile(r"Dataset at path (?!\S*\.manifest was).* was not found")
"""Not of one version: that was cleaned up."""
_NO_VERSIONS = re.compile(r"Not found: \S*/_versions$")
"""What was opened has been deleted since."""
_MISSING = re.compile(r"not found|does not exist|No such", re.IGNORECASE)
_DAMAGED = re.compile(r"fill whole buffer|file size is too small|corrupt|magic", re.IGNORECASE)
_REFUSED = re.compile(
    r"denied|forbidden|credential|unauthorized|status: 40[13]|not permitted|read-only"
    r"|InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<]*)</Message>)?")
"""What a storage that speaks S3 says of an error."""
_UNREACHED = re.compile(r"[A-Z]+ (\w+://[^/\s]+)\S* in .*error sending request", re.DOTALL)
_CONFLICT = re.compile(r"conflict|concurrent|preempted", re.IGNORECASE)
_SYSTEM = re.compile(r'(?:(/[^:"]*): )?([A-Z][a-z][\w -]*) \(os error \d+\)(?: at path "([^"]+)")?')
"""What the operating system said, and of which file."""
_AROUND = re.compile(
    r"^(?:External error: |LanceError\(\w+\): |Generic \w+ error: |Invalid user input: )+"
)


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

    Raises ``GalleryMissingError`` where nothing is there, ``GalleryDamagedError`` where a file is
    missing or cut short, ``GalleryBusyError`` for writers that got in each other's way too often,
    ``GalleryError`` for everything else.
    """
    try:
        yield
    except BaseException as error:
        # what panics in Lance's Rust is no Exception
        panic = type(error).__name__ == "PanicException"
        if not panic and not isinstance(error, (OSError, ValueError, RuntimeError)):
            raise
        raise _translated(uri, masked(str(error))) from error


def _translated(uri: str, text: str) -> GalleryError:
    reason = _reason(text)
    unusable = f"{uri} cannot be used: {reason}."
    if "NoSuchBucket" in reason:
        return GalleryMissingError(
            unusable,
            hint="Make the bucket first, or check the address, the endpoint and the region.",
        )
    if _REFUSED.search(reason):
        return GalleryError(
            unusable,
            hint="Check the rights of the folder or bucket, and the credentials: "
            "--storage-option KEY=VALUE, or the variables that the storage reads.",
        )
    if _CONFLICT.search(reason):
        return GalleryBusyError(
            f"Others kept writing to {uri} at the same time: {reason}.",
            hint="Run the same command again: what is there already is not written twice.",
        )
    if "Dataset already exists" in text:
        return _created_meanwhile(uri)
    if _NO_DATASET.search(text) or _NO_VERSIONS.search(reason):
        return GalleryMissingError(
            f"There is no dataset at {uri}.",
            hint="Check the address, or make a dataset: stitch cluster export GALLERY URI",
        )
    damaged = _DAMAGED.search(reason)
    if damaged or _MISSING.search(reason):
        what = "A file of {} is damaged" if damaged else "A part of {} is missing"
        return GalleryDamagedError(
            f"{what.format(uri)}: {reason}.",
            hint="Restore a backup, or go back to an earlier version: stitch cluster log URI, then "
            "checkout. What a gallery holds can be exported again, to another address.",
        )
    hint = "Check the address and the storage."
    if "No space left" in reason:
        hint = "Make room there, and run the same command again."
    elif "builder error" in reason:
        hint = "An endpoint without TLS needs --storage-option allow_http=true as well."
    elif "Invalid user input" in text:
        hint = ADDRESSES
    return GalleryError(unusable, hint=hint)


def _created_meanwhile(uri: str) -> GalleryBusyError:
    return GalleryBusyError(
        f"Another writer has just created {uri}.",
        hint="Run the same command again: it adds to that dataset.",
    )


def _reason(text: str) -> str:
    """Return why Lance or the storage refused, without what stands around it."""
    if answer := _ANSWER.search(text):
        return f"the storage answers {': '.join(filter(None, answer.groups()))}".rstrip(".")
    if unreached := _UNREACHED.search(text):
        return f"{unreached[1]} cannot be reached"
    if "credentials" in text and "ProviderError" in text:
        return "no credentials were found"
    if system := _SYSTEM.search(text):
        file = system[1] or system[3]
        return f"{system[2]}: {file}" if file else system[2]
    # what Lance adds behind its own message is a place in its source
    first = re.split(r", /|\n|, rust/", text)[0].strip()
    return _AROUND.sub("", first)[:300].rstrip(".")


def create_dataset(
    uri: str, schema: Any, fragments: Iterable[Any], options: Mapping[str, str]
) -> Any:
    """Return a new dataset of files that were written.

    The commit is not tried again, so that of several writers one makes the dataset: Lance's own
    mode for it lets the last one replace what the others wrote. Raises ``GalleryBusyError`` where
    another writer was first, and ``OSError`` where the storage refuses.
    """
    check_address(uri)
    lance = import_lance()
    address, storage = absolute_address(uri), dict(options) or None
    try:
        return lance.LanceDataset.commit(
            address,
            lance.LanceOperation.Overwrite(schema, list(fragments)),
            max_retries=0,
            storage_options=storage,
        )
    except OSError as error:
        # Lance says of an existing dataset that its version 0 is missing
        with suppress(OSError, ValueError):
            lance.dataset(address, storage_options=storage)
            raise _created_meanwhile(uri) from error
        raise


def quoted(text: str) -> str:
    """Return a text as a condition on rows has it."""
    return "'" + text.replace("'", "''") + "'"
