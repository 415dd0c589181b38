"""Importing the library opens no model library: a search in a shell must not wait for one."""

from __future__ import annotations

import subprocess
import sys

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
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
