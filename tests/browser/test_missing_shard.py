"""The page before a real cluster whose second shard was ended for good.

Ray runs in the environment of ``make test-cluster``, in a program of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE
from tests.browser.steps import hits, link

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("STITCH_CLUSTER_PYTHON") or str(ROOT / ".venv-extras/cluster/bin/python")
IMAGES = 16
SILENT = "The shard 2 of 2 of shapes does not answer: "
MISSING = f"Images are missing: {SILENT}"


@dataclass(frozen=True)
class Cluster:
    """A server on a cluster, the ids in the shard that stays, and what ends the other one."""

    address: str
    first: list[str]
    process: subprocess.Popen[str]

    def end_the_second_shard(self) -> str:
        """Return what the router says of the shard that was ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return str(json.loads(self.process.stdout.readline())["missing"])


@pytest.fixture
def cluster(shapes: Path) -> Iterator[Cluster]:
    if not Path(PYTHON).is_file():
        pytest.skip(f"there is no {PYTHON} with Ray: make test-cluster makes it")
    # the names of Ray's sockets have no room for a long folder
    with (
        tempfile.TemporaryDirectory(prefix="stitch-") as folder,
        Path(folder, "log").open("w+") as log,
    ):
        process = subprocess.Popen(
            [PYTHON, "-m", "tests.browser.cluster_server", str(shapes), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
                "RAY_USAGE_STATS_ENABLED": "0",
            },
        )
        with process:
            assert process.stdout is not None
            started = process.stdout.readline()
            log.seek(0)
            assert started, log.read()[-3000:]
            yield Cluster(**json.loads(started), process=process)
            process.communicate()
        assert process.returncode == 0


def test_a_shard_that_is_ended_is_said_to_be_missing_and_can_be_left_out(
    page: Page, cluster: Cluster
) -> None:
    page.goto(cluster.address)
    expect(page.locator("#images-count")).to_have_text(f"{IMAGES} images")
    assert 1 < len(cluster.first) < IMAGES
    assert cluster.end_the_second_shard().startswith("The shard 2 of 2 of ")
    # the page opens with what is there
    page.goto("about:blank")
    page.goto(cluster.address)
    expect(page.locator("#images-count")).to_have_text(f"{len(cluster.first)} images · incomplete")
    expect(page.locator("#notes")).to_contain_text(MISSING)
    # a search is refused, until it is to be without the shard
    reference = next(id for id in cluster.first if id != HOSTILE)
    page.goto("about:blank")
    page.goto(link(cluster.address, r=reference, t="in blue instead"))
    expect(page.locator(".state h3")).to_have_text("A part of the gallery does not answer")
    expect(page.locator(".state")).to_contain_text(SILENT)
    page.get_by_role("button", name="Search without what is missing").click()
    there = len(cluster.first) - 1
    expect(page.locator("#images-count")).to_have_text(f"{there} of {there} · incomplete")
    expect(page.locator("#notes")).to_contain_text(MISSING)
    assert set(hits(page)) == set(cluster.first) - {reference}
