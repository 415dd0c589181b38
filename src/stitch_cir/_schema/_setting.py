"""What a setting is, what values it can have, and the error for the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stitch_cir.errors import SettingError

__all__ = ["LARGEST", "Kind", "Part", "Range", "Setting"]

Kind = Literal["number", "whole", "flag", "name", "patterns", "options"]
Part = Literal["transition", "scorer", "hubness"]

LARGEST = 1000.0
"""Largest weight: beyond it nothing is left of the other summand, far beyond no finite number."""


@dataclass(frozen=True, slots=True)
class Range:
    """The finite numbers from ``low`` to ``high``; without ``low`` itself where it is ``open``."""

    low: float = -math.inf
    high: float = math.inf
    open: bool = False

    def __contains__(self, value: float) -> bool:
        """Return whether a number lies in the range."""
        return self.low <= value <= self.high and not (self.open and value == self.low)

    def __str__(self) -> str:
        """Return the range in words, e.g. ``0 to 1``; ``""`` where every number is allowed."""
        if math.isinf(self.low):
            return ""
        if math.isinf(self.high):
            return f"above {self.low:g}" if self.open else f"at least {self.low:g}"
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a search.

    Parameters
    ----------
    name:
        Its name in Python, in JSON and, with hyphens, on the command line.
    kind:
        ``number`` (finite), ``whole`` (number), ``flag``, ``name``, ``patterns`` (texts) or
        ``options`` (plain values by name).
    default:
        Its value unless a preset or the user says otherwise; ``None``: none.
    title, help:
        A label in plain words, and a sentence without its full stop.
    symbol:
        Its sign in formulas, e.g. ``α``.
    range:
        What a number may be.
    choices:
        The names that are possible, where no plug-in can add one.
    part:
        The object of ``SearchSettings`` that it names or that has it.
    used_by:
        The built-in transitions or scorers that have it; empty: every search.
    default_text:
        What ``None`` or nothing means, in words.
    by_options:
        Whether fronts set it by ``scorer_options`` or ``transition_options`` only.
    longest:
        How many characters a name may have in a request.
    """

    name: str
    kind: Kind
    default: Any
    title: str
    help: str
    symbol: str = ""
    range: Range = Range()
    choices: tuple[str, ...] = ()
    part: Part | None = None
    used_by: tuple[str, ...] = ()
    default_text: str = ""
    by_options: bool = False
    longest: int = 64

    def check(self, value: Any) -> Any:
        """Return ``value`` as it is stored. Raises ``SettingError`` for what it cannot be."""
        if value is None and self.default is None:
            return None
        checked = self._read(value)
        if checked is None:
            raise SettingError(
                f"{self.name} is {value!r}, outside its range.",
                hint=f"{self.name} must be {self.expected()}.",
            )
        return checked

    def expected(self) -> str:
        """Return in words what a value must be."""
        span = str(self.range)
        if self.kind in ("number", "whole"):
            number = "a finite number" if self.kind == "number" else "a whole number"
            if " to " in span:
                span = f"between {span.replace(' to ', ' and ')}"
            return f"{number} {span.replace('at least', 'of at least') or 'of any sign'}"
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        return {
            "flag": "true or false",
            "name": "a name",
            "patterns": "a list of texts",
            "options": "finite numbers, texts or booleans by name",
        }[self.kind]

    def describe(self) -> str:
        """Return its help, range and users in one sentence, for help pages and schemas."""
        counted = self.kind == "whole" and math.isinf(self.range.high)
        span = "" if counted else str(self.range)
        *others, last = self.used_by or ("",)
        users = f"; for {', '.join(others)}{' and ' if others else ''}{last}" if last else ""
        return f"{self.help}{', ' if span else ''}{span}{users}."

    def shown_default(self) -> str:
        """Return the default in words."""
        if self.default_text:
            return self.default_text
        if isinstance(self.default, bool):
            return "true" if self.default else "false"
        if isinstance(self.default, (int, float)):
            return f"{self.default:g}"
        return str(self.default or "none")

    def _read(self, value: Any) -> Any:
        """Return the value in the type that is stored, ``None`` where it does not fit."""
        is_flag = isinstance(value, bool)
        match self.kind:
            case "number" if isinstance(value, (int, float)) and not is_flag:
                return float(value) if math.isfinite(value) and value in self.range else None
            case "whole" if isinstance(value, int) and not is_flag:
                return value if value in self.range else None
            case "flag" if is_flag:
                return value
            case "name" if isinstance(value, str) and value:
                return value if not self.choices or value in self.choices else None
            case "patterns" if isinstance(value, (list, tuple)):
                return tuple(value) if all(isinstance(each, str) for each in value) else None
            case "options" if isinstance(value, Mapping):
                return dict(value) if all(map(_is_plain, value.items())) else None
        return None


def _is_plain(item: tuple[Any, Any]) -> bool:
    name, value = item
    finite = not isinstance(value, float) or math.isfinite(value)
    return isinstance(name, str) and isinstance(value, (bool, int, float, str)) and finite
