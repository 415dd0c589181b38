"""The memory of this process while something runs, sampled from /proc (Linux)."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType


class Watch:
    """Sample every few milliseconds; pages of mapped files are counted apart.

    ``anonymous_mb``: the most that was added beside mapped files; ``peak_mb``: the most in all.
    """

    def __init__(self, pause: float = 0.003) -> None:
        self.anonymous_mb = self.peak_mb = 0.0
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        self._start = read()["RssAnon"]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(self._pause):
            now = read()
            self.anonymous_mb = max(self.anonymous_mb, now["RssAnon"] - self._start)
            self.peak_mb = max(self.peak_mb, now["VmRSS"])


def read() -> dict[str, float]:
    """Return the fields of /proc/self/status that are sizes, in MiB."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0][:-1]: int(line[1]) / 1024 for line in lines if line[-1:] == ["kB"]}
