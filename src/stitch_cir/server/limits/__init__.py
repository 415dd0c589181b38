"""How one server shares its memory, threads and models between requests, each within a bound."""

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.server.limits._batching import Batcher, BatchingEncoder, batching
    from stitch_cir.server.limits._bodies import BodyBudget, LimitedBody
    from stitch_cir.server.limits._cache import ByteBoundedCache
    from stitch_cir.server.limits._executor import RequestExecutor
    from stitch_cir.server.limits._request_limits import RateLimiter, RequestLimitsMiddleware

__all__ = [
    "Batcher",
    "BatchingEncoder",
    "BodyBudget",
    "ByteBoundedCache",
    "LimitedBody",
    "RateLimiter",
    "RequestExecutor",
    "RequestLimitsMiddleware",
    "batching",
]

# each is imported when it is first used: caches and batches need no web framework
_exports.publish(
    __name__,
    __all__,
    lazy={
        "Batcher": "_batching",
        "BatchingEncoder": "_batching",
        "BodyBudget": "_bodies",
        "ByteBoundedCache": "_cache",
        "LimitedBody": "_bodies",
        "RateLimiter": "_request_limits",
        "RequestExecutor": "_executor",
        "RequestLimitsMiddleware": "_request_limits",
        "batching": "_batching",
    },
)
