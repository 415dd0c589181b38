"""Credentials do not belong into the address of a dataset, nor into any message."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from stitch_cir.errors import SettingError

__all__ = ["check_address", "masked", "options_digest"]

_NAMED = (
    r"[^=&?\s]*(?:signature|credential|token|secret|password|passwd|access_?key|key_?id|\bsig\b)"
)
_USER = re.compile(r"(?<=://)[^\s/?#@]*:[^\s/?#@]*@")
"""Name and password before a host; a name alone is no secret: abfss://container@account…"""
_PARAMETER = re.compile(rf"([?&]{_NAMED}[^=&?\s]*=)[^&\s'\"]+", re.IGNORECASE)
"""A parameter of a presigned address."""
_REPLY = re.compile(r"(<AWSAccessKeyId>)[^<]+|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
"""What object stores repeat of credentials that they refuse."""


def masked(text: str) -> str:
    """Return a text without the credentials that stand in it."""
    text = _PARAMETER.sub(r"\1***", _USER.sub("***@", text))
    return _REPLY.sub(lambda match: f"{match[1] or ''}***", text)


def check_address(uri: str) -> None:
    """Raise ``SettingError`` for an address that holds credentials.

    It is recorded with the shards and shown by every message and log.
    """
    shown = masked(uri)
    if shown != uri:
        raise SettingError(
            f"The address {shown} holds credentials, which messages and logs would show.",
            hint="Leave them out of the address; set the variables that the storage reads "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …), or give --storage-option KEY=VALUE.",
        )


def options_digest(options: Mapping[str, str]) -> str:
    """Return what tells two sets of storage options apart, and says nothing of them."""
    text = json.dumps(sorted(options.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
