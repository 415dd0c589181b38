"""One gallery over HTTP: an API and a page. Needs the extra ``server``.

Imports nothing heavy by itself: what needs FastAPI is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.server._listen import addresses, is_local, listen
from stitch_cir.server._settings import ServerSettings

if TYPE_CHECKING:
    from stitch_cir.server._app import create_app
    from stitch_cir.server._file_manager import Reveal, file_manager
    from stitch_cir.server._logging import JsonLines
    from stitch_cir.server._models import ComposedFactory, ComposerFactory, ServerModels
    from stitch_cir.server._serve import prepare, serve

__all__ = [
    "ComposedFactory",
    "ComposerFactory",
    "JsonLines",
    "Reveal",
    "ServerModels",
    "ServerSettings",
    "addresses",
    "create_app",
    "file_manager",
    "is_local",
    "listen",
    "prepare",
    "serve",
]


def _require_packages() -> None:
    """Raise ``SettingError`` with the command that installs what is missing."""
    from importlib.util import find_spec

    from stitch_cir._hints import install_command
    from stitch_cir.errors import SettingError

    required = {"fastapi", "uvicorn", "python_multipart", "prometheus_client", "threadpoolctl"}
    missing = sorted(name for name in required if find_spec(name) is None)
    if missing:
        raise SettingError(
            f"The server needs packages that are not installed: {', '.join(missing)}.",
            hint=f"Install them: {install_command('server')}",
        )


_exports.publish(
    __name__,
    __all__,
    lazy={
        "ComposedFactory": "_models",
        "ComposerFactory": "_models",
        "JsonLines": "_logging",
        "Reveal": "_file_manager",
        "ServerModels": "_models",
        "create_app": "_app",
        "file_manager": "_file_manager",
        "prepare": "_serve",
        "serve": "_serve",
    },
    require=_require_packages,
)
