"""Words of messages: install commands, similar names, quoted arguments, counted nouns."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import category
from urllib.parse import urlparse
from urllib.request import url2pathname

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = [
    "counted",
    "did_you_mean",
    "escape_surrogates",
    "first_problem",
    "install_command",
    "missing_file_hint",
    "one_line",
    "shell_word",
    "similar_path",
]

_DISTRIBUTION = "stitch-cir"
_WINDOWS = os.name == "nt"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless there is 1: "1 query", "2 queries"."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith(("ry", "ty")) else f"{noun}s"
    return f"{number:,} {noun}"


def install_command(extra: str) -> str:
    """Return the command that adds an extra to the installation that runs.

    A clone is named by its folder, a wheel or a repository by its address; only what came from a
    package index is named as an index knows it. pipx and uv keep an environment for each tool and
    are addressed themselves.
    """
    requirement = shell_word(_requirement(extra))
    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        return f"pipx install --force {requirement}"
    if (Path(sys.prefix) / "uv-receipt.toml").is_file():
        return f"uv tool install --force {requirement}"
    return f"pip install {requirement}"


def _requirement(extra: str) -> str:
    """Return what pip calls this installation, with an extra."""
    clone = Path(__file__).resolve().parents[2]
    try:
        record = metadata.distribution(_DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return f"{clone}[{extra}]"
    try:
        source = json.loads(record or "{}")
        url = str(source.get("url", ""))
    except (ValueError, AttributeError):
        url, source = "", {}
    if not url:
        return f"{_DISTRIBUTION}[{extra}]"
    if url.startswith("file:") and "dir_info" in source:
        folder = Path(url2pathname(urlparse(url).path))
        running = clone if (clone / "pyproject.toml").is_file() else folder
        return f"{running}[{extra}]"
    version = source.get("vcs_info") or {}
    if version:
        url = f"{version.get('vcs', 'git')}+{url}@{version.get('commit_id', 'HEAD')}"
    return f"{_DISTRIBUTION}[{extra}] @ {url}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'x'? " for the names that are spelled nearly alike, else ""."""
    by_folded = {each.casefold(): each for each in names}
    close = get_close_matches(name.casefold(), by_folded, n=2, cutoff=0.6)
    if not close:
        return ""
    return f"Did you mean {' or '.join(repr(by_folded[each]) for each in close)}? "


def similar_path(path: Path | str) -> Path | None:
    """Return an existing path that differs from a missing one in the spelling of one part.

    ``None`` where the path exists, or nothing beside its first missing part is spelled alike.
    """
    requested = Path(path)
    missing = requested
    try:
        if requested.exists():
            return None
        while not missing.parent.exists() and missing != missing.parent:
            missing = missing.parent
        names = sorted(each.name for each in missing.parent.iterdir())
    except (OSError, ValueError):
        return None
    by_folded = {name.casefold(): name for name in names}
    close = get_close_matches(missing.name.casefold(), by_folded, n=3, cutoff=0.6)
    for name in close:
        similar = missing.parent / by_folded[name] / requested.relative_to(missing)
        if similar.exists():
            return similar
    return None


def missing_file_hint(path: Path | str, otherwise: str) -> str:
    """Return the file that was probably meant by a path to none, or what to say ``otherwise``."""
    near = similar_path(path)
    return otherwise if near is None else f"Did you mean {shell_word(near)}?"


def first_problem(error: ValidationError) -> str:
    """Return what is wrong in the first invalid field, behind the path to it."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(map(str, problem["loc"]))
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{field}: {message}" if field else message


_JOINERS = "\u200c\u200d"
"""Part of how Persian and composed emoji are spelled."""


def one_line(text: str) -> str:
    """Escape line breaks and every other character that a terminal would obey or not show.

    File names may hold anything. Spaces of every width stay, so that a name can be copied.
    """
    shown = "".join(
        c if c.isprintable() or c in _JOINERS or category(c) == "Zs" else repr(c)[1:-1]
        for c in text
    )
    return escape_surrogates(shown)


def escape_surrogates(text: str) -> str:
    r"""Return a text with lone surrogates as ``\udcff``: no UTF-8 and no JSON can carry them.

    They stand for bytes of file names that are no text.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def shell_word(text: str | os.PathLike[str]) -> str:
    """Return a text as one argument of a command line that can be pasted into the shell."""
    word = os.fspath(text)
    if _WINDOWS:
        return subprocess.list2cmdline([word])
    return shlex.quote(word)
