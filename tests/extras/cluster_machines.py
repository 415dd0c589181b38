"""Three machines as network namespaces, one of which is cut off and comes back; as JSON lines.

Run as a program, by root: it makes the namespaces, starts a node in each, and runs itself again in
the first one, where the searches come from. Everything that it started ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.extras.cluster_failures import Session, report, seconds_until

PREFIX = f"st{os.getpid() % 10000}"
MACHINES = (1, 2, 3)
CUT = 2
"""The machine whose link is cut."""
NAMES = "STITCH_TEST_MACHINES"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def address(machine: int) -> str:
    return f"10.77.{os.getpid() % 200}.{machine}"


@contextmanager
def machines() -> Iterator[None]:
    """Make a bridge and a namespace for each machine; end what runs in them afterwards."""
    bridge = f"{PREFIX}b"
    try:
        ip("link", "add", bridge, "type", "bridge")
        ip("link", "set", bridge, "up")
        for machine in MACHINES:
            name, outside = f"{PREFIX}m{machine}", f"{PREFIX}v{machine}"
            ip("netns", "add", name)
            ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", outside, "master", bridge, "up")
            ip("-n", name, "addr", "add", f"{address(machine)}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for machine in MACHINES:
            name = f"{PREFIX}m{machine}"
            words = ["ip", "netns", "pids", name]
            listed = subprocess.run(words, capture_output=True, text=True, check=False)
            for process in map(int, listed.stdout.split()):
                os.kill(process, signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


def start_node(machine: int, scratch: str) -> None:
    """Start Ray on a machine; the first one is the head."""
    program = str(Path(sys.executable).with_name("ray"))
    words = ["ip", "netns", "exec", f"{PREFIX}m{machine}", program, "start"]
    words += [f"--node-ip-address={address(machine)}", "--num-cpus=3"]
    words += ["--object-store-memory=80000000", "--disable-usage-stats"]
    if machine == MACHINES[0]:
        words += ["--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={scratch}"]
    else:
        words.append(f"--address={address(MACHINES[0])}:6379")
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def search(scratch: Path, head: str, cut_off: str) -> None:
    """Search from the first machine while the second one is away, and when it is back."""

    class Cluster:
        address = head

    session = Session(scratch, Cluster)
    with session.open(shards=2, replicas=2) as gallery:
        assert session.right(gallery)
        ip("-n", cut_off, "link", "set", "eth0", "down")
        began = time.monotonic()
        first = seconds_until(lambda: session.right(gallery))
        answers = [session.right(gallery) for _ in range(10)]
        from stitch_cir.cluster import read_status

        def noticed() -> bool:
            return any(not each.alive for each in read_status(head, session.uri).nodes)

        seconds_until(noticed)
        dead = time.monotonic() - began
        seconds_until(lambda: not read_status(head, session.uri).problems())
        whole = time.monotonic() - began
        ip("-n", cut_off, "link", "set", "eth0", "up")
        answers += [session.right(gallery) for _ in range(10)]
        alive = sum(each.alive for each in read_status(head, session.uri).nodes)
        report(
            "cut",
            first=first,
            dead=dead,
            whole=whole,
            wrong=answers.count(False),
            answers=len(answers),
            alive_after=alive,
        )


def main(scratch: Path) -> None:
    names = os.environ.get(NAMES)
    if names is not None:
        search(scratch, *names.split())
        return
    # sockets have short names
    session = tempfile.mkdtemp(prefix="st", dir="/tmp")
    try:
        with machines():
            for machine in MACHINES:
                start_node(machine, session)
            inside = ["ip", "netns", "exec", f"{PREFIX}m{MACHINES[0]}", sys.executable, "-m"]
            names = f"{address(MACHINES[0])}:6379 {PREFIX}m{CUT}"
            subprocess.run(
                [*inside, "tests.extras.cluster_machines", str(scratch)],
                env={**os.environ, NAMES: names},
                check=True,
            )
    finally:
        shutil.rmtree(session, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
