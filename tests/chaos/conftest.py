"""Faults are injected in processes of their own; ``make test-chaos`` runs these tests."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

SHARE = float(os.environ.get("STITCH_CHAOS", "0") or 0)
"""Share of the points that are tried, drawn by ``SEED``; 0 leaves the whole suite out."""
SEED = int(os.environ.get("STITCH_CHAOS_SEED", "2026"))
T = TypeVar("T")

collect_ignore_glob = [] if SHARE > 0 else ["test_*.py"]


def sample(points: Sequence[T], name: str) -> list[T]:
    """Draw the share of ``points`` that this run tries, in their order; never less than three."""
    count = min(len(points), max(3, round(SHARE * len(points))))
    chosen = random.Random(f"{SEED} {name}").sample(range(len(points)), count)
    return [points[number] for number in sorted(chosen)]


class Zygote:
    """The process that forks a child for every fault."""

    def __init__(self, library: Path) -> None:
        environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).parents[2],
        )

    def run(self, scene: str, root: Path, at: int = -1, mode: int = 0) -> dict[str, Any]:
        """Let a child act out ``scene`` in ``root`` with a fault at call ``at``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"scene": scene, "root": str(root), "at": at, "mode": mode}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("injecting faults needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    process = Zygote(library)
    yield process
    process.close()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was tried and how it ended: the figures of docs/reliability.md."""
    lines, total = [], 0
    for report in terminalreporter.getreports("passed"):
        facts = dict(report.user_properties)
        if report.when == "call" and "tried" in facts:
            total += facts["tried"]
            endings = facts.get("endings") or facts.get("outcomes") or {}
            ended = ", ".join(f"{count} {name}" for name, count in endings.items())
            lines.append(f"{facts['tried']:>5}  {report.nodeid.partition('::')[2]}: {ended}")
    if lines:
        terminalreporter.section(f"faults survived: {total:,}, seed {SEED}, share {SHARE:g}")
        for line in lines:
            terminalreporter.write_line(line)
