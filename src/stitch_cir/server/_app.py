"""The application: its parts, its layers, its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from stitch_cir.composers import Composer
from stitch_cir.encoders import DualEncoder
from stitch_cir.search import SearchSettings
from stitch_cir.server import (
    _routes_ask,
    _routes_gallery,
    _routes_page,
    _routes_uploads,
    _routes_write,
)
from stitch_cir.server._batching import BatchingEncoder, batching
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

    services = _services(place, encoder, settings or ServerSettings(), make_composer)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        services.desk.close()
        services.picture_desk.close()

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
    install(app, services.keeper.say)
    app.add_middleware(Gate, settings=services.settings)
    app.add_middleware(Envelope, metrics=services.metrics, log_text=services.settings.log_text)
    app.add_middleware(Prefix, prefix=services.settings.root_path)
    app.include_router(_routes_page.router(static))
    app.include_router(_routes_gallery.router(services))
    app.include_router(_routes_write.router(services))
    app.include_router(_routes_uploads.router(services))
    app.include_router(_routes_ask.router(services))
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
        maker,
    )
