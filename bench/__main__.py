"""``make bench``: run every measurement, print the rows, keep them in ``bench/latest.json``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import cold, encoders, indexing, mini_quality, server
from bench.rows import LATEST, Row, save

STAMPS = Path("demo/stamps")


def quality() -> list[Row]:
    if not STAMPS.is_dir():
        print("skipped quality: run make demo first, it fetches the stamps")
        return []
    return mini_quality.run(STAMPS)


PARTS: dict[str, Callable[[], list[Row]]] = {
    "quality": quality,
    "cold": cold.run,
    "indexing": indexing.run,
    "encoders": encoders.run,
    "server": server.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these parts")
    rows: list[Row] = []
    for name in parser.parse_args().parts or PARTS:
        print(f"— {name}", flush=True)
        for row in PARTS[name]():
            print(row.show(), flush=True)
            rows.append(row)
        save(rows)
    print(f"written to {LATEST}")


if __name__ == "__main__":
    main()
