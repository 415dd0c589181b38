"""Several nodes, looked after and killed, as docs/cluster-operations.md says.

No answer may be wrong or silently partial. One session of Ray in a program of its own
(``cluster_failures.py``) reports what happened; the tests read it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")
pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the session reported, by name."""
    command = [sys.executable, "-m", "tests.extras.cluster_failures"]
    for _ in range(2):
        done = subprocess.run(
            [*command, str(tmp_path_factory.mktemp("failures"))],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
            timeout=1800,  # where it hangs
            check=False,
        )
        # Ray 2.60 has crashed once in its own core, in CoreWorkerMemoryStore::Wait()
        if done.returncode != -signal.SIGSEGV:
            break
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, f"{lines}\n{done.stderr[-3000:]}"
    return {line.pop("name"): line for line in lines}


def test_a_cluster_without_shards_says_so(reported: dict[str, dict[str, Any]]) -> None:
    assert reported["empty"]["nodes"] == 2
    assert reported["empty"]["problems"] == [
        "no shards are running: stitch serve --cluster starts them"
    ]


def test_status_names_every_node_and_shard(reported: dict[str, dict[str, Any]]) -> None:
    status = reported["status"]["of"]
    assert reported["right"]["right"]
    assert [each["alive"] for each in status["nodes"]] == [True, True]
    assert [(each["shard"], each["shards"]) for each in status["shards"]] == [(1, 2), (2, 2)]
    rows = [each["versions"][str(status["newest"])] for each in status["shards"]]
    assert sum(rows) == status["rows"] == 36
    assert status["problems"] == []
    folder = status["shards"][0]["folder"]
    assert re.fullmatch(
        rf"STITCH_SHARD_CACHE is \S+elsewhere here, and the shards keep their galleries in {folder}:"
        " it counts .*",
        *status["notes"],
    )
    refused = (
        r"ClusterError: The shards of \S+ keep their galleries in \S+shards, not in \S+elsewhere"
    )
    assert re.match(refused, reported["status"]["other"])
    names = {each["node"] for each in status["nodes"]}
    assert {each["node"] for each in status["shards"]} <= names


def test_replicas_and_shards_are_added_and_ended_while_answers_stay_right(
    reported: dict[str, dict[str, Any]],
) -> None:
    assert reported["grown"]["of"] == {"shards": 2, "replicas": 2, "started": 2, "ended": 0}
    assert reported["three"]["of"] == {"shards": 3, "replicas": 1, "started": 3, "ended": 4}
    assert reported["back"]["of"] == {"shards": 2, "replicas": 2, "started": 4, "ended": 3}
    assert [reported[name]["right"] for name in ("grown", "three", "back")] == [True] * 3
    assert (reported["back"]["shards"], reported["back"]["problems"]) == (4, [])
    assert reported["refused"]["message"].startswith("SettingError: 0 replicas were requested.")
    assert reported["none"]["message"].startswith("SettingError: 0 shards were requested.")


def test_shards_with_a_share_of_a_gpu_are_where_there_is_one(
    reported: dict[str, dict[str, Any]],
) -> None:
    gpus = reported["gpus"]
    assert gpus["nodes"] == [gpus["gpu_node"]]
    assert gpus["shards"] == [0.25] * 3
    # one node is still known that has none; that all shards share the other is no problem
    assert (gpus["of_nodes"], gpus["problems"]) == ([0.0, 1.0], [])
    room, share, much = gpus["refused"]
    assert room == (
        "ClusterError: There is no room for 3 further replicas with 0.5 of a GPU each: the GPUs of "
        "this cluster (1 on 1 node) can take 2. Take a smaller share (--shard-gpus), fewer shards "
        "or replicas, or add nodes."
    )
    assert re.match(
        r"ClusterError: The 2 shards of \S+ have 0 of a GPU each, not 0.5. Leave the share", share
    )
    assert much == (
        "SettingError: A shard cannot have 1.5 of a GPU. It must be between 0.01 and 1, or 0 for "
        "none."
    )


def test_shards_that_cannot_be_used_are_ended_again(reported: dict[str, dict[str, Any]]) -> None:
    """They would keep their CPUs, and the folder that they were told."""
    ended = reported["ended"]
    assert not ended["elsewhere"], "further shards are kept in the folder of those that are there"
    assert re.match(r"GalleryMissingError: There is no dataset at .*\.other", ended["missing"])
    assert re.match(
        r"NotLoadedError: The node \S+ \(\S+\) cannot load .*is missing", ended["unloaded"]
    )
    assert [name.partition(",")[0] for name in ended["shards"]] == ["1/2", "1/2", "2/2", "2/2"]


def test_replicas_of_a_shard_are_on_different_nodes(
    reported: dict[str, dict[str, Any]],
) -> None:
    assert reported["apart"]["nodes"] == {"0/2": 2, "1/2": 2}


def test_replicas_that_share_a_node_are_named_and_moved_apart(
    reported: dict[str, dict[str, Any]],
) -> None:
    crowded = reported["crowded"]
    assert crowded["problems"] == [
        "the replicas of shard 1/2 share a node, although another node has none: stitch cluster "
        "scale moves them apart"
    ]
    # of two at once, the second finds nothing to do
    assert crowded["moved"] == [
        {"shards": 2, "replicas": 2, "started": 0, "ended": 0},
        {"shards": 2, "replicas": 2, "started": 1, "ended": 2},
    ]
    assert crowded["nodes"] == {"0/2": 2, "1/2": 2}
    assert crowded["right"]


def test_every_shard_is_counted_and_logs_the_request_that_it_answers(
    reported: dict[str, dict[str, Any]],
) -> None:
    observed = reported["observed"]
    assert observed["status"] == 200
    for number in (1, 2):
        assert f'stitch_shard_seconds_count{{shard="{number}"}}' in observed["metrics"]
        assert f'stitch_shard_failed_total{{shard="{number}"}} 0.0' in observed["metrics"]
    assert observed["shards"] == ["1/2", "2/2"]
    assert {"time", "level", "event", "id", "question", "ms", "version"} <= set(
        observed["lines"][0]
    )


def test_no_answer_is_wrong_or_partial_while_shards_are_killed(
    reported: dict[str, dict[str, Any]],
) -> None:
    traffic = reported["traffic"]
    assert traffic["kills"] >= 3
    assert traffic["answers"] > 0
    assert traffic["wrong"] == 0
    assert all(message.startswith("ClusterError: ") for message in traffic["messages"])


def test_a_dead_node_is_noticed_and_its_shards_start_on_another(
    reported: dict[str, dict[str, Any]],
) -> None:
    assert reported["raylet"]["wrong"] == 0
    assert reported["raylet"]["down"] == 1


def test_shards_that_have_lost_their_second_node_are_counted_and_named(
    reported: dict[str, dict[str, Any]],
) -> None:
    for number in (1, 2):
        assert f'stitch_shard_nodes{{shard="{number}"}} 2.0' in reported["observed"]["metrics"]
    left = reported["raylet"]["left"]
    assert left["nodes"] == {"0": 1, "1": 1}
    assert left["notes"] == [
        "the replicas of 1/2, 2/2 are on the only node that can run shards, and end with it: start "
        "another node, then move them apart with stitch cluster scale"
    ]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="Debian's redis-server is missing")
def test_searches_go_on_without_the_head_which_starts_again_from_redis(
    reported: dict[str, dict[str, Any]],
) -> None:
    assert reported["head"]["while_dead"] == [True, True, True]
    assert reported["head"]["right"]


def test_shards_that_were_ended_are_made_anew_and_running_servers_ask_those(
    reported: dict[str, dict[str, Any]],
) -> None:
    stop = reported["stop"]
    assert re.fullmatch(r"\S+photos\.lance: 4 replicas ended\.\n", stop["output"])
    assert re.fullmatch(r"\S+photos\.lance: there were no shards\.\n", stop["again"])
    # at once: the deadline of these searches is a minute and a half
    assert re.match(r"ClusterError: The shard . of 2 .* was ended on purpose", stop["message"])
    assert (stop["there"], stop["right"]) == (0, True)
