"""What this copy of the package was built from."""

from __future__ import annotations

from pathlib import Path

__all__ = ["commit"]

_PACKAGE = Path(__file__).resolve().parent


def commit() -> str | None:
    """Return the commit of this copy; ``None`` where it was built outside of a clone.

    Installed copies have it recorded (``release/build_hook.py``); in a clone it is read from the
    files of git, which need not be installed.
    """
    try:
        return (_PACKAGE / "_commit.txt").read_text(encoding="utf-8").strip() or None
    except OSError:
        return _of_clone(_PACKAGE.parents[1] / ".git")


def _of_clone(clone: Path) -> str | None:
    try:
        if clone.is_file():  # a second work tree: the file names its part of the clone
            clone = Path(clone.read_text().strip().removeprefix("gitdir: "))
        head = (clone / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head or None
        if (clone / "commondir").is_file():
            clone = clone / (clone / "commondir").read_text().strip()
        name = head.removeprefix("ref: ")
        if (clone / name).is_file():
            return (clone / name).read_text().strip()
        packed = (clone / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), None)
    except OSError:
        return None
