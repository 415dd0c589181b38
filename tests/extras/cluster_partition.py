"""Three machines as network namespaces, one of which is cut off and comes back; as JSON lines.

The head is this machine on a bridge; two nodes, each behind a virtual cable of its own, hold the
shards. All speak TLS, with certificates as the guide has them made. Run as a program, by root: it
makes namespaces, and takes them away at the end.
"""

from __future__ import annotations

import ipaddress
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.extras.cluster_reports import session_port

SESSION = os.getpid()
"""What makes names, addresses and the port those of this session alone."""
FIRST = ipaddress.ip_address("198.18.0.0") + 8 * (SESSION % 16_384)  # of the network for tests
HEAD, PORT = str(FIRST + 6), session_port()
NODES = {f"sb{SESSION}": str(FIRST + 1), f"sc{SESSION}": str(FIRST + 2)}
BRIDGE = f"sbr{SESSION}"
GUIDE = Path(__file__).parents[2] / "docs" / "cluster-operations.md"


def certificate_of(folder: Path, name: str) -> dict[str, str]:
    """Return the variables that name a machine's certificate."""
    return {
        "RAY_TLS_SERVER_CERT": str(folder / f"{name}.crt"),
        "RAY_TLS_SERVER_KEY": str(folder / f"{name}.key"),
        "RAY_TLS_CA_CERT": str(folder / "ca.crt"),
    }


os.environ |= {
    "RAY_USE_TLS": "1",
    **certificate_of(Path(sys.argv[-1]), "head"),
    # a head takes the token that any Ray of this user has left, and nodes take none: say it to all
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "5" * 64,
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_USAGE_STATS_ENABLED": "0",
}

from stitch_cir.cluster import read_status, scale  # noqa: E402 - after Ray's variables
from stitch_cir.errors import StitchError  # noqa: E402
from tests.extras.cluster_failures import Session, report, seconds_until  # noqa: E402

RAY = [
    sys.executable,
    "-W",
    "ignore",
    "-m",
    "ray.scripts.scripts",
    "start",
    "--disable-usage-stats",
]


def make_certificates(folder: Path) -> None:
    """Make an authority, and for each machine a certificate that names its address."""
    (block,) = re.findall(r"```sh\n(openssl .*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    authority, of_node = block.replace("rsa:3072", "rsa:2048").split("\n", 1)
    subprocess.run(["sh", "-ec", authority], cwd=folder, check=True, capture_output=True)
    for name, address in {"head": HEAD, **NODES}.items():
        script = of_node.replace("NODE=10.0.0.1", f"NODE={address}")
        subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
        for kind in ("crt", "key"):
            (folder / f"node.{kind}").rename(folder / f"{name}.{kind}")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def cable(name: str) -> str:
    """Return what the end of a namespace's cable is called on this machine."""
    return f"{name}-out"


@contextmanager
def network() -> Iterator[None]:
    """A bridge with this machine's address, and a namespace with a cable to it for each node."""
    with ExitStack() as stack:
        ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(ip, "link", "del", BRIDGE)
        ip("addr", "add", f"{HEAD}/29", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for name, address in NODES.items():
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("link", "add", cable(name), "type", "veth", "peer", "name", "eth0", "netns", name)
            # the namespace would take it along, but not while a process in it is still ending
            stack.callback(ip, "link", "del", cable(name))
            ip("link", "set", cable(name), "master", BRIDGE, "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "addr", "add", f"{address}/29", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "route", "add", "default", "via", HEAD)
        yield


class Machines:
    """Ray on the head and on the nodes; every process ends with the block."""

    def __init__(self, scratch: Path) -> None:
        self.address = f"{HEAD}:{PORT}"
        self._logs = scratch
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *words: str, within: tuple[str, ...] = ()) -> None:
        log = (self._logs / f"{name}.log").open("ab")
        command = [*within, *RAY, *words, "--block", "--object-store-memory", "80000000"]
        environment = {**os.environ, **certificate_of(self._logs, name)}
        self._processes[name] = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=environment
        )

    def start_head(self, folder: str) -> None:
        words = ("--head", "--node-ip-address", HEAD, "--port", str(PORT), "--num-cpus", "0")
        self.start("head", *words, "--include-dashboard=false", "--temp-dir", folder)

    def start_node(self, name: str) -> None:
        words = ("--address", self.address, "--node-ip-address", NODES[name], "--num-cpus", "4")
        self.start(name, *words, within=("ip", "netns", "exec", name))

    def ended(self, name: str) -> bool:
        return self._processes[name].poll() is not None

    def stop(self) -> None:
        # asked to end, a node would hand its work over to others first, for up to half a minute
        for each in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
            each.wait()


class Cluster:
    """What a session asks of its cluster."""

    address = f"{HEAD}:{PORT}"


def nodes_up(session: Session) -> int:
    return sum(each.alive for each in read_status(session.address, session.uri).nodes)


def wait_for_nodes(session: Session, count: int) -> None:
    seconds_until(lambda: nodes_up(session) == count)


def cut_and_heal(session: Session, machines: Machines) -> None:
    """Cut one node off while searches go on, then connect it again."""
    victim = next(iter(NODES))
    with session.open(replicas=2) as gallery:
        report("right", right=session.right(gallery))
        ip("link", "set", cable(victim), "down")
        began = time.monotonic()
        first = seconds_until(lambda: session.right(gallery))
        answers = [session.right(gallery) for _ in range(10)]
        seconds_until(lambda: nodes_up(session) == 2)
        noticed = time.monotonic() - began
        answers += [session.right(gallery) for _ in range(10)]
        report("cut", first=first, noticed=noticed, right=all(answers), answers=len(answers))
        ip("link", "set", cable(victim), "up")
        # a node that was declared dead ends; whoever looks after it starts it again
        seconds_until(lambda: machines.ended(victim))
        machines.start_node(victim)
        seconds_until(lambda: nodes_up(session) == 3)

        def apart() -> bool:
            """Move the replicas apart that came to share a node, once all of them are there."""
            with suppress(StitchError):
                scale(session.address, session.uri)
                return True
            return False

        def whole() -> bool:
            return (
                session.right(gallery) and not read_status(session.address, session.uri).problems()
            )

        seconds_until(apart)
        again = seconds_until(whole)
        report("healed", right=session.right(gallery), seconds=again)


def main(scratch: Path) -> None:
    make_certificates(scratch)
    machines = Machines(scratch)
    with ExitStack() as stack:
        stack.enter_context(network())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ry", dir="/tmp"))
        stack.callback(machines.stop)
        machines.start_head(folder)
        cluster: Any = Cluster()
        session = Session(scratch, cluster)
        seconds_until(lambda: nodes_up(session) == 1)
        # one after the other: on a busy machine two at once may take longer than Ray waits for them
        for count, name in enumerate(NODES, 2):
            machines.start_node(name)
            wait_for_nodes(session, count)
        cut_and_heal(session, machines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
