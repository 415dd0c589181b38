"""Everything the routes work with, made once for each application."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stitch_cir.server._desk import Desk
from stitch_cir.server._keeper import Keeper
from stitch_cir.server._metrics import Metrics
from stitch_cir.server._models import ErrorBody
from stitch_cir.server._pictures import Pictures
from stitch_cir.server._questions import ComposerMaker, Questions
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import Uploads

__all__ = ["PROBLEMS", "Services", "problems"]

PROBLEMS = {
    400: "The body is no UTF-8, or cut short",
    401: "No token was sent",
    403: "Wrong token, or nobody may write",
    404: "Unknown id, upload or address",
    408: "The body did not arrive in time",
    409: "The gallery is being written, or nothing is left to rank",
    410: "The file of this picture is gone",
    413: "Too many bytes or pixels",
    415: "Not an image, or a compressed body",
    421: "Called by a wrong name, or by another site's page",
    422: "The request, a setting or the query makes no sense",
    429: "Too many requests",
    502: "A model cannot be used",
    503: "Too many requests are waiting",
    504: "It took too long",
}
_ALWAYS = (408, 415, 421, 429, 503, 504)


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Describe the errors of a route for ``/openapi.json``."""
    return {
        status: {"model": ErrorBody, "description": PROBLEMS[status]}
        for status in sorted({*statuses, *_ALWAYS})
    }


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a server. Searches, pictures, models and health have threads of their own."""

    settings: ServerSettings
    keeper: Keeper
    uploads: Uploads
    pictures: Pictures
    questions: Questions
    metrics: Metrics
    desk: Desk
    picture_desk: Desk
    model_desk: Desk
    health_desk: Desk
    make_composer: ComposerMaker

    def pools(self) -> dict[str, dict[str, int | bool]]:
        """Say how busy each pool of threads is."""
        named = {"work": self.desk, "models": self.model_desk, "pictures": self.picture_desk}
        return {name: pool.state() for name, pool in named.items()}

    def release(self) -> None:
        """Answer all requests whose work has not ended; from the event loop's thread."""
        for pool in (self.desk, self.picture_desk, self.model_desk, self.health_desk):
            pool.release()

    def stop(self, seconds: float) -> bool:
        """Take no more work and let what has begun finish; say whether it did.

        Only a model's answer is not waited for: nobody is there any more to read it. Requests to a
        model are ended where the maker of composers can (it has a method ``close``).
        """
        until = time.monotonic() + seconds
        finished = [self.model_desk.close(0)]
        end_requests = getattr(self.make_composer, "close", None)
        if end_requests is not None:
            end_requests()
            finished = [self.model_desk.close(min(2.0, seconds))]
        for pool in (self.desk, self.picture_desk, self.health_desk):
            finished.append(pool.close(max(0.0, until - time.monotonic())))
        return all(finished)
