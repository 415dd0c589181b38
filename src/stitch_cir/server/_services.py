"""Everything the routes work with, made once for each application."""

from __future__ import annotations

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
    401: "No token was sent",
    403: "Wrong token, or nobody may write",
    404: "Unknown id, upload or address",
    408: "The body did not arrive in time",
    409: "The gallery is being written, or nothing is left to rank",
    410: "The file of this picture is gone",
    413: "Too many bytes or pixels",
    415: "Not an image",
    421: "Called by a wrong name, or by another site's page",
    422: "The request, a setting or the query makes no sense",
    429: "Too many requests",
    502: "A model cannot be used",
    503: "Too many requests are waiting",
    504: "It took too long",
}
_ALWAYS = (408, 421, 429, 503, 504)


def problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Describe the errors of a route for ``/openapi.json``."""
    return {
        status: {"model": ErrorBody, "description": PROBLEMS[status]}
        for status in sorted({*statuses, *_ALWAYS})
    }


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a server; searches and pictures have threads of their own."""

    settings: ServerSettings
    keeper: Keeper
    uploads: Uploads
    pictures: Pictures
    questions: Questions
    metrics: Metrics
    desk: Desk
    picture_desk: Desk
    make_composer: ComposerMaker
