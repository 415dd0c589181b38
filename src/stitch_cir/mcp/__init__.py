"""One gallery as tools for assistants: a Model Context Protocol server. Needs the extra ``mcp``.

Imports nothing heavy by itself: what needs the SDK is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stitch_cir import _exports

if TYPE_CHECKING:
    from stitch_cir.mcp._server import create_server

__all__ = ["create_server"]


def _require_packages() -> None:
    """Raise ``SettingError`` with the command that installs what is missing."""
    from importlib.util import find_spec

    from stitch_cir._hints import install_command
    from stitch_cir.errors import SettingError

    if find_spec("mcp") is None:
        raise SettingError(
            "This needs a package that is not installed: mcp.",
            hint=f"Install it: {install_command('mcp')}",
        )


_exports.publish(__name__, __all__, lazy={"create_server": "_server"}, require=_require_packages)
