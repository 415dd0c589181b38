"""The contracts of composers and rerankers."""

from __future__ import annotations

import math

from PIL import Image

from stitch_cir.composers import (
    Composer,
    Composition,
    Conversation,
    ConversationalComposer,
    CostEstimator,
    Reference,
    UsesModel,
    UsesReferenceImage,
)
from stitch_cir.concepts import Concept
from stitch_cir.errors import QueryError
from stitch_cir.plugins import COMPOSERS, RERANKERS
from stitch_cir.reranker import Candidate, Checklist, JointReranker, Reranker
from stitch_cir.testing._contract import ContractError, require, require_plug_in, require_settings

__all__ = ["check_composer", "check_reranker"]

MODIFICATION = "in blue instead of red"


def _reference() -> Reference:
    return Reference(
        "dress.jpg",
        Image.new("RGB", (64, 64), (220, 30, 30)),
        ("a red dress on a hanger",),
        (Concept("dress", "object", 0.8), Concept("red", "colour", 0.9)),
        "0" * 64,
    )


def check_composer(
    composer: Composer,
    *,
    reference: Reference | None = None,
    modification: str = MODIFICATION,
    count: int = 3,
) -> Composition:
    """Check a composer by a query of ``count`` captions, and return its composition.

    ``reference`` is an image of a red dress by default, with a caption and concepts; composers that
    know few queries, such as recorded ones, need another. Raises ``ContractError`` naming the rule
    that is broken.
    """
    require_plug_in(COMPOSERS, composer)
    require_settings(composer.settings())
    described = reference or _reference()
    made = composer.compose(described, modification, count)
    require(isinstance(made, Composition), f"compose returns a Composition, not {made!r}")
    require(
        1 <= len(made.captions) <= count,
        f"compose returns 1 to {count} captions, not {len(made.captions)}",
    )
    require(all(text.strip() for text in made.texts), "no caption is blank")
    require(len(set(made.texts)) == len(made.texts), "all captions differ")
    require(
        all(math.isfinite(each.weight) and each.weight > 0 for each in made.captions),
        "every caption has a finite weight above 0",
    )
    require(made.modification == modification, "a composition keeps the modification")
    require(made.composer == composer.name, "a composition holds its composer's name")
    require_settings(made.settings)
    require(
        Composition.from_dict(made.to_dict()) == made, "a composition is the same after to_dict"
    )
    try:
        composer.compose(None, " ", count)
    except QueryError:
        pass
    else:
        raise ContractError("compose raises QueryError without a reference and a modification")
    if isinstance(composer, ConversationalComposer):
        _check_conversation(composer, described, modification, count)
    if isinstance(composer, UsesReferenceImage):
        require(composer.required_image_side >= 0, "required_image_side is at least 0")
    if isinstance(composer, UsesModel):
        waits = composer.waits_for_model(with_reference=True)
        require(isinstance(waits, bool), f"waits_for_model returns a bool, not {waits!r}")
    if isinstance(composer, CostEstimator):
        estimate = composer.estimate(described, modification, count)
        require(estimate.queries == 1, "estimate counts one query")
    return made


def _check_conversation(
    composer: ConversationalComposer, reference: Reference, modification: str, count: int
) -> None:
    """Check a composer by two references and two turns, unless it knows few queries."""
    conversation = Conversation((reference, reference), (modification, "at night"))
    try:
        made = composer.compose_conversation(conversation, count)
    except QueryError:
        return
    require(
        1 <= len(made.captions) <= count,
        f"compose_conversation returns 1 to {count} captions, not {len(made.captions)}",
    )
    require(len(set(made.texts)) == len(made.texts), "all captions of a conversation differ")
    require(
        made.modification == conversation.modification,
        "a composition keeps the modification of its conversation",
    )


def check_reranker(reranker: Reranker) -> None:
    """Check a reranker by three candidates. Raises ``ContractError`` naming the broken rule."""
    require_plug_in(RERANKERS, reranker)
    require_settings(reranker.settings())
    candidates = [
        Candidate(f"{name}.jpg", Image.new("RGB", (64, 64), colour), (f"a {name} dress",))
        for name, colour in (("blue", (40, 80, 210)), ("red", (220, 30, 30)), ("white", (250,) * 3))
    ]
    verdicts = reranker.judge(candidates[1], MODIFICATION, candidates)
    require(
        [each.id for each in verdicts] == [each.id for each in candidates],
        "judge returns one verdict for each candidate, in their order",
    )
    require(all(0 <= each.yes <= 1 for each in verdicts), "yes lies between 0 and 1")
    require(reranker.judge(candidates[1], MODIFICATION, []) == [], "no candidates, no verdicts")
    if isinstance(reranker, JointReranker):
        _check_judging_together(reranker, candidates)
    notes = reranker.notes()
    require(
        isinstance(notes, tuple) and all(isinstance(note, str) for note in notes),
        f"notes() returns a tuple of texts, not {notes!r}",
    )


def _check_judging_together(reranker: JointReranker, candidates: list[Candidate]) -> None:
    for mode in ("list", "grid"):
        judgement = reranker.judge_together(
            candidates[1], MODIFICATION, candidates, Checklist(avoid=("stripes",)), mode=mode
        )
        require(
            [each.id for each in judgement.verdicts] == [each.id for each in candidates],
            "judge_together returns one verdict for each candidate, in their order",
        )
        share = judgement.disagreement
        require(share is None or 0 <= share <= 1, "disagreement lies between 0 and 1")
