"""Requests read clause by clause: what is new, what it applies to, what is to vanish.

A rule matches a whole clause or does nothing. Of other clauses only the words that announce the
content are left out, at their beginning, and what it replaces, at their end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stitch_cir.composers import _request_rules as rules
from stitch_cir.composers._phrases import plural

__all__ = ["Change", "read_request"]


@dataclass(frozen=True, slots=True)
class Change:
    """One clause of a request.

    ``text`` is the new content in the user's words, ``subject`` the thing it applies to ("" is the
    main object), ``removed`` what is to vanish. No rule matches a clause of kind ``"words"``.
    """

    kind: rules.ChangeKind
    text: str = ""
    subject: str = ""
    removed: str = ""

    @property
    def phrase(self) -> str:
        """The content as a phrase: "two dogs", "ball behind the cat"."""
        several = self.kind == "number" and not re.fullmatch(rules.SINGLE, self.text, re.I)
        subject = plural(self.subject) if several and self.subject.isalpha() else self.subject
        parts = (self.text, subject) if self.kind != "location" else (subject, self.text)
        return " ".join(filter(None, parts)) if self.text else ""


def read_request(text: str) -> tuple[Change, ...]:
    """Return the changes that a cleaned, one-line request asks for, clause by clause.

    >>> [(each.kind, each.text, each.removed) for each in read_request("Replace the cat with two dogs")]
    [('replace', 'two dogs', 'cat')]
    """
    parted = re.sub(rules.ASIDE, r"\1. ", text, flags=re.I)
    pieces = (piece.strip(" ,.;!?") for piece in re.split(rules.SPLIT, parted, flags=re.I))
    return tuple(_read_clause(piece) for piece in pieces if piece)


def _read_clause(clause: str) -> Change:
    rest = re.sub(rf"^(?:{rules.FRAME}[ ,]*)+(?=\S)", "", clause, flags=re.I)
    instead = re.fullmatch(rules.INSTEAD, rest, re.I)
    rest, removed = (instead["new"], _bare(instead["old"] or "")) if instead else (rest, "")
    removed = removed if re.fullmatch(rules.BRIEF, removed, re.I) else ""
    for kind, pattern in rules.RULES if instead else rules.RULES[:-1]:
        match = re.fullmatch(f"{rules.BEFORE}(?:{pattern})", rest, re.I)
        if match is None:
            continue
        parts = {name: (part or "").strip(" ,") for name, part in match.groupdict().items()}
        new, old = parts.get("new", ""), _bare(parts.get("old", "")) or removed
        if "behind" in parts:
            new = f"with {parts['behind']} in the background"
        # where something is, or what it does, is no thing that could have an article
        if re.match(rf"{rules.ADVERBIAL}|{rules.DOING}$", new, re.I):
            kind = "location"
        elif kind == "replace" or (kind == "scene" and instead):
            kind = "scene" if re.match(rules.DOING, new, re.I) else "replace"
        subject = _bare(parts.get("subject") or parts["kept"])
        whole = re.fullmatch(rules.WHOLE, new, re.I) and re.fullmatch(rules.BRIEF, old, re.I)
        vague = kind in ("scene", "replace") and re.search(rules.BACK, new, re.I)
        if whole and not vague and not re.fullmatch(rules.ASPECT, subject, re.I):
            part = kind == "replace" and re.fullmatch(rules.PART, old, re.I)
            return Change("add" if part else kind, new, subject, old)
    whole = re.fullmatch(rules.WHOLE, rest, re.I)
    if whole and rest != clause and not re.search(rules.BACK, rest, re.I):
        return Change("scene", rest, removed=removed)
    content = re.sub(rf"^(?:(?:{rules.FRAME}|{rules.COMMAND})[ ,]*)+(?=\S)", "", rest, flags=re.I)
    return Change("words", content, removed=removed)


def _bare(phrase: str) -> str:
    """Return the thing that a phrase names: without article, "in", "with", "ones" or "on it"."""
    around = rf"^(?:(?:with|{rules.WHERE}) )?{rules.THE}?| ones?$| (?:in|on) (?:it|them|there)$"
    return re.sub(around, "", phrase, flags=re.I)
