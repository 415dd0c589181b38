"""The application: its services, its middleware, its routes."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.convertors import PathConvertor, register_url_convertor

from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import Gallery, KeptFolder
from stitch_cir.server import (
    _catalog_routes,
    _gallery_routes,
    _page_routes,
    _query_routes,
    _reveal_routes,
    _upload_routes,
    _write_routes,
)
from stitch_cir.server._access_log import AccessLogMiddleware
from stitch_cir.server._errors import install
from stitch_cir.server._file_manager import Reveal
from stitch_cir.server._gallery_provider import GalleryProvider, OpenGalleryProvider
from stitch_cir.server._metrics import CountsShards, Metrics
from stitch_cir.server._models import ServerModels
from stitch_cir.server._prefix import PathPrefixMiddleware
from stitch_cir.server._queries import QueryService
from stitch_cir.server._rendering import ImageRenderer
from stitch_cir.server._responses import describe_limits
from stitch_cir.server._services import Services
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import UploadStore
from stitch_cir.server.limits import (
    BatchingEncoder,
    RequestExecutor,
    RequestLimitsMiddleware,
    batching,
)

__all__ = ["create_app"]

_ABOUT = (
    "Search a gallery with an image and a text that says what should change. "
    "Images are named by gallery ids, never by paths; no address is ever fetched."
)


class _IdConvertor(PathConvertor):
    """The rest of an address, line breaks included, which the framework's ``path`` stops at."""

    regex = "(?s:.*)"


def create_app(
    gallery: Path | str | Gallery,
    *,
    encoder: DualEncoder | None = None,
    settings: ServerSettings | None = None,
    models: ServerModels | None = None,
    static: Path | None = None,
    reveal: Reveal | None = None,
) -> FastAPI:
    """Return the ASGI application that serves one gallery.

    Parameters
    ----------
    gallery:
        A gallery directory, or an indexed folder; or a gallery that is open, such as one that a
        cluster searches, which is never opened again.
    encoder:
        The encoder of its vectors; the recorded one is loaded otherwise.
    settings:
        Limits, token, logging.
    models:
        Who writes captions, and what encodes reference and text together.
    static:
        Another folder with the page's files.
    reveal:
        Shows a file in its folder on this machine, for somebody who sits there: see
        :func:`file_manager`. Without it nobody can have a folder opened.

    ``app.state.services`` holds its services; ``services.provider.warm_up()`` opens the models.
    Raises what ``Gallery.open`` raises.
    """
    from stitch_cir import __version__

    register_url_convertor("image_id", _IdConvertor())
    services = _services(gallery, encoder, settings or ServerSettings(), models or ServerModels())

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
    app.add_middleware(RequestLimitsMiddleware, settings=services.settings)
    if services.settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=services.settings.cors,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after", "x-request-id"],
        )
    app.add_middleware(
        AccessLogMiddleware,
        metrics=services.metrics,
        log_text=services.settings.log_text,
        frames=services.settings.frames,
    )
    app.add_middleware(PathPrefixMiddleware, prefix=services.settings.root_path)
    routers = (
        _page_routes.router(static),
        _gallery_routes.router(services, opens_folders=reveal is not None),
        _write_routes.router(services),
        _upload_routes.router(services),
        _query_routes.router(services),
        _reveal_routes.router(services, reveal),
        _catalog_routes.router(services),
    )
    for router in routers:
        app.include_router(router)
    describe_limits(app, services.settings)
    install(
        app, services.provider.hide_paths, [route for router in routers for route in router.routes]
    )
    return app


def _services(
    gallery: Path | str | Gallery,
    encoder: DualEncoder | None,
    settings: ServerSettings,
    models: ServerModels,
) -> Services:
    metrics = Metrics()
    limits: dict[str, Any] = {"queue": settings.queue, "deadline": settings.deadline}
    executor = RequestExecutor("work", threads=settings.threads, **limits)
    # a page asks for dozens of thumbnails at once: they must not delay a search
    image_executor = RequestExecutor(
        "images", threads=2, queue=4 * settings.queue, deadline=settings.deadline
    )
    # a model that hangs keeps the threads that wait for it: nothing else may run on them
    model_executor = RequestExecutor(
        "models",
        threads=settings.model_threads,
        queue=settings.model_queue,
        deadline=settings.model_deadline,
        hint="Is the model's end point alive? Ask for fewer captions, or raise --model-deadline.",
    )
    health_executor = RequestExecutor(
        "health", threads=1, queue=settings.queue, deadline=settings.deadline
    )

    def wrap(inner: DualEncoder) -> BatchingEncoder:
        return batching(
            inner,
            seconds=settings.batch_seconds,
            texts=settings.batch_texts,
            images=settings.batch_images,
            busy=executor.active,
            observe=metrics.encoder,
        )

    if isinstance(gallery, Gallery):
        if settings.keep_uploads:
            raise SettingError(
                "A dataset that a cluster searches keeps no uploads.",
                hint="Start the server without --keep-uploads.",
            )
        provider: GalleryProvider = OpenGalleryProvider(gallery, wrap)
        if isinstance(gallery, CountsShards):
            metrics.shards(gallery)
    else:
        provider = GalleryProvider(gallery, encoder, wrap)
    uploads = UploadStore(settings, KeptFolder(provider.directory))
    renderer = ImageRenderer(settings.rendered_bytes)
    queries = QueryService(provider, uploads, settings, models)
    metrics.gauge("requests_held", "Requests in work or waiting", lambda: executor.held)
    metrics.gauge("models_held", "Requests that ask a model, or wait", lambda: model_executor.held)
    metrics.gauge("images_held", "Images rendered or waiting", lambda: image_executor.held)
    metrics.gauge("uploads", "Uploads in memory", lambda: len(uploads.cache))
    metrics.gauge("uploads_bytes", "Bytes of uploads", lambda: uploads.cache.bytes)
    metrics.gauge("images_bytes", "Bytes of rendered images", lambda: renderer.cache.bytes)
    metrics.gauge("gallery_images", "Images in the gallery", provider.count)
    return Services(
        settings,
        provider,
        uploads,
        renderer,
        queries,
        metrics,
        executor,
        image_executor,
        model_executor,
        health_executor,
        models,
    )
