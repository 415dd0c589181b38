"""What one end point accepts: learned from its refusals, used for its later requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stitch_cir.chat._messages import Sampling
from stitch_cir.chat.endpoint._refusals import Refusal
from stitch_cir.chat.endpoint._wire import merge_system

__all__ = ["Capabilities"]

_BUDGETS = ("max_tokens", "max_completion_tokens")


class Capabilities:
    """Shapes requests so that an end point accepts them.

    Starts from the whole protocol and leaves out what the end point refused. Used by one thread at
    a time (the one of the event loop); reading :meth:`left_out` elsewhere is safe.
    """

    def __init__(self, *, left_out: Iterable[str] = ()) -> None:
        self._left_out = frozenset(left_out)
        self._budget: str | None = "max_tokens"
        self._least_tokens = 1
        self._merges_system = False
        self._streams = False

    @property
    def left_out(self) -> frozenset[str]:
        """Names of the parameters that are not sent."""
        return self._left_out

    def notes(self) -> tuple[str, ...]:
        """Return how requests differ from the sampling settings."""
        notes = [f"the end point does not take {name}" for name in sorted(self._left_out - {"n"})]
        if self._budget is None:
            notes.append("the end point does not take a limit on new tokens")
        if self._least_tokens > 1:
            notes.append(f"the end point takes no limit below {self._least_tokens} new tokens")
        if self._merges_system:
            notes.append("the end point takes no system message: it was put before the question")
        return tuple(notes)

    def body(
        self,
        model: str,
        wire: Sequence[dict[str, Any]],
        count: int,
        sampling: Sampling,
        first: int,
        *,
        without: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Build a request for the samples ``first`` … ``first + count − 1``.

        ``without`` names parameters left out on trial.
        """
        optional: dict[str, Any] = {
            "seed": sampling.seed + first,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if count > 1:
            optional["n"] = count
        if sampling.top_k:
            optional["top_k"] = sampling.top_k
        for name in self._left_out | without:
            optional.pop(name, None)
        if self._budget is not None:
            optional[self._budget] = max(sampling.max_tokens, self._least_tokens)
        if self._streams:
            optional["stream"] = True
        messages = merge_system(wire) if self._merges_system else list(wire)
        return {"model": model, "messages": messages, **optional}

    def remember(self, names: Iterable[str]) -> None:
        """Leave these parameters out from now on."""
        self._left_out |= frozenset(names)

    def learn(self, refusal: Refusal, body: Mapping[str, Any]) -> bool:
        """Learn from a refusal of ``body``; return whether another try is worthwhile."""
        if refusal.kind == "system" and not self._merges_system:
            self._merges_system = body["messages"][0]["role"] == "system"
            return self._merges_system
        if refusal.kind == "stream" and not self._streams:
            self._streams = True
            return True
        if refusal.kind != "other":
            return False
        named = {name for name in refusal.parameters if name in body}
        if {"temperature", "top_p"} <= named:
            named.discard("temperature")  # "specify only one of the two"
        sent = next((name for name in _BUDGETS if name in body), None)
        learned = False
        if sent is not None and set(_BUDGETS) & set(refusal.parameters):
            named -= set(_BUDGETS)
            self._learn_budget(refusal, sent, body[sent])
            learned = True
        self._left_out |= named
        return learned or bool(named)

    def _learn_budget(self, refusal: Refusal, sent: str, tokens: int) -> None:
        """Learn another name, or another least value, of the limit on new tokens."""
        least = refusal.least_tokens
        if least is not None and least > tokens:
            self._least_tokens = max(least, self._least_tokens)
        elif sent == self._budget:  # else a request beside this one has learned it already
            self._budget = "max_completion_tokens" if sent == "max_tokens" else None
