"""Where the user's own data lies: models, remembered answers. Any room may ask."""

from __future__ import annotations

import os
from pathlib import Path

from stitch_cir.errors import SettingError

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Return the user's data folder: ``$STITCH_HOME``, else ``$XDG_DATA_HOME/stitch``.

    Raises ``SettingError`` where neither is set and the user has no home folder, as in a container
    that runs under a number without an account.
    """
    home = os.environ.get("STITCH_HOME")
    if home:
        return Path(home)
    data = os.environ.get("XDG_DATA_HOME")
    if data:
        return Path(data) / "stitch"
    try:
        return Path.home() / ".local" / "share" / "stitch"
    except RuntimeError as error:
        raise SettingError(
            "There is no home folder for models and remembered answers: HOME is not set, and this "
            "user has none.",
            hint="Set STITCH_HOME to a folder that can be written (for remembered answers alone, "
            "--cache FILE).",
        ) from error
