"""Prompts as data: the shipped ones, one's own, and files that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import ImagePart, load_prompt, numbered, prompt_names
from stitch_cir.errors import NotFoundError, SettingError

IMAGE = ImagePart.of(Image.new("RGB", (8, 8), "red"))
PROMPT = """
name = "own-1"
kind = "rewrite"
about = "Ours."
query = "{caption} -> {modification}"
"""


def test_every_shipped_prompt_can_be_filled_in_and_ends_with_the_query() -> None:
    assert set(prompt_names()) >= {"edit-1", "fashion-1", "caption-1", "rewrite-1", "rerank-1"}
    fields: dict[str, Any] = {
        "caption": "CAPTION",
        "modification": "CHANGE",
        "image": IMAGE,
        "captions": "CAPTIONS",
        "instructions": "1. CHANGE",
        "images": numbered([IMAGE, IMAGE]),
    }
    fields |= {"checklist": "- must show", "candidates": "1. A", "count": "1", "sheet": IMAGE}
    for name in prompt_names():
        prompt = load_prompt(name)
        candidate = IMAGE if prompt.kind == "rerank" else "CANDIDATE"
        messages = prompt.messages(**fields, candidate=candidate)
        assert messages[-1].role == "user"
        text = "".join(part for part in messages[-1].parts if isinstance(part, str))
        assert "{" not in text
        assert ("CHANGE" in text) == (prompt.kind not in ("caption", "describe"))
        shows = prompt.kind in (
            "edit",
            "caption",
            "describe",
            "rerank",
            "conversation",
            "roles",
            "rank",
            "rank-grid",
        )
        assert (IMAGE in messages[-1].parts) == shows
        assert len(prompt.digest) == 64
        assert prompt.preview()[-1]["role"] == "user"


def test_the_one_stage_prompt_is_one_message_with_images_between_the_words() -> None:
    (message,) = load_prompt("edit-1").messages(image=IMAGE, modification="in red")
    kinds = [isinstance(part, ImagePart) for part in message.parts]
    assert kinds == [False, True, False, True, False, True, False]
    assert message.parts[-1] == "\nInstruction: in red\nEdited description:"
    part = message.parts[1]
    assert isinstance(part, ImagePart)
    assert part.image is not None
    assert part.image.size == (192, 192)


def test_examples_as_turns_alternate() -> None:
    messages = load_prompt("rewrite-1").messages(caption="a dog", modification="a cat instead")
    assert [m.role for m in messages] == ["system"] + ["user", "assistant"] * 3 + ["user"]


def test_what_a_user_writes_is_never_read_as_a_template() -> None:
    text = "{caption} {image} {0} %s {{x}}"
    messages = load_prompt("rewrite-2").messages(caption="a dog", modification=text)
    assert text in str(messages[-1].parts[0])


def test_a_custom_prompt(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(PROMPT)
    prompt = load_prompt(str(path), "rewrite")
    assert prompt.messages(caption="a", modification="b")[0].parts == ("a -> b",)
    before = prompt.digest
    path.write_text(PROMPT.replace("->", "=>"))
    assert load_prompt(str(path)).digest != before


def test_a_prompts_images_lie_beside_it_and_count_in_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "p"\nkind = "edit"\nabout = "x"\nexample = "{image} {answer}"\n'
        'query = "{image} {modification}"\n[[examples]]\nimage = "e.png"\nanswer = "yes"\n'
    )
    with pytest.raises(NotFoundError, match=r"names the image .*e\.png"):
        load_prompt(str(path))
    Image.new("RGB", (9, 9), "blue").save(tmp_path / "e.png")
    blue = load_prompt(str(path)).digest
    Image.new("RGB", (9, 9), "red").save(tmp_path / "e.png")
    assert load_prompt(str(path)).digest != blue
    path.write_text(path.read_text().replace('"e.png"', '""'))
    with pytest.raises(NotFoundError, match="names the image"):
        load_prompt(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name = [", "no TOML"),
        (PROMPT.replace('about = "Ours."', ""), "about"),
        (PROMPT.replace("rewrite", "sonnet"), "kind"),
        (PROMPT.replace("{caption}", "{image}"), "the query uses"),
        (PROMPT + "spam = 1", "spam"),
        (PROMPT + 'turns = true\n[[examples]]\ncaption = "a"', "example 1 lacks"),
    ],
)
def test_files_that_are_no_prompt_are_refused_with_the_reason(
    tmp_path: Path, content: Any, message: str
) -> None:
    (tmp_path / "p.toml").write_text(content)
    with pytest.raises(SettingError, match=message):
        load_prompt(str(tmp_path / "p.toml"))


def test_unknown_names_and_wrong_kinds_are_refused_with_what_there_is() -> None:
    with pytest.raises(NotFoundError) as caught:
        load_prompt("no-such")
    assert "edit-1" in caught.value.hint
    for name in ("../edit-1", "/etc/passwd", "x/y.toml"):
        with pytest.raises(NotFoundError):
            load_prompt(name)
    with pytest.raises(SettingError, match="of kind 'rewrite'") as kind:
        load_prompt("rewrite-1", "edit")
    assert "edit-1" in kind.value.hint
