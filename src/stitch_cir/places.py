"""Where the user's own data lies: models, remembered answers. Any room may ask."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Give the user's data folder: ``$STITCH_HOME``, else ``$XDG_DATA_HOME/stitch``."""
    home = os.environ.get("STITCH_HOME")
    if home:
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "stitch"
