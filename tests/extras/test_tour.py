"""The notebook runs from its first cell to its last, and prints what it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "tour.ipynb"


def test_the_notebook_prints_what_it_shows() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "run_notebook.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_results_show_themselves_as_images_and_tables() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    pages = [
        "".join(output["data"]["text/html"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    assert len(pages) >= 4
    assert any("data:image/jpeg" in page for page in pages)
    assert any("<table" in page for page in pages)
    assert "/tmp/" not in NOTEBOOK.read_text(encoding="utf-8")
