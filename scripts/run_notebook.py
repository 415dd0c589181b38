"""Execute the notebook and keep its outputs: ``python scripts/run_notebook.py [--check]``.

With ``--check`` nothing is written; the exit code is 1 where a cell fails, or where what a cell
prints is not what the notebook shows. Run it in the environment of ``make docs``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).parents[1] / "examples" / "tour.ipynb"


def main() -> int:
    """Run the notebook; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    is_check = parser.parse_args().check
    stored = nbformat.read(NOTEBOOK, as_version=4)
    before = [printed(cell) for cell in stored.cells]
    try:
        NotebookClient(stored, timeout=600, kernel_name="python3").execute()
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    if not is_check:
        for cell in stored.cells:
            cell.metadata.pop("execution", None)  # the times of this run
            if cell["cell_type"] == "code":
                cell["outputs"] = kept(cell["outputs"])
        nbformat.write(stored, NOTEBOOK)
        return 0
    stale = [number for number, cell in enumerate(stored.cells) if printed(cell) != before[number]]
    if stale:
        print(f"{NOTEBOOK.name}: cells {stale} print something else: run it anew", file=sys.stderr)
    return int(bool(stale))


def kept(outputs: list[Any]) -> list[Any]:
    """Return outputs to store: HTML without the plain text that it replaces, streams as one."""
    result: list[Any] = []
    for output in outputs:
        if "text/html" in output.get("data", {}):
            output["data"].pop("text/plain", None)
        if result and output["output_type"] == result[-1]["output_type"] == "stream":
            result[-1]["text"] += output["text"]
        else:
            result.append(output)
    return result


def printed(cell: Any) -> str:
    """Return what a cell of code prints, without images, which no two machines draw alike."""
    outputs = cell.get("outputs", [])
    return "".join(
        output.get("text", "") for output in outputs if output["output_type"] == "stream"
    )


if __name__ == "__main__":
    sys.exit(main())
