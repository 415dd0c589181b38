"""``make bench``: run every measurement, print the rows, keep them in ``bench/latest.json``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import cold, device, encoders, indexing, mini_quality, pipeline, scan, server, stamps
from bench.rows import LATEST, Row, save

STAMPS = Path("demo/stamps")


def on_stamps(measure: Callable[[Path], Iterable[Row]]) -> Callable[[], Iterable[Row]]:
    def run() -> Iterable[Row]:
        if STAMPS.is_dir():
            return measure(STAMPS)
        print("skipped: run make demo first, it fetches the stamps")
        return []

    return run


PARTS: dict[str, Callable[[], Iterable[Row]]] = {
    "quality": on_stamps(mini_quality.run),
    "cold": cold.run,
    "indexing": indexing.run,
    "encoders": encoders.run,
    "pipeline": pipeline.run,
    "scan": scan.run,
    "device": device.run,
    "stamps": on_stamps(stamps.run),
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
