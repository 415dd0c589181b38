"""A modification as data: a tuple of small edits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Edit", "EditKind", "Reading"]

EditKind = Literal[
    "keep", "replace", "add", "remove", "colour", "number", "place", "light", "pattern",
    "attribute", "view", "medium", "scene", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. ``object`` is the new content, ``subject`` what it applies to.

    An empty ``subject`` means the main object of the image. For a removal ``object`` is what is
    removed; for a number it is ``"two"``, ``"more"``, ``"fewer"``, ``"another"``, … and ``subject``
    the counted thing; for a replacement ``subject`` is the old thing.
    """

    kind: EditKind
    object: str = ""
    subject: str = ""

    def note(self, main: str = "") -> str:
        """Return one line for users that describes the edit.

        ``main`` is the assumed main object.
        """
        about = f" of '{self.subject}'" if self.subject else ""
        match self.kind:
            case "replace":
                old = f"'{self.subject or main}'" if self.subject or main else "the main object"
                new = re.sub(r"^(?:an?|the) ", "", self.object, flags=re.I)
                return f"object '{new}' replaces {old}"
            case "add":
                return f"added: {self.object}"
            case "remove":
                return f"removed: {self.object}"
            case "keep":
                return f"kept: {self.subject or 'the main object'}"
            case "scene":
                return f"described as a whole: {self.object}"
            case "other":
                return f"taken word for word: {self.object}"
            case _:
                return f"{self.kind}{about} → {self.object}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A parsed modification: its cleaned text and the edits in it.

    ``english`` is false when the words do not look like English (then there are no edits);
    ``alone`` is true when the text describes the target image without the reference.
    """

    text: str
    edits: tuple[Edit, ...] = ()
    english: bool = True

    @property
    def alone(self) -> bool:
        """Whether a whole scene is described and nothing refers back to the reference."""
        return bool(self.edits) and self.edits[0].kind == "scene"
