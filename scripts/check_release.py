"""Check that the working tree can be released (a part of ``make release``).

The version must be the same everywhere, have a heading in the change log and no tag yet, and
nothing may be uncommitted. Nothing is published.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import stitch_cir

ROOT = Path(__file__).parents[1]
VERSIONED = {
    "CITATION.cff": r"^version: ([\d.]+)$",
    "docs/citing.md": r"version = \{([\d.]+)\}",
    "release/stitch.1": r'"stitch ([\d.]+)"',
}


def main() -> int:
    """Print what stands in the way; return 1 where something does."""
    open_problems = list(problems(stitch_cir.__version__))
    for problem in open_problems:
        print(problem, file=sys.stderr)
    print(f"version {stitch_cir.__version__}: {len(open_problems)} problems")
    return int(bool(open_problems))


def problems(version: str) -> Iterator[str]:
    """Yield a line for everything that stands in the way of releasing a version."""
    for name, pattern in VERSIONED.items():
        versions = set(re.findall(pattern, (ROOT / name).read_text("utf-8"), flags=re.MULTILINE))
        if versions != {version}:
            yield f"{name} names {sorted(versions)}, not {version}"
    if not re.search(
        rf"^#+ .*{re.escape(version)}", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    ):
        yield f"CHANGELOG.md has no heading for {version}"
    if git("status", "--porcelain"):
        yield "there are changes that are not committed"
    if git("tag", "--list", f"v{version}"):
        yield f"v{version} is a tag already: raise the version in src/stitch_cir/__init__.py"


def git(*words: str) -> str:
    """Return what git prints."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
