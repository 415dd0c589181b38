"""The encoders of a run: started, given units, replaced when they die."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from stitch_cir.cluster._errors import named_error
from stitch_cir.cluster._ray import Node
from stitch_cir.cluster.indexing._encode import UnitEncoder, remove_scratch, scratch_kind
from stitch_cir.cluster.indexing._units import EncodedUnit, EncoderJob, Failure, Unit
from stitch_cir.errors import ClusterError, GalleryError, StitchError

__all__ = ["encode_units"]

_DEATHS = 3
"""How many encoders may die with one unit, and how many in a row before they take one."""
_START_SECONDS, _REMOVE_SECONDS = 180.0, 20.0


def encode_units(
    ray: Any,
    job: EncoderJob,
    units: Iterator[Unit],
    nodes: Sequence[Node],
    *,
    count: int,
    gpus: float,
) -> Generator[EncodedUnit, None, None]:
    """Yield units as ``count`` encoders have written them, in the order in which they are done.

    A unit whose encoder dies, or whose node does, is given to another one; what the first had
    written belongs to no version. Encoders end with the iteration.

    Raises
    ------
    ClusterError
        A node cannot encode (it is named, with the cause), encoders keep dying, or the cluster has
        no room for one.
    """
    pool = _Pool(ray, job, units, nodes, gpus)
    whole = False
    try:
        yield from pool.run(count)
        whole = pool.deaths == 0
    finally:
        pool.close()
        if not whole:
            pool.remove_scratch()


class _Pool:
    def __init__(
        self, ray: Any, job: EncoderJob, units: Iterator[Unit], nodes: Sequence[Node], gpus: float
    ) -> None:
        self._ray = ray
        self._job = job
        self._units = units
        self._again = deque[Unit]()
        self._all = nodes
        self._offsets = {node.name: node.clock_offset for node in nodes}
        self._class = ray.remote(UnitEncoder).options(
            num_cpus=1,
            num_gpus=gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        self._nodes: dict[Any, str] = {}
        self._busy: dict[Any, tuple[Any, Unit | None]] = {}
        self._idle = list[Any]()
        self._in_a_row = 0
        self.deaths = 0
        """How many encoders have died."""
        self._kind: str | None = None
        self._exhausted = False

    def close(self) -> None:
        for actor in {*self._nodes, *self._idle, *(actor for actor, _ in self._busy.values())}:
            self._ray.kill(actor)

    def remove_scratch(self) -> None:
        """Remove from all nodes the temporary folders of encoders that ended amid a unit."""
        if self._kind is None:
            return
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        remove = self._ray.remote(num_cpus=0, max_retries=0)(remove_scratch)
        with suppress(self._ray.exceptions.RayError):
            calls = [
                remove.options(
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
                ).remote(self._kind)
                for node in self._all
            ]
            self._ray.wait(calls, num_returns=len(calls), timeout=_REMOVE_SECONDS)

    def run(self, count: int) -> Iterator[EncodedUnit]:
        for _ in range(count):
            self._start()
        while not self._is_done():
            timeout = None if self._nodes else _START_SECONDS
            done, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=timeout)
            if not done:
                raise ClusterError(
                    f"No encoder has started within {_START_SECONDS:.0f} seconds: the cluster has "
                    f"no room for one ({self._room()}).",
                    hint="See what takes it: ray status. Ask for fewer with --workers.",
                )
            actor, unit = self._busy.pop(done[0])
            try:
                answer = self._ray.get(done[0])
            except _lost(self._ray) as error:
                self._replace(actor, unit, error)
                continue
            if isinstance(answer, Failure):
                raise _error(answer)
            self._in_a_row = 0
            if unit is None:
                self._nodes[actor] = answer.node
            # the next unit first: what is done may take its time to be committed
            self._give(actor)
            if unit is not None:
                yield answer

    def _is_done(self) -> bool:
        """Return whether no unit is left; encoders that found no room are not waited for."""
        underway = any(unit is not None for _, unit in self._busy.values())
        return not self._busy or (self._exhausted and not self._again and not underway)

    def _start(self) -> None:
        actor = self._class.remote(self._job)
        self._busy[actor.prepare.remote()] = (actor, None)

    def _give(self, actor: Any) -> None:
        unit = self._again.popleft() if self._again else next(self._units, None)
        if unit is None:
            self._exhausted = True
            self._idle.append(actor)
            return
        self._kind = scratch_kind(unit)
        offset = self._offsets.get(self._nodes[actor], 0.0)
        self._busy[actor.encode.remote(unit, offset)] = (actor, unit)

    def _replace(self, actor: Any, unit: Unit | None, error: Exception) -> None:
        """Start another encoder for one that died, and give its unit to one that is idle."""
        node = self._nodes.pop(actor, "a node")
        self._in_a_row += 1
        self.deaths += 1
        if unit is not None:
            unit.deaths += 1
            if unit.deaths == _DEATHS:
                raise ClusterError(
                    f"{_DEATHS} encoders died, the last one on {node}, with the files from "
                    f"{unit.ids[0]!r} to {unit.ids[-1]!r}: {_cause(error)}.",
                    hint="Is there too little memory? Lower --memory or --unit; or leave out the "
                    "file that does it: --exclude PATTERN.",
                )
            self._again.append(unit)
        elif self._in_a_row >= _DEATHS:
            raise ClusterError(
                f"Encoders die when they start: {_cause(error)}.",
                hint="Look into Ray's logs on the nodes: /tmp/ray/session_latest/logs",
            )
        self._start()
        if self._again and self._idle:
            self._give(self._idle.pop())

    def _room(self) -> str:
        free = self._ray.available_resources()
        return f"free are {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs"


def _lost(ray: Any) -> tuple[type[Exception], ...]:
    """Return the errors of a call whose answer does not come: its process or its node has died."""
    return ray.exceptions.RayActorError, ray.exceptions.ObjectLostError


def _cause(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:1])[:300].rstrip(".")


def _error(failure: Failure) -> StitchError:
    message = f"On the node {failure.node}: {failure.message}"
    error = named_error(failure.kind, message, failure.hint)
    return error if isinstance(error, GalleryError) else ClusterError(message, hint=failure.hint)
