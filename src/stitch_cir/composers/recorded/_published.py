"""Compositions in the formats that others publish, converted to records and back.

LDRE and SEIZE publish one JSON list a data set; a query is an object such as ::

    {"id": 0, "reference_img_id": 281438, "relative_caption": "…", "blip2_caption": "…",
     "multi_caption_opt": ["…", …], "multi_gpt-3.5_opt": ["…", …]}

with captions of the reference under ``multi_caption_*`` and the rewritten ones under
``multi_gpt-*``. CIReVL keeps one of each (``blip2_caption``, ``gpt-3.5-turbo``). Keys of CIRCO,
CIRR and FashionIQ are understood alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stitch_cir.composers._protocol import Composition
from stitch_cir.composers._text import clean, unique
from stitch_cir.errors import RecordError

__all__ = ["published_records", "published_text"]

_REFERENCE = ("reference_img_id", "reference", "candidate", "reference_image", "ref")
_MODIFICATION = (
    "relative_caption",
    "modification",
    "instruction",
    "relative_captions",
    "captions",
    "caption",
)
_ID = ("id", "pairid", "query_id")
_TARGET_KEYS = re.compile(
    r"^(multi_)?(gpt|llm|qwen|llama|claude|gemini|edited|modified|target)", re.I
)
_REFERENCE_KEYS = re.compile(
    r"^(multi_caption|(multi_)?(blip|coca|opt|git)[\w.-]*caption|source_caption)"
)
_EXPECTED = (
    "Expected is a JSON list of queries, each with a reference (reference_img_id, reference or "
    "candidate), a modification (relative_caption or caption), and rewritten captions "
    "(multi_gpt-3.5_opt, gpt-3.5-turbo, …)."
)


def published_records(content: bytes, where: str) -> list[dict[str, Any]]:
    """Convert a published file to the data of records, one a query, in the file's order.

    Of several lists of rewritten captions the longest is used; the record's ``source`` names it.
    Raises ``RecordError`` naming the first query that cannot be understood.
    """
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where} is no JSON: {error}.", hint=_EXPECTED) from error
    if not isinstance(data, list) or not data:
        raise RecordError(f"{where} holds no list of queries.", hint=_EXPECTED)
    return [_record(entry, f"{where}, query {number}") for number, entry in enumerate(data)]


def _record(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise RecordError(f"{where} is no JSON object.", hint=_EXPECTED)
    reference = _first(entry, _REFERENCE)
    modification = _first(entry, _MODIFICATION)
    if isinstance(modification, list):
        # two captions of one FashionIQ query are joined (method §1)
        modification = " and ".join(str(part) for part in modification)
    targets = _lists(entry, _TARGET_KEYS)
    plain = max(_lists(entry, _REFERENCE_KEYS).values(), key=len, default=[])
    for name, value in (("reference", reference), ("modification", modification)):
        if value is None or isinstance(value, (Mapping, list)):
            raise RecordError(f"{where} has no {name}.", hint=_EXPECTED)
    if not targets:
        raise RecordError(f"{where} has no rewritten captions.", hint=_EXPECTED)
    key = max(targets, key=lambda name: len(targets[name]))
    record: dict[str, Any] = {
        "reference": str(reference),
        "modification": str(modification),
        "captions": targets[key],
        "reference_captions": plain,
        "source": {"published": key},
    }
    id = _first(entry, _ID)
    if isinstance(id, (str, int)):
        record["id"] = id
    return record


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((entry[name] for name in names if entry.get(name) not in (None, "")), None)


def _lists(entry: Mapping[str, Any], pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """Return the texts under every matching key, a single text as a list; repeats are dropped."""
    texts_by_key = {}
    for name, value in entry.items():
        if not pattern.match(name):
            continue
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(text, str) for text in values):
            texts = unique(text for text in values if clean(text))
            if texts:
                texts_by_key[name] = texts
    return texts_by_key


def published_text(records: Iterable[tuple[str | None, Any, Composition]]) -> str:
    """Write (reference, id, composition) as a list in LDRE's form, with its keys."""
    entries = []
    for number, (reference, id, composition) in enumerate(records):
        digits = reference is not None and reference.isdigit()
        entries.append(
            {
                "id": number if id is None else id,
                "reference_img_id": int(reference or 0) if digits else reference,
                "relative_caption": composition.modification,
                "multi_caption_opt": list(composition.reference_captions),
                "multi_gpt-3.5_opt": list(composition.texts),
            }
        )
    return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
