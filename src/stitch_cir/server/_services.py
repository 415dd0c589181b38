"""The objects that the routes share, one set for each application."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stitch_cir.server._gallery_provider import GalleryProvider
from stitch_cir.server._metrics import Metrics
from stitch_cir.server._models import ServerModels
from stitch_cir.server._queries import QueryService
from stitch_cir.server._rendering import ImageRenderer
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import UploadStore
from stitch_cir.server.limits import RequestExecutor
from stitch_cir.wire import PoolState

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The services of an application; searches, images, models and health have separate threads."""

    settings: ServerSettings
    provider: GalleryProvider
    uploads: UploadStore
    renderer: ImageRenderer
    queries: QueryService
    metrics: Metrics
    executor: RequestExecutor
    image_executor: RequestExecutor
    model_executor: RequestExecutor
    health_executor: RequestExecutor
    models: ServerModels

    def pools(self) -> dict[str, PoolState]:
        """Return how busy each pool of threads is."""
        named = {
            "work": self.executor,
            "models": self.model_executor,
            "images": self.image_executor,
        }
        return {name: pool.state() for name, pool in named.items()}

    def release(self) -> None:
        """Answer all requests whose work has not ended; from the event loop's thread."""
        for pool in (self.executor, self.image_executor, self.model_executor, self.health_executor):
            pool.release()

    def stop(self, seconds: float) -> bool:
        """Take no more work, let running work finish, and return whether it did.

        A model's answer is not waited for: nobody would read it. Requests to a model are ended
        where the models say how.
        """
        until = time.monotonic() + seconds
        finished = [self.model_executor.close(0)]
        if self.models.close_composers is not None:
            self.models.close_composers()
            finished = [self.model_executor.close(min(2.0, seconds))]
        for pool in (self.executor, self.image_executor, self.health_executor):
            finished.append(pool.close(max(0.0, until - time.monotonic())))
        return all(finished)
