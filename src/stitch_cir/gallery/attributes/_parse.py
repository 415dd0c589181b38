"""The text of a condition, read by recursive descent; the grammar is in docs/catalogue.md."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NoReturn

from stitch_cir.errors import QueryError
from stitch_cir.gallery.attributes._where import (
    KEYWORDS,
    AllOf,
    AnyOf,
    AttributeComparison,
    DateLiteral,
    Literal,
    Near,
    Not,
    Where,
)

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "parse_where"]

MAX_LENGTH = 10_000
"""Characters of a condition."""
MAX_DEPTH = 50
"""Brackets and ``not`` inside one another."""
_TOKENS = re.compile(
    r"""\s*(?:
    (?P<date>\d{4}-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)(?![\w.-])
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<name>[^\W\d]\w*)
    |(?P<sign><=|>=|!=|<>|==|[=<>(),])
    )""",
    re.VERBOSE,
)
_OPERATORS = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_KILOMETRES = {"km": 1.0, "m": 0.001, "mi": 1.609344}
_EXAMPLE = "For example: price < 50 and brand = 'Acme' and not sold_out"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """The keyword or sign that this is, in lower case; nothing for what is quoted."""
        return self.text.lower() if self.kind in ("name", "sign") else ""


def parse_where(text: str) -> Where:
    """Return the condition that ``text`` spells. Raises ``QueryError``, naming the character."""
    if len(text) > MAX_LENGTH:
        raise QueryError(
            f"The condition has {len(text):,} characters; at most {MAX_LENGTH:,} are read.",
            hint="Shorten it, or set an attribute that says what you filter by.",
        )
    parser = _Parser(text)
    where = parser.alternatives(0)
    if parser.token.kind != "end":
        parser.fail("'and', 'or' or the end")
    return where


class _Parser:
    """Reads one condition; ``token`` is the next one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.token = self._next()

    def alternatives(self, depth: int) -> Where:
        """Read conditions between ``or``."""
        if depth > MAX_DEPTH:
            raise QueryError(
                f"The condition is nested more than {MAX_DEPTH} deep.",
                hint="Leave out brackets that change nothing.",
            )
        parts = [self._conjunction(depth)]
        while self._take("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _conjunction(self, depth: int) -> Where:
        parts = [self._negation(depth)]
        while self._take("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _negation(self, depth: int) -> Where:
        if self._take("not"):
            if depth > MAX_DEPTH:
                return self.alternatives(depth)
            return Not(self._negation(depth + 1))
        if self._take("("):
            inner = self.alternatives(depth + 1)
            self._expect(")")
            return inner
        if self._take("near"):
            return self._near()
        return self._test()

    def _near(self) -> Where:
        self._expect("(")
        latitude = self._number()
        self._expect(",")
        longitude = self._number()
        self._expect(",")
        distance = self._number()
        if self.token.word not in _KILOMETRES:
            self.fail("a unit: km, m or mi")
        km = distance * _KILOMETRES[self._advance().word]
        self._expect(")")
        return Near(latitude, longitude, km)

    def _test(self) -> Where:
        name = self._name()
        if self.token.word in _OPERATORS:
            return AttributeComparison(name, _OPERATORS[self._advance().word], (self._literal(),))
        if self._take("is"):
            negated = self._take("not")
            self._expect("missing")
            return _maybe_not(AttributeComparison(name, "missing"), negated=negated)
        negated = self._take("not")
        if self._take("in"):
            self._expect("(")
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            self._expect(")")
            return _maybe_not(AttributeComparison(name, "in", tuple(values)), negated=negated)
        if self._take("between"):
            low = self._literal()
            self._expect("and")
            return _maybe_not(
                AttributeComparison(name, "between", (low, self._literal())), negated=negated
            )
        if self._take("contains"):
            return _maybe_not(
                AttributeComparison(name, "contains", (self._literal(),)), negated=negated
            )
        if negated:
            self.fail("'in', 'between' or 'contains'")
        return AttributeComparison(name, "true")

    def _name(self) -> str:
        token = self.token
        if token.kind == "quoted" and len(token.text) > 2:
            return self._advance().text[1:-1].replace('""', '"')
        if token.kind != "name" or token.word in KEYWORDS:
            self.fail("the name of an attribute")
        return self._advance().text

    def _literal(self) -> Literal:
        token = self.token
        if token.kind == "number":
            return self._number()
        if token.kind == "date":
            return DateLiteral(self._advance().text)
        if token.kind in ("text", "quoted"):
            quote = token.text[0]
            return self._advance().text[1:-1].replace(2 * quote, quote)
        if token.word in ("true", "false"):
            return self._advance().word == "true"
        if token.kind == "name":
            self.fail(f"a value; put text in quotes: '{token.text[:50]}'")
        return self.fail("a number, a date, true, false or a text in quotes")

    def _number(self) -> int | float:
        text = self.token.text
        if self.token.kind != "number" or not math.isfinite(float(text)):
            self.fail("a number")
        self._advance()
        return int(text) if text.lstrip("+-").isdigit() and len(text) < 20 else float(text)

    def _expect(self, word: str) -> None:
        if not self._take(word):
            self.fail(f"{word!r}")

    def _take(self, word: str) -> bool:
        if self.token.word != word:
            return False
        self._advance()
        return True

    def _advance(self) -> _Token:
        token, self.token = self.token, self._next()
        return token

    def _next(self) -> _Token:
        match = _TOKENS.match(self._text, self._end)
        if match is None:
            rest = self._text[self._end :]
            start = self._end + len(rest) - len(rest.lstrip())
            if start == len(self._text):
                return _Token("end", "", start)
            self.token = _Token("unknown", self._text[start : start + 20], start)
            self.fail("a name, a value or a sign such as < or =")
        self._end = match.end()
        kind = str(match.lastgroup)
        return _Token(kind, match[kind], match.start(kind))

    def fail(self, expected: str) -> NoReturn:
        """Raise the error for the token at hand."""
        token = self.token
        is_end = token.kind == "end"
        shown = "ends" if is_end else f"has {token.text[:30]!r} at character {token.start + 1}"
        raise QueryError(f"The condition {shown}, where {expected} was expected.", hint=_EXAMPLE)


def _maybe_not(where: Where, *, negated: bool) -> Where:
    return Not(where) if negated else where
