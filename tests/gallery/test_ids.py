"""Ids behave as the tuple of texts that they hold, and patterns match them as shells match names."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stitch_cir.gallery import Ids

LETTERS = st.text("aAbé*?[]!-/.\0\n", max_size=6)


@settings(deadline=None)
@given(st.lists(LETTERS, max_size=12, unique=True))
def test_ids_are_a_sequence_of_texts(texts: list[str]) -> None:
    texts = sorted(texts)
    ids = Ids.of(texts)
    assert list(ids) == texts
    assert [ids[row] for row in range(len(ids))] == texts
    assert list(ids[1:3]) == texts[1:3]
    assert [ids.row_of(text) for text in texts] == list(range(len(texts)))
    assert ids == Ids.of(texts)
    assert ids != Ids.of([*texts, "~"])
    assert ids.row_of("b?b") == (texts.index("b?b") if "b?b" in texts else None)


@settings(deadline=None)
@given(st.lists(LETTERS, max_size=12), st.one_of(LETTERS, st.sampled_from(["*", "*a*", "a*b", ""])))
def test_a_pattern_matches_what_a_shell_would_match(texts: list[str], pattern: str) -> None:
    folded = pattern.lower()
    expected = [text.lower() == folded or fnmatchcase(text.lower(), folded) for text in texts]
    assert Ids.of(texts).matching(pattern).tolist() == expected


def test_ids_of_any_spelling_match() -> None:
    ids = Ids.of(["Cafe\u0301/1.png", "caf\u00e9/2.PNG", "cafe/3.png", "x\udcff.png"])
    assert ids.matching("CAF\u00c9/*").tolist() == [True, True, False, False]
    assert ids.matching("*.png").all()
    assert list(ids)[3] == "x\udcff.png"


def test_no_pattern_matches_across_two_ids() -> None:
    assert not Ids.of(["a", "b"]).matching("*\0b*").any()
    assert Ids.of(["a\0b", "b"]).matching("*\0b*").tolist() == [True, False]


def test_written_ids_are_mapped_and_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    ids = Ids.of(["", "a", "b/ä.png"])
    ids.write(tmp_path)
    assert Ids.map(tmp_path) == ids
    np.array([0, 1, 4], "<i8").tofile(tmp_path / "id_ends")
    with pytest.raises(ValueError, match="bound no ids"):
        Ids.map(tmp_path)
