"""Which packages a start imports: a search in a shell must not wait for what it does not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import stitch_cir as st
from tests.pinned.gallery import paint_images
from tests.pinned.recording import compare_or_write

PINNED = Path(__file__).with_name("cold_start.json")
# of the standard library only what costs milliseconds; of other packages everything
STANDARD = frozenset(
    "asyncio concurrent ctypes email http multiprocessing sqlite3 ssl unittest urllib xml".split()
)
PROBE = """
import atexit, json, os, sys
names = lambda: {name.partition(".")[0] for name in sys.modules}
before = names()
def write():
    with open(os.environ["IMPORTED"], "w") as file:
        json.dump(sorted(names() - before), file)
atexit.register(write)
code = sys.argv.pop(1)
exec(code)
"""
COMMAND = "from stitch_cir.cli import main; main()"


def imported(file: Path, code: str, *arguments: str) -> list[str]:
    """Run Python code in a new process; return the packages that it imports, in alphabetic order."""
    environment = {name: each for name, each in os.environ.items() if "COV" not in name}
    subprocess.run(
        [sys.executable, "-c", PROBE, code, *arguments],
        check=True,
        capture_output=True,
        timeout=300,
        env={**environment, "IMPORTED": str(file), "NO_COLOR": "1"},
    )
    return [
        name
        for name in json.loads(file.read_text())
        if name in STANDARD
        or not (name in sys.stdlib_module_names or name.startswith(("_", "stitch_")))
    ]


def test_a_start_imports_what_it_uses(tmp_path: Path) -> None:
    images = paint_images(tmp_path / "images")
    gallery = tmp_path / "gallery"
    st.index_folder(images, gallery, encoder=st.load_encoder("test"))
    query = ("search", str(gallery), "in blue", "-r", "red.png", "-c", "blue", "-k", "2")
    starts: dict[str, tuple[str, ...]] = {
        "import stitch_cir": ("import stitch_cir",),
        "from stitch_cir.client import Client": ("from stitch_cir.client import Client",),
        "stitch --help": (COMMAND, "--help"),
        "stitch search": (COMMAND, *query),
        "stitch search --json": (COMMAND, *query, "--json"),
        "stitch index": (COMMAND, "index", "--gallery", str(gallery), "-q", str(images)),
    }
    compare_or_write(
        PINNED, {name: imported(tmp_path / "imported", *start) for name, start in starts.items()}
    )
