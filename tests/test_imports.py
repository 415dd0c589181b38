"""Importing the library opens no model library: a search in a shell must not wait for one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "torch",
    "transformers",
    "open_clip",
    "onnxruntime",
    "openai",
    "pydantic",
    "matplotlib",
    "fastapi",
    "uvicorn",
)


def test_importing_the_library_loads_no_model_library() -> None:
    code = f"import stitch_cir, stitch_cir.cli._app, stitch_cir.server, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "[]"


def test_importing_the_library_imports_none_of_its_parts() -> None:
    code = (
        "import sys; before = set(sys.modules); import stitch_cir; "
        "print(*sorted(set(sys.modules) - before - {'__future__'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.split() == ["stitch_cir", "stitch_cir.errors"]


def test_opening_a_model_leaves_its_checksums_and_nothing_else(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry, which calls out, would leave a device id in the user's cache."""
    home = tmp_path / "home"
    code = (
        "import stitch_cir as st; from PIL import Image; encoder = st.load_encoder('mini'); "
        "encoder.encode_texts(['a red dress']); "
        "encoder.encode_views([Image.new('RGB', (64, 64))], [[st.ViewBox()]])"
    )
    clean = {
        k: v
        for k, v in os.environ.items()
        if k not in ("ORT_DISABLE_TELEMETRY", "CI", "PYTEST_CURRENT_TEST")
    }
    environment = {**clean, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    for name in ("STITCH_HOME", "XDG_DATA_HOME"):
        environment.pop(name, None)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300)
    left = [file.relative_to(home).as_posix() for file in home.rglob("*") if file.is_file()]
    # the checksums of the model's files, so that they are hashed once
    assert left == [".local/share/stitch/digests.json"]
