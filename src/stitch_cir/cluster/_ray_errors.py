"""Errors of Ray in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stitch_cir.errors import ClusterError

__all__ = ["TOKEN_HINT", "ray_errors", "ray_reason", "unreachable"]

TOKEN_HINT = (
    "Give every node and this machine the same token: RAY_AUTH_MODE=token with RAY_AUTH_TOKEN, or "
    "with RAY_AUTH_TOKEN_PATH and a file that holds it."
)


def unreachable(address: str | None, reason: str) -> ClusterError:
    """Return the error of a cluster that cannot be reached."""
    return ClusterError(
        f"The cluster at {address} cannot be reached: {reason}.",
        hint="Check the address and that the head runs: ray start --head",
    )


@contextmanager
def ray_errors(address: str | None = None) -> Iterator[None]:
    """Turn errors of Ray into ``ClusterError``; others pass unchanged.

    ``address`` is that of the cluster; ``None`` stands for a Ray of this process.
    """
    import ray

    where = "Ray on this machine" if address is None else f"the cluster at {address}"
    try:
        yield
    except ray.exceptions.AuthenticationError as error:
        raise ClusterError(
            f"{_capital(where)} refuses this machine: its token is missing or is another one.",
            hint=TOKEN_HINT,
        ) from error
    except ray.exceptions.RayTaskError as error:
        raise ClusterError(
            f"A task failed on {where}: {ray_reason(error.cause or error)}.",
            hint="Look into Ray's logs on the node: /tmp/ray/session_latest/logs",
        ) from error
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"{_capital(where)} failed: {ray_reason(error)}.", hint="Check its nodes: ray status"
        ) from error
    except ConnectionError as error:
        raise unreachable(address, ray_reason(error)) from error
    except RuntimeError as error:
        text = str(error)
        if "ersion mismatch" in text:
            raise ClusterError(
                f"{_capital(where)} runs another Ray or Python than this machine: "
                f"{ray_reason(error)}.",
                hint="Install the same versions of Python and ray on every node and here.",
            ) from error
        if "authenticat" in text.lower() or "token" in text.lower():
            raise ClusterError(
                f"{_capital(where)} refuses this machine: {ray_reason(error)}.", hint=TOKEN_HINT
            ) from error
        raise
    except Exception as error:
        # Ray waits half a minute for its processes, and raises an error without a class of its own
        if type(error) is not Exception:
            raise
        if address is not None:
            raise unreachable(address, ray_reason(error)) from error
        raise ClusterError(
            f"{_capital(where)} did not start: {ray_reason(error)}.",
            hint="A busy machine takes longer than Ray waits: run the same command again when it "
            "is less busy, or look into /tmp/ray/session_latest/logs",
        ) from error


def ray_reason(error: BaseException) -> str:
    """Return what an error says, on one line and without Ray's traces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:4]) if lines else type(error).__name__
    return text[:300].rstrip(".:")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
