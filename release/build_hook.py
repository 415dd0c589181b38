"""Record the commit in what is built, for ``stitch --version`` of installed copies."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RECORD = "stitch_cir/_commit.txt"


class CommitHook(BuildHookInterface):  # type: ignore[misc]
    """Adds a file with the commit to wheels and source distributions built in a clone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file; an editable install reads the clone instead, an sdist brings the file."""
        if version == "editable" or (Path(self.root) / "src" / RECORD).exists():
            return
        command = ["git", "-C", self.root, "rev-parse", "HEAD"]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError:  # no git here, so nobody knows the commit
            return
        if done.returncode == 0:
            file = Path(self.directory) / "commit.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(done.stdout.strip() + "\n", encoding="utf-8")
            inside = "src/" * (self.target_name == "sdist") + RECORD
            build_data["force_include"][str(file)] = inside

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was only written to be packed."""
        (Path(self.directory) / "commit.txt").unlink(missing_ok=True)
