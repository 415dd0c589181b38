"""``stitch serve``: the API and the page for one gallery."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import guard, printable
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._reach_options import ReachOptions
from stitch_cir.cli._setting_options import with_options
from stitch_cir.cli._shortlist_options import ShortlistOptions
from stitch_cir.cli._spread_options import SpreadOptions

if TYPE_CHECKING:
    from stitch_cir.composers import Composer
    from stitch_cir.searcher import SearchSettings

__all__ = ["serve"]

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class LimitOptions:
    """What one client, one request and all of them together may take."""

    max_upload_mb: Annotated[
        float, typer.Option("--max-upload-mb", help="Largest image that may be sent.")
    ] = 20.0
    max_upload_megapixels: Annotated[
        float,
        typer.Option("--max-upload-megapixels", help="Most pixels of an image that is sent."),
    ] = 55.0
    rate: Annotated[
        float, typer.Option("--rate", help="Requests a second of one client; 0: no limit.")
    ] = 50.0
    threads: Annotated[int, typer.Option("--threads", help="Requests worked on at a time.")] = 8
    queue: Annotated[int, typer.Option("--queue", help="Requests that may wait.")] = 64
    deadline: Annotated[
        float, typer.Option("--deadline", help="Seconds for one request, waiting included.")
    ] = 30.0
    model_threads: Annotated[
        int,
        typer.Option("--model-threads", help="Requests that wait for a language model at a time."),
    ] = 8
    model_deadline: Annotated[
        float,
        typer.Option("--model-deadline", help="Seconds for a request that asks a language model."),
    ] = 60.0
    grace: Annotated[
        float,
        typer.Option("--grace", help="Seconds in which running requests may finish at the end."),
    ] = 8.0

    def settings(self) -> dict[str, Any]:
        """Return the limits as ``ServerSettings`` takes them."""
        values = asdict(self)
        upload_mb = values.pop("max_upload_mb")
        upload_megapixels = values.pop("max_upload_megapixels")
        return {
            **values,
            "upload_bytes": round(upload_mb * (1 << 20)),
            "upload_pixels": round(upload_megapixels * 1e6),
            "burst": max(8 * self.rate, 1.0),
        }


@dataclass(frozen=True)
class SharingOptions:
    """What leaves the server beside its answers: to other sites, to links, and to the log."""

    cors: Annotated[
        list[str] | None,
        typer.Option(
            "--cors",
            metavar="ORIGIN",
            help="A site whose pages may call this server, e.g. http://localhost:3000; "
            "repeatable. [none]",
        ),
    ] = None
    frame: Annotated[
        list[str] | None,
        typer.Option(
            "--frame",
            metavar="ORIGIN",
            help="A site whose pages may show this page in a frame, e.g. https://huggingface.co; "
            "repeatable. [none]",
        ),
    ] = None
    keep_uploads: Annotated[
        bool,
        typer.Option(
            "--keep-uploads",
            help="Let visitors keep an image they sent with the gallery, so that a link to their "
            "search works; stitch uploads lists and removes them. [an hour in memory only]",
        ),
    ] = False
    log_text: Annotated[
        bool, typer.Option("--log-text", help="Log what users type, and ids. [neither]")
    ] = False


@dataclass(frozen=True)
class SearchingOptions:
    """What encodes queries, and which images they are compared with."""

    scored: ShortlistOptions
    encoder: o.EncoderOption = None
    composed: o.ComposedOption = None


@with_options
def serve(
    gallery: Annotated[
        str,
        typer.Argument(
            metavar="GALLERY",
            help="An indexed folder, or a gallery directory; with --cluster a dataset.",
        ),
    ],
    reach: ReachOptions,
    *,
    searching: SearchingOptions,
    spread: SpreadOptions,
    limits: LimitOptions,
    sharing: SharingOptions,
    models: ModelOptions,
) -> None:
    """Serve a gallery: a page to search with, and an API to build on.

    Listens on this machine only, unless --host says otherwise. Logs are JSON lines on stderr. For
    others, put a reverse proxy with TLS in front; see docs/server.md. With --cluster the gallery is
    a dataset that a Ray cluster searches in shards; see docs/cluster.md.

        stitch serve photos
        stitch serve --cluster 10.0.0.1:6379 s3://bucket/photos.lance
    """
    with guard():
        from stitch_cir.cli._open import ComposedMaker
        from stitch_cir.encoders import load_encoder
        from stitch_cir.errors import SettingError
        from stitch_cir.server import (
            ServerModels,
            ServerSettings,
            create_app,
            file_manager,
            is_local,
        )
        from stitch_cir.server import serve as run

        spread.check()
        if spread.cluster is not None and reach.access.token_file is not None:
            raise SettingError(
                "--token-file is for changing a gallery, and no server writes the dataset that a "
                "cluster searches.",
                hint="Leave it out; write with stitch cluster index, export or delete.",
            )
        shortlist, source = searching.scored.make(local=spread.cluster is None)
        listen, access = reach.listen, reach.access
        local = is_local(listen.host)
        names = tuple(name.lower() for name in access.allow_host or ())
        settings = ServerSettings(
            token=_token(access.token_file),
            hosts=(*_LOCAL, _spelled(listen.host), *names) if local else names,
            root_path=access.root_path,
            cors=tuple(sharing.cors or ()),
            frames=tuple(sharing.frame or ()),
            keep_uploads=sharing.keep_uploads,
            log_text=sharing.log_text,
            **limits.settings(),
        )
        finished = True
        # Ctrl-C and SIGTERM are how a server is stopped, and no failure
        with _interrupted_by_sigterm(), suppress(KeyboardInterrupt):
            maker = _Maker(models, limits.model_deadline)
            _log_as_json(with_text=sharing.log_text)
            encoder = None if searching.encoder is None else load_encoder(searching.encoder)
            app = create_app(
                gallery if spread.cluster is None else spread.open(gallery, encoder),
                encoder=encoder,
                settings=settings,
                models=ServerModels(
                    maker,
                    maker.close,
                    None if searching.composed is None else ComposedMaker(searching.composed),
                    shortlist,
                    source,
                ),
                reveal=file_manager() if local and not access.trust_proxy else None,
            )
            services = app.state.services
            services.provider.warm_up()
            # a name that is none, or a model that is not there, is an error now, not at a request
            services.models.composed(services.provider.gallery().encoder)

            def listening(addresses: Sequence[str]) -> None:
                count = int(services.provider.count())
                where = " and ".join(addresses)
                typer.echo(
                    f"{printable(services.provider.name)}: {count:,} images at {where}", err=True
                )
                if not local:
                    typer.echo(
                        "Other machines can reach this, unencrypted: put a reverse proxy with TLS "
                        "in front.",
                        err=True,
                    )

            try:
                run(
                    app,
                    host=listen.host,
                    port=listen.port,
                    trust_proxy=access.trust_proxy,
                    listening=listening,
                )
            finally:
                finished = app.state.finished
        typer.echo("stopped" if finished else "stopped; some requests were not finished", err=True)
    if not finished:
        # a thread that waits for a model that hangs would keep the process for ever
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does; signals are the main thread's."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _spelled(host: str) -> str:
    return f"[{host.lower()}]" if ":" in host else host.lower()


def _token(file: Path | None) -> str | None:
    from stitch_cir.errors import NotFoundError

    if file is None:
        return os.environ.get("STITCH_TOKEN") or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(
            f"The token file {file} cannot be read: {error}.",
            hint="Make one: openssl rand -hex 24 > FILE",
        ) from error


class _Maker:
    """Makes each composer once: one for each sampling, number of reference captions, and roles.

    A model is not waited for longer than a request may take. Raises ``SettingError`` at once for
    options that contradict each other.
    """

    def __init__(self, models: ModelOptions, deadline: float) -> None:
        from stitch_cir.searcher import SearchSettings

        self._models = models
        self._deadline = deadline
        self._made: dict[tuple[str, int, bool], Composer | None] = {}
        self(SearchSettings())

    def __call__(self, settings: SearchSettings) -> Composer | None:
        from stitch_cir.cli._open import composer_choice

        choice = composer_choice(settings)
        if choice not in self._made:
            self._made[choice] = self._models.make_composer(
                choice[0],
                num_reference_captions=choice[1],
                roles=choice[2],
                total_timeout=self._deadline,
            )
        return self._made[choice]

    def close(self) -> None:
        """End the requests to models that are under way."""
        from stitch_cir.composers import UsesModel

        for composer in list(self._made.values()):
            if isinstance(composer, UsesModel):
                composer.close()


def _log_as_json(*, with_text: bool) -> None:
    import logging

    from stitch_cir.server import JsonLines

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(with_text=with_text))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("stitch_cir.server").setLevel(logging.INFO)
    # a malformed form is the client's fault, and told to the client
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
