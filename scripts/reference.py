"""Write the reference: ``python scripts/reference.py [--check]`` (a part of ``make generated``).

These are the pages of the commands, the API, the errors and the files in ``docs/reference``, and
the manual page and the completions of shells in ``release``. With ``--check`` nothing is written,
and the exit code is 1 where one of them is not current. The pages of the Python names are made with
the site (``scripts/docs_site.py``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import reference_api
import reference_cli
import reference_errors
import reference_files

ROOT = Path(__file__).parents[1]
FILES = "docs/reference/files.md"
SHELLS = {"bash": "stitch.bash", "zsh": "_stitch", "fish": "stitch.fish"}


def main() -> int:
    """Write everything, or name the files that are not current."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    is_check = parser.parse_args().check
    texts = {
        "docs/reference/cli.md": reference_cli.page(),
        "docs/reference/api.md": reference_api.page(),
        "docs/reference/errors.md": reference_errors.page(),
        FILES: reference_files.page((ROOT / FILES).read_text(encoding="utf-8")),
        "release/stitch.1": reference_cli.manual(),
        **{f"release/completions/{name}": completion(kind) for kind, name in SHELLS.items()},
    }
    stale = [path for path, text in texts.items() if not is_current(ROOT / path, text)]
    for path in stale:
        if is_check:
            print(f"{path} is not current: make generated", file=sys.stderr)
        else:
            (ROOT / path).write_text(texts[path], encoding="utf-8")
    return int(is_check and bool(stale))


def completion(shell: str) -> str:
    """Return the script that completes the command in a shell, as the command itself prints it."""
    code = "from stitch_cir.cli import main; main()"
    environment = {**os.environ, "_STITCH_COMPLETE": f"source_{shell}"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip() + "\n"


def is_current(path: Path, text: str) -> bool:
    """Return whether a file holds a text."""
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
