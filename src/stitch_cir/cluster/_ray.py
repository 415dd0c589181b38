"""Connect to Ray, which is imported when first needed, and check its nodes."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import stitch_cir
from stitch_cir._cores import usable_cores
from stitch_cir._hints import install_command
from stitch_cir.cluster._head import check_head
from stitch_cir.cluster._ray_errors import TOKEN_HINT, ray_errors, ray_reason, unreachable
from stitch_cir.errors import ClusterError, ModelError, SettingError

__all__ = [
    "NAMESPACE",
    "Node",
    "check_nodes",
    "connected",
    "import_ray",
    "node_id",
    "node_name",
]

NAMESPACE = "stitch"
"""Ray namespace of our named actors, which keeps them apart from those of other programs."""
CLOCK_TOLERANCE = 600.0
"""Seconds by which a node's clock may differ: tokens, certificates and storage expire by it."""
_LONGEST_FOLDER = 36
"""Longest path in bytes below which Ray can create its sockets."""
_OBJECT_STORE = 80_000_000
"""Bytes of shared memory of a local Ray: nothing large is passed through it."""
_CONNECT_SECONDS, _PROBE_SECONDS = 10.0, 60.0
_ADDRESS = re.compile(r"\[?(?P<host>[^\[\]/]+?)\]?:(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster; ``name`` is its host name with the address by which Ray knows it.

    ``clock_offset`` is how many seconds its clock is ahead of this machine's.
    """

    id: str
    name: str
    cpus: float
    gpus: float
    clock_offset: float = 0.0


def import_ray() -> Any:
    """Return the module ``ray``; raises ``ModelError`` where the extra is not installed."""
    # Ray would otherwise send usage statistics to its makers
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # a thread that looks at shards while they are closed would join whatever cluster runs here
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import ray
    except ImportError as error:
        raise ModelError(
            "Work on a cluster needs Ray, which is not installed.",
            hint=f"Install the extra: {install_command('cluster')}",
        ) from error
    return ray


@contextmanager
def connected(address: str | None = None, *, cpus: int | None = None) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine alone; yield the module ``ray``.

    Parameters
    ----------
    address:
        ``HOST:PORT`` of the head, ``auto`` for the cluster that this machine belongs to, or
        ``None`` for a Ray of this process, which ends with it.
    cpus:
        How many tasks a Ray of this process runs at a time; by default one for each core, and at
        least four, because Ray lets a task wait for ever where no CPU is free.

    If this process is connected already, that connection is used and left open.

    Raises
    ------
    ClusterError
        The cluster cannot be reached, refuses this machine, or runs another Ray or Python.
    ModelError
        Ray is not installed.
    """
    ray = import_ray()
    if ray.is_initialized():
        with ray_errors(address):
            yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with ray_errors(address), _sigterm_kept():
        # Ray's own programs are forked, and at once replaced: what Lance warns of cannot happen
        warnings.filterwarnings("ignore", message="lance is not fork-safe")
        if address is None:
            room = cpus or max(4, usable_cores())
            ray.init(
                "local",
                num_cpus=room,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                namespace=NAMESPACE,
                _temp_dir=_folder(),
                **quiet,
            )
        else:
            _require_listener(ray, address)
            _require_node(ray, address)
            try:
                ray.init(address, namespace=NAMESPACE, **quiet)
            except ConnectionError as error:
                # the port is open; Ray gives the reason in its log only
                raise ClusterError(
                    f"The cluster at {address} does not let this machine join: its token is "
                    "missing or is another one, the Ray on this machine belongs to another "
                    "cluster, or what listens there is no head of Ray.",
                    hint=f"{TOKEN_HINT} Start Ray on this machine with --address {address}.",
                ) from error
    with ray_errors(address):
        try:
            yield ray
        finally:
            ray.shutdown()


@contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep this process's handler of SIGTERM, which ``ray.init`` replaces by an exit (code 15)."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _folder() -> str | None:
    """Return a short folder for a Ray of this process; ``None`` if its own choice is short enough.

    The path of a socket has 107 bytes at most, of which Ray needs about 65.
    """
    usual = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return "/tmp/ray" if len(os.fsencode(usual)) > _LONGEST_FOLDER else None


def _require_listener(ray: Any, address: str) -> None:
    """Raise ``ClusterError`` at once where no head listens, or its TLS differs from ours."""
    if address == "auto":
        return
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise SettingError(
            f"The address of a cluster cannot be {address!r}.",
            hint="Give the head's HOST:PORT, for example 10.0.0.1:6379, or auto.",
        )
    host, port = match["host"], int(match["port"])
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
        check_head(host, port, ray.util.get_node_ip_address())
    except OSError as error:
        raise unreachable(address, error.strerror or str(error)) from error


def _require_node(ray: Any, address: str) -> None:
    """Raise ``ClusterError`` where no Ray runs on this machine: joining needs one."""
    find = getattr(ray._private.services, "find_node_ids", None)
    if address == "auto" or find is None or find():
        return
    raise ClusterError(
        f"No Ray runs on this machine, through which programs join the cluster at {address}.",
        hint="Start it here, with the cluster's token and TLS, and without room for shards: "
        f"ray start --address {address} --num-cpus 0",
    )


def node_name() -> str:
    """Return the name of the node that this process runs on, as errors give it."""
    import ray

    return f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def node_id() -> str:
    """Return the id of the node that this process runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def assigned_gpus() -> float:
    """Return the share of a GPU that Ray has set aside for this process."""
    import ray

    return float(ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0))


def check_nodes(ray: Any, *, on: Callable[[Node], bool] = lambda node: True) -> tuple[Node, ...]:
    """Return the nodes that are alive, or those for which ``on`` is true, after checking each.

    Raises ``ClusterError``, naming the node and the cause, for one without stitch-cir or with
    another version of it, for one whose clock differs by more than ten minutes, and for one that
    does not answer within a minute.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = ray.remote(num_cpus=0, max_retries=0)(_probe())
    nodes = [node for node in map(_node, ray.nodes()) if node is not None and on(node)]
    sent = time.time()
    calls = [
        probe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(each.id, soft=False))
        for each in nodes
    ]
    answers = [call.remote() for call in calls]
    return tuple(
        _checked(ray, node, answer, sent) for node, answer in zip(nodes, answers, strict=True)
    )


def _node(entry: dict[str, Any]) -> Node | None:
    if not entry["Alive"]:
        return None
    resources = entry["Resources"]
    name = f"{entry['NodeManagerHostname']} ({entry['NodeManagerAddress']})"
    return Node(entry["NodeID"], name, resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def _probe() -> Callable[[], tuple[str | None, str, float]]:
    """Return the function that runs on each node.

    It is a nested one, so that Ray sends its code: a node without stitch could not import it.
    """

    def probe() -> tuple[str | None, str, float]:
        import time

        try:
            import stitch_cir
        except Exception as error:
            return None, f"{type(error).__name__}: {error}", time.time()
        return str(stitch_cir.__version__), "", time.time()

    return probe


def _checked(ray: Any, node: Node, answer: Any, sent: float) -> Node:
    try:
        version, reason, now = ray.get(answer, timeout=_PROBE_SECONDS)
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"The node {node.name} does not answer: {ray_reason(error)}.",
            hint="Start Ray there again, with the cluster's token, or stop the node: ray status",
        ) from error
    received = time.time()
    if version is None:
        raise ClusterError(
            f"The node {node.name} cannot import stitch-cir: {reason}.",
            hint=f"Install stitch-cir {stitch_cir.__version__} there, in the Python that runs Ray.",
        )
    if version != stitch_cir.__version__:
        raise ClusterError(
            f"The node {node.name} has stitch-cir {version}; this machine has "
            f"{stitch_cir.__version__}.",
            hint="Install the same version on every node.",
        )
    # the node read its clock somewhere between the two times
    offset = min((now - sent, now - received), key=abs) if not sent <= now <= received else 0.0
    if abs(offset) > CLOCK_TOLERANCE:
        where = "ahead of" if offset > 0 else "behind"
        raise ClusterError(
            f"The clock of the node {node.name} is {abs(offset) / 60:,.0f} minutes {where} this "
            "machine's.",
            hint="Set the clocks of all machines by one time server.",
        )
    return Node(node.id, node.name, node.cpus, node.gpus, offset)
