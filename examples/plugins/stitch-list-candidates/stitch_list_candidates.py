"""A candidate source that names the images of a list, such as this week's offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import NotFoundError, SettingError


class IdList:
    """Names the ids in a text file, one a line, in their order; the query changes nothing."""

    def __init__(self, file: str = "") -> None:
        """Read the file. Raises ``SettingError`` without one, ``NotFoundError`` where it is not."""
        if not file:
            raise SettingError("No list of ids is named.", hint="Add --candidate-option file=FILE.")
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise NotFoundError(
                f"The list {file} cannot be read: {error}.", hint="Give a text file, one id a line."
            ) from error
        self._file = file
        self._ids = list(dict.fromkeys(line for line in lines if line))

    def settings(self) -> dict[str, Any]:
        """Return what shapes the answers."""
        return {"source": "list", "file": self._file, "ids": len(self._ids)}

    def nearest(
        self, vectors: NDArray[np.float32], weights: NDArray[np.float32], count: int
    ) -> list[str]:
        """Return the first ``count`` ids of the list."""
        return self._ids[:count]
