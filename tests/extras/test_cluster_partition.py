"""A node that is cut off from the others: searches go on, and it is whole again when it comes back.

All of them have a token and TLS.

The machines are network namespaces of this one (``cluster_partition.py``), which root alone can make.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")
pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]


def why_not() -> str:
    """Return why no network namespaces can be made here; "" where they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "root alone can make network namespaces"
    for command, package in (("ip", "iproute2"), ("openssl", "openssl")):
        if shutil.which(command) is None:
            return f"the command {command} (Debian's {package}) is missing"
    name = f"stitch-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
        return ""
    return f"no network namespace can be made here: {made.stderr.strip()}"


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the program reported, by name."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    scratch = tmp_path_factory.mktemp("partition")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.extras.cluster_partition", str(scratch)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        timeout=1800,  # where it hangs
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    logs = "\n".join(file.read_text()[-1500:] for file in scratch.glob("*.log"))
    if not lines:
        pytest.skip(f"Ray does not start in network namespaces here: {logs[-300:]}")
    assert done.returncode == 0, f"{lines}\n{done.stderr[-3000:]}\n{logs}"
    return {line.pop("name"): line for line in lines}


def test_searches_go_on_while_a_node_is_cut_off(reported: dict[str, dict[str, Any]]) -> None:
    assert reported["right"]["right"]
    assert reported["cut"]["right"]
    assert reported["cut"]["answers"] == 20


def test_a_node_that_is_connected_again_holds_shards_again(
    reported: dict[str, dict[str, Any]],
) -> None:
    assert reported["healed"]["right"]
