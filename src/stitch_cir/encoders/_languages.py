"""Which texts an encoder can read: by their script, and with an extra by their language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, runtime_checkable

from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.errors import QueryError

__all__ = ["KnowsLanguages", "check_readable", "detect_language", "language_notes"]

MULTILINGUAL = "SigLIP2-base-hf"
"""The model of the catalogue that notes recommend for other languages."""
LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""Languages that are told apart: fewer candidates make short texts more certain."""
_ENGLISH = re.compile(
    r"\b(?:the|with|without|instead|of|and|but|same|this|like|make|add|remove|change|replace|show|more|"
    r"is|are|it|red|green|blue|yellow|black|white|pink|brown|grey|gray|purple)\b",
    re.I,
)
"""Words that make a text English: short texts have too few letters for statistics, and opening the
model of languages takes as long as half a search from the command line."""


@runtime_checkable
class KnowsLanguages(Protocol):
    """An encoder that was trained on texts of few languages, and says which."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages, e.g. ``("en",)``."""
        ...


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, ``""`` where it is uncertain.

    Short texts are uncertain, and a wrong guess is worse than none. Without the extra
    ``languages`` every answer is ``""``.
    """
    if _ENGLISH.search(text):
        return "en"
    identifier = _identifier()
    if identifier is None or not _letters(text):
        return ""
    ranked = dict(identifier.rank(text))
    code = max(ranked, key=lambda each: ranked[each])
    least = {1: 0.8, 2: 0.5}.get(len(text.split()), 0.3) if text.isascii() else 0.3
    sure = ranked[code] >= least and (code == "en" or ranked[code] >= 2 * ranked["en"])
    return code if sure else ""


def check_readable(encoder: DualEncoder, texts: Sequence[str]) -> None:
    """Raise ``QueryError`` when an encoder of Latin script can read none of the texts.

    A text can be read where at least half of its letters are Latin, or it has a digit; one of
    emoji alone cannot. Encoders that do not say their languages are taken to read everything.
    """
    if not isinstance(encoder, KnowsLanguages) or any(map(_is_latin, texts)):
        return
    text = texts[0] if texts else ""
    raise QueryError(
        f"{encoder.name} reads {_listed(encoder.languages)}, and nothing of {text[:60]!r}.",
        hint="Write the text in English, or index with an encoder of many languages: "
        f"stitch models pull {MULTILINGUAL}.",
    )


def language_notes(encoder: DualEncoder, text: str) -> tuple[str, ...]:
    """Return a note where a text is in a language that the encoder was not trained on."""
    if not isinstance(encoder, KnowsLanguages) or not text:
        return ()
    code = detect_language(text)
    if not _is_latin(text):
        what = LANGUAGES.get(code, "another script") if _letters(text) else "signs alone"
    elif code and code not in encoder.languages:
        what = LANGUAGES[code]
    else:
        return ()
    return (
        f"The text looks like {what} and is used as written; {encoder.name} was trained on "
        f"{_listed(encoder.languages)}. Of many languages: stitch models pull {MULTILINGUAL}.",
    )


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(LANGUAGES.get(code, code) for code in codes)


def _letters(text: str) -> list[str]:
    return [character for character in text if character.isalpha()]


def _is_latin(text: str) -> bool:
    letters = _letters(text)
    latin = sum(unicodedata.name(each, "").startswith("LATIN") for each in letters)
    return 2 * latin >= len(letters) if letters else any(map(str.isdigit, text))


@cache
def _identifier() -> Any:
    """Return py3langid's model, or None without the extra; opened once, it takes 90 MB."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
