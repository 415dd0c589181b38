"""The application: its parts, its layers, its routes."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from stitch_cir.composers import Composer
from stitch_cir.encoders import DualEncoder
from stitch_cir.search import SearchSettings
from stitch_cir.server import (
    _ids,
    _routes_ask,
    _routes_gallery,
    _routes_page,
    _routes_uploads,
    _routes_write,
)
from stitch_cir.server._batching import BatchingEncoder, batching
from stitch_cir.server._describe import describe_limits
from stitch_cir.server._desk import Desk
from stitch_cir.server._envelope import Envelope
from stitch_cir.server._errors import install
from stitch_cir.server._keeper import Keeper
from stitch_cir.server._limits import Gate
from stitch_cir.server._metrics import Metrics
from stitch_cir.server._pictures import Pictures
from stitch_cir.server._prefix import Prefix
from stitch_cir.server._questions import ComposerMaker, Questions
from stitch_cir.server._services import Services
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import Uploads

__all__ = ["create_app"]

_ABOUT = (
    "Search a gallery with a picture and a text that says what should change. "
    "Images are named by gallery ids, never by paths; no address is ever fetched."
)


def create_app(
    place: Path | str,
    *,
    encoder: DualEncoder | None = None,
    settings: ServerSettings | None = None,
    make_composer: ComposerMaker | None = None,
    static: Path | None = None,
) -> FastAPI:
    """Make the ASGI application that serves one gallery.

    Parameters
    ----------
    place:
        A gallery directory, or an indexed folder.
    encoder:
        Who made its vectors; the recorded one is loaded otherwise.
    settings:
        Limits, token, logging.
    make_composer:
        Gives the composer for the settings of a query; ``None`` is the template composer.
    static:
        Another folder with the page's files.

    ``app.state.services`` holds its parts; ``services.keeper.warm_up()`` opens the models. Raises
    what ``Gallery.open`` raises.
    """
    from stitch_cir import __version__

    _ids.register()
    services = _services(place, encoder, settings or ServerSettings(), make_composer)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        # the HTTP server says until when; nothing else need wait for its answers first
        left = getattr(app.state, "stop_at", math.inf) - time.monotonic()
        app.state.finished = services.stop(min(max(left, 0.0), services.settings.grace))

    app = FastAPI(
        title="STiTch",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.finished = True
    app.add_middleware(Gate, settings=services.settings)
    if services.settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=services.settings.cors,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after", "x-request-id"],
        )
    app.add_middleware(Envelope, metrics=services.metrics, log_text=services.settings.log_text)
    app.add_middleware(Prefix, prefix=services.settings.root_path)
    routers = (
        _routes_page.router(static),
        _routes_gallery.router(services),
        _routes_write.router(services),
        _routes_uploads.router(services),
        _routes_ask.router(services),
    )
    for router in routers:
        app.include_router(router)
    describe_limits(app, services.settings)
    install(app, services.keeper.say, [route for router in routers for route in router.routes])
    return app


def _services(
    place: Path | str,
    encoder: DualEncoder | None,
    settings: ServerSettings,
    make_composer: ComposerMaker | None,
) -> Services:
    metrics = Metrics()
    limits: dict[str, Any] = {"queue": settings.queue, "deadline": settings.deadline}
    desk = Desk("work", threads=settings.threads, **limits)
    # a page asks for dozens of thumbnails at once: they must not stand before a search
    picture_desk = Desk("pictures", threads=2, queue=4 * settings.queue, deadline=settings.deadline)
    # a model that hangs keeps the threads that wait for it: they must be nobody else's
    model_desk = Desk(
        "models",
        threads=settings.model_threads,
        queue=settings.model_queue,
        deadline=settings.model_deadline,
        hint="Is the model's end point alive? Ask for fewer captions, or raise --model-deadline.",
    )
    health_desk = Desk("health", threads=1, queue=settings.queue, deadline=settings.deadline)

    def wrap(inner: DualEncoder) -> BatchingEncoder:
        return batching(
            inner,
            seconds=settings.batch_seconds,
            texts=settings.batch_texts,
            images=settings.batch_images,
            busy=desk.active,
            observe=metrics.encoder,
        )

    def template(settings: SearchSettings) -> Composer | None:
        return None

    keeper = Keeper(place, encoder, wrap)
    uploads = Uploads(settings)
    pictures = Pictures(settings.pictures_bytes)
    maker = make_composer or template
    questions = Questions(keeper, uploads, settings, maker)
    metrics.gauge("requests_held", "Requests worked on or waiting", lambda: desk.held)
    metrics.gauge("models_held", "Requests that ask a model, or wait", lambda: model_desk.held)
    metrics.gauge("pictures_held", "Pictures made or waiting", lambda: picture_desk.held)
    metrics.gauge("uploads", "Uploads in memory", lambda: len(uploads.shelf))
    metrics.gauge("uploads_bytes", "Bytes of uploads", lambda: uploads.shelf.bytes)
    metrics.gauge("pictures_bytes", "Bytes of made pictures", lambda: pictures.shelf.bytes)
    metrics.gauge("gallery_images", "Images in the gallery", keeper.count)
    return Services(
        settings,
        keeper,
        uploads,
        pictures,
        questions,
        metrics,
        desk,
        picture_desk,
        model_desk,
        health_desk,
        maker,
    )
