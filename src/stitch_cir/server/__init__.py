"""One gallery over HTTP: an API and a page. Needs the extra ``server``.

Imports nothing heavy by itself: what needs FastAPI is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stitch_cir.server._listen import is_local
from stitch_cir.server._settings import ServerSettings

if TYPE_CHECKING:
    from stitch_cir.server._app import create_app
    from stitch_cir.server._logging import JsonLines
    from stitch_cir.server._serve import serve

__all__ = ["JsonLines", "ServerSettings", "create_app", "is_local", "serve"]


def __getattr__(name: str) -> Any:
    if name == "JsonLines":
        from stitch_cir.server._logging import JsonLines

        return JsonLines
    if name not in ("create_app", "serve"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _require_packages()
    if name == "create_app":
        from stitch_cir.server._app import create_app

        return create_app
    from stitch_cir.server._serve import serve

    return serve


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
