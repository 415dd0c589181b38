"""Fetch Debian's ``tuxpaint-stamps-default`` (GPL-2) without root, and lay out its photos.

The package is downloaded and unpacked below the target folder with the system's own tools; nothing
is installed. The images stay under their licence: ``LICENSE-stamps`` is put beside them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "tuxpaint-stamps-default"
INSTALLED = Path("/usr/share/tuxpaint/stamps")


def fetch(target: Path) -> Path:
    """Return a folder with the stamps' PNG images, downloading them if needed."""
    stamps = target / "stamps"
    if (target / "LICENSE-stamps").is_file():
        return stamps
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        root = Path(scratch)
        source, licence = _installed() or _download(root)
        partial = root / "stamps"
        _lay_out(source, partial)
        shutil.rmtree(stamps, ignore_errors=True)
        partial.rename(stamps)
        # written last: its presence says that the folder is complete
        shutil.copyfile(licence, target / "LICENSE-stamps")
    return stamps


def _installed() -> tuple[Path, Path] | None:
    licence = Path("/usr/share/doc") / PACKAGE / "copyright"
    return (INSTALLED, licence) if INSTALLED.is_dir() and licence.is_file() else None


def _download(root: Path) -> tuple[Path, Path]:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        sys.exit(
            f"The demo's pictures come from Debian's package {PACKAGE}, and this machine has no "
            "apt-get. Use your own pictures instead: make demo PHOTOS=path/to/folder"
        )
    print(f"downloading {PACKAGE} (161 MB) …", flush=True)
    if not _apt(root, "download", PACKAGE):
        # no package lists, or stale ones: make private lists, which needs no root
        lists = root / "lists"
        (lists / "partial").mkdir(parents=True)
        private = [f"-oDir::State::Lists={lists}", f"-oDir::Cache={root / 'cache'}"]
        _apt(root, *private, "update")
        if not _apt(root, *private, "download", PACKAGE):
            sys.exit(
                f"apt-get could not download {PACKAGE} (see above). "
                "Use your own pictures instead: make demo PHOTOS=path/to/folder"
            )
    archive = next(root.glob(f"{PACKAGE}_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(archive), str(root / "unpacked")], check=True)
    share = root / "unpacked/usr/share"
    return share / "tuxpaint/stamps", share / "doc" / PACKAGE / "copyright"


def _apt(root: Path, *arguments: str) -> bool:
    # a folder of the user's is closed to the user _apt, of which apt would warn every time
    sandbox = ("-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ()
    done = subprocess.run(["apt-get", "-qq", *sandbox, *arguments], cwd=root, check=False)
    return done.returncode == 0


def _lay_out(source: Path, target: Path) -> None:
    """Copy every image and its caption file; sounds and drawing data stay behind."""
    for source_file in sorted(source.rglob("*.png")):
        target_file = target / source_file.relative_to(source)
        target_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source_file, target_file)
        caption = source_file.with_suffix(".txt")
        if caption.is_file():
            shutil.copyfile(caption, target_file.with_suffix(".txt"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path, help="folder for stamps/ and LICENSE-stamps")
    print(fetch(parser.parse_args().target))
