"""``make bench``: run all measurements or some, print the rows, keep them in ``bench/latest.json``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import (
    cirr,
    cluster,
    cluster_device,
    cluster_search,
    cold,
    device,
    encoders,
    everyday,
    indexing,
    mini_quality,
    pipeline,
    scan,
    server,
    stamps,
    ways,
)
from bench.rows import LATEST, Row, save

FOLDERS = {
    "stamps": (Path("demo/stamps"), "run make demo first, it fetches the stamps"),
    "everyday": (
        Path("../shared/photos/everyday"),
        "give a folder of photographs with captions.jsonl: --everyday DIR",
    ),
    "clothing": (
        Path("../shared/photos/clothing"),
        "give photographs in folders named by label: --clothing DIR",
    ),
    "cirr": (
        Path("../shared/benchmarks"),
        "give a folder with CIRR and its captions (docs/cirr-captions.md): --cirr DIR",
    ),
}
"""Where images are looked for, and what to do where there are none."""


def on(
    name: str, measure: Callable[[Path], Iterable[Row]]
) -> Callable[[dict[str, Path]], Iterable[Row]]:
    """Measure on a folder of images, or say why it is left out."""

    def run(folders: dict[str, Path]) -> Iterable[Row]:
        if folders[name].is_dir():
            return measure(folders[name])
        print(f"skipped: {FOLDERS[name][1]}")
        return []

    return run


def alone(measure: Callable[[], Iterable[Row]]) -> Callable[[dict[str, Path]], Iterable[Row]]:
    """Measure what needs no folder."""
    return lambda _: measure()


PARTS: dict[str, Callable[[dict[str, Path]], Iterable[Row]]] = {
    "quality": on("stamps", mini_quality.run),
    "everyday": on("everyday", everyday.run),
    "clothing": on("clothing", mini_quality.run_labels),
    "cirr": on("cirr", cirr.run),
    "cold": alone(cold.run),
    "indexing": alone(indexing.run),
    "encoders": alone(encoders.run),
    "pipeline": alone(pipeline.run),
    "scan": alone(scan.run),
    "ways": alone(ways.run),
    "device": alone(device.run),
    "device-cluster": alone(cluster_device.run),
    "stamps": on("stamps", stamps.run),
    "server": alone(server.run),
    "cluster": alone(cluster_search.run),
    "dataset": alone(cluster.run),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these parts")
    for name, (default, _) in FOLDERS.items():
        parser.add_argument(f"--{name}", type=Path, default=default, help=f"[{default}]")
    arguments = parser.parse_args()
    folders = {name: getattr(arguments, name) for name in FOLDERS}
    for name in arguments.parts or PARTS:
        print(f"— {name}", flush=True)
        rows: list[Row] = []
        for row in PARTS[name](folders):
            print(row.show(), flush=True)
            rows.append(row)
        save(name, rows)
    print(f"written to {LATEST}")


if __name__ == "__main__":
    main()
