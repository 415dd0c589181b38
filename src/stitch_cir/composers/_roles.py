"""Roles: what a query wants to see, to keep and to avoid, as weighted phrases beside the captions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from stitch_cir._hints import did_you_mean
from stitch_cir.composers._text import clean, fold
from stitch_cir.errors import QueryError, RecordError

__all__ = ["ROLES", "Phrase", "Role", "Roles", "merge_roles", "phrases", "reconcile"]

Role: TypeAlias = Literal["desired", "preserve", "forbidden"]
ROLES: tuple[Role, ...] = ("desired", "preserve", "forbidden")
_ARTICLE = re.compile(r"^(?:an?|the|any|no) ")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A few words in a role. ``weight`` ≥ 0 is relative to the other phrases of the role.

    ``origin`` names its source: ``"user"``, ``"verbatim:rule"``, ``"chat"``, …
    """

    text: str
    weight: float = 1.0
    origin: str = "user"


@dataclass(frozen=True, slots=True)
class Roles:
    """The phrases of a query by role; empty roles play no part.

    Parameters
    ----------
    desired:
        What the target image shows that the reference may not.
    preserve:
        What it shares with the reference.
    forbidden:
        What it must not show: text encoders look for the hat in "without a hat".

    Texts may stand for phrases of weight 1. Of phrases that differ only in case or punctuation the
    first is used, and one of weight 0 counts as absent. Raises ``QueryError`` for a phrase without
    visible characters, for weights that are negative, not finite or all 0, and for a phrase that is
    both desired (or to be preserved) and forbidden.
    """

    desired: tuple[Phrase, ...] = ()
    preserve: tuple[Phrase, ...] = ()
    forbidden: tuple[Phrase, ...] = ()

    def __post_init__(self) -> None:
        """Read every role, and check that none contradicts another."""
        for role in ROLES:
            object.__setattr__(self, role, phrases(getattr(self, role), role))
        for role in ("desired", "preserve"):
            both = _common(self.of(role), self.forbidden)
            if both:
                verb = "desired" if role == "desired" else "to be preserved"
                raise QueryError(
                    f"{both[0].text!r} is {verb}, and forbidden as well.",
                    hint="Leave it out of one of the two.",
                )

    def __bool__(self) -> bool:
        """Return whether any role has a phrase."""
        return bool(self.items())

    def of(self, role: Role) -> tuple[Phrase, ...]:
        """Return the phrases of a role."""
        of_role: tuple[Phrase, ...] = getattr(self, role)
        return of_role

    def items(self) -> tuple[tuple[Role, tuple[Phrase, ...]], ...]:
        """Return the roles that have phrases, each with its phrases."""
        return tuple((role, self.of(role)) for role in ROLES if self.of(role))

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of all phrases, in the order of the roles."""
        return tuple(phrase.text for _, phrases in self.items() for phrase in phrases)

    def avoiding(self, avoided: Sequence[Phrase]) -> Roles:
        """Return the roles with what the user avoids; it is no longer to be preserved.

        Raises ``QueryError`` where it is what the query desires.
        """
        if not avoided:
            return self
        desired = _common(self.desired, avoided)
        if desired:
            raise QueryError(
                f"{desired[0].text!r} is to be avoided, and the query asks for it.",
                hint="Leave it out of the text, or out of what is to be avoided.",
            )
        kept = tuple(each for each in self.preserve if each not in _common(self.preserve, avoided))
        others = [each for each in self.forbidden if each not in _common(self.forbidden, avoided)]
        return Roles(self.desired, kept, (*avoided, *others))

    def user_avoids(self) -> Roles:
        """Return what the user avoids, and nothing else."""
        return Roles(forbidden=tuple(each for each in self.forbidden if each.origin == "user"))

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Return the roles that have phrases, JSON-ready; :meth:`from_dict` reads them."""
        return {
            role: [
                {"text": each.text, "weight": each.weight, "origin": each.origin}
                for each in of_role
            ]
            for role, of_role in self.items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, origin: str = "recorded") -> Roles:
        """Make roles of JSON: lists by role, of texts or of objects with text, weight and origin.

        ``origin`` is that of phrases without one. Raises ``RecordError`` for an unknown role and
        for anything else that cannot be read.
        """
        if not isinstance(data, Mapping):
            raise RecordError(f"The roles are a {type(data).__name__}.", hint=_EXPECTED)
        for name in data:
            if name not in ROLES:
                raise RecordError(
                    f"There is no role {str(name)[:40]!r}.",
                    hint=f"{did_you_mean(str(name), ROLES)}{_EXPECTED}",
                )
        try:
            return cls(**{role: _parsed(role, listed, origin) for role, listed in data.items()})
        except QueryError as error:
            raise RecordError(error.message, hint=error.hint) from error


def phrases(listed: object, role: str) -> tuple[Phrase, ...]:
    """Return texts or phrases as phrases of a role, cleaned; raises as :class:`Roles` does."""
    entries: Iterable[object] = (listed,) if isinstance(listed, (str, Phrase)) else listed  # type: ignore[assignment]
    chosen: dict[str, Phrase] = {}
    weightless = ""
    for entry in entries:
        phrase = Phrase(entry) if isinstance(entry, str) else entry
        if not isinstance(phrase, Phrase) or not isinstance(phrase.text, str):
            raise QueryError(f"A phrase of {role} is {entry!r}.", hint="Write a text.")
        text = clean(phrase.text)
        if not text:
            raise QueryError(
                f"A phrase of {role}, {phrase.text[:40]!r}, has no visible characters.",
                hint="Write what it is, or leave it out.",
            )
        number = isinstance(phrase.weight, (int, float)) and not isinstance(phrase.weight, bool)
        if not number or not math.isfinite(phrase.weight) or phrase.weight < 0:
            raise QueryError(
                f"The phrase {text[:40]!r} of {role} weighs {phrase.weight!r}.",
                hint="A weight must be a finite number of at least 0.",
            )
        if phrase.weight == 0:
            weightless = text
        else:
            chosen.setdefault(fold(text), replace(phrase, text=text, weight=float(phrase.weight)))
    if weightless and not chosen:
        raise QueryError(
            f"All phrases of {role} weigh 0, such as {weightless[:40]!r}.",
            hint="Give one of them a weight above 0, or leave the role out.",
        )
    return tuple(chosen.values())


def reconcile(
    desired: Sequence[Phrase], preserve: Sequence[Phrase], forbidden: Sequence[Phrase]
) -> tuple[Roles, tuple[str, ...]]:
    """Return roles without what contradicts them, and a note on each phrase that was left out.

    A forbidden phrase that is desired too is not forbidden; one that is to be preserved is not
    preserved.
    """
    contradicted = _common(forbidden, desired)
    kept = _common(preserve, forbidden)
    notes = [f"not forbidden, since it is desired as well: {each.text}" for each in contradicted]
    notes += [f"not preserved, since it is forbidden: {each.text}" for each in kept]
    roles = Roles(
        tuple(desired),
        tuple(each for each in preserve if each not in kept),
        tuple(each for each in forbidden if each not in contradicted),
    )
    return roles, tuple(notes)


def merge_roles(several: Sequence[Roles]) -> Roles:
    """Return the phrases of several roles together, without contradictions."""
    desired, preserve, forbidden = (
        tuple(phrase for roles in several for phrase in roles.of(role)) for role in ROLES
    )
    return reconcile(desired, preserve, forbidden)[0]


def _common(first: Sequence[Phrase], second: Sequence[Phrase]) -> list[Phrase]:
    """Return the phrases of ``first`` that stand in ``second`` too, whatever their articles."""
    others = {_bare(each.text) for each in second}
    return [each for each in first if _bare(each.text) in others]


def _bare(text: str) -> str:
    return _ARTICLE.sub("", fold(text))


def _parsed(role: str, listed: object, origin: str) -> tuple[Phrase, ...]:
    entries = [listed] if isinstance(listed, str) else listed
    if not isinstance(entries, (list, tuple)):
        raise RecordError(f"The role {role} is a {type(listed).__name__}.", hint=_EXPECTED)
    return tuple(_phrase(role, entry, origin) for entry in entries)


def _phrase(role: str, entry: object, origin: str) -> Phrase:
    if isinstance(entry, str):
        return Phrase(entry, origin=origin)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("text"), str):
        raise RecordError(f"A phrase of {role} has no text.", hint=_EXPECTED)
    unknown = set(entry) - {"text", "weight", "origin"}
    if unknown:
        raise RecordError(
            f"A phrase of {role} has an unknown key {min(map(str, unknown))!r}.", hint=_EXPECTED
        )
    return Phrase(entry["text"], entry.get("weight", 1.0), str(entry.get("origin", origin)))


_EXPECTED = (
    'Roles are desired, preserve and forbidden, each a list of texts, or of {"text": "a hat", '
    '"weight": 1}.'
)
