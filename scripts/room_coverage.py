"""Print the coverage of the rooms whose lines and branches are measured.

Reads the JSON report of ``coverage``. With ``--least`` it exits with 1 where a room falls short,
after naming the files and lines that no test has run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def main() -> int:
    """Print one line for each room and, where one falls short, what is missing there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="what --cov-report=json wrote")
    parser.add_argument(
        "--least",
        type=float,
        default=0.0,
        help="per cent of the lines, and of the branches, that must have run in each room",
    )
    arguments = parser.parse_args()
    files: dict[str, Any] = json.loads(arguments.report.read_text("utf-8"))["files"]
    rooms: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, facts in files.items():
        parts = Path(name).parts
        rooms[parts[parts.index("stitch_cir") + 1]][name] = facts
    short = False
    print("coverage    lines  branches")
    for room, members in sorted(rooms.items()):
        lines, branches = share(members.values(), "lines"), share(members.values(), "branches")
        print(f"{room:<10} {lines:5.1f} %  {branches:5.1f} %")
        if min(lines, branches) < arguments.least:
            short = True
            print_missing(members)
    if short:
        print(
            f"A room is below {arguments.least:g} %: add tests for what is named above.",
            file=sys.stderr,
        )
    return int(short)


def share(files: Iterable[Mapping[str, Any]], what: str) -> float:
    """Return the per cent of ``lines`` or ``branches`` that ran in all files together."""
    total, ran = ("num_statements", "covered_lines")
    if what == "branches":
        total, ran = ("num_branches", "covered_branches")
    summaries = [facts["summary"] for facts in files]
    count = sum(summary[total] for summary in summaries)
    return 100.0 * sum(summary[ran] for summary in summaries) / count if count else 100.0


def print_missing(files: Mapping[str, Mapping[str, Any]]) -> None:
    """Name the lines of a room that did not run and the lines that left one way only."""
    for name, facts in sorted(
        files.items(), key=lambda item: item[1]["summary"]["percent_covered"]
    ):
        lines = facts["missing_lines"]
        partial = sorted({start for start, _ in facts["missing_branches"]} - set(lines))
        if lines or partial:
            print(f"  {name}: lines {spans(lines)}; one way only {spans(partial)}")


def spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text, those that follow each other as one span."""
    ends: list[list[int]] = []
    for number in numbers:
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ends) or "none"


if __name__ == "__main__":
    sys.exit(main())
