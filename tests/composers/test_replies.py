"""Replies of reasoning models and of models that answer in JSON: the caption, or a mark."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import Chat, OpenAIChat, Reply, Sampling, ScriptedChat, visible
from stitch_cir.composers import ChatComposer, Reference, TwoStageComposer
from stitch_cir.composers.llm._replies import Rejected, read_caption
from stitch_cir.concepts import Concept
from stitch_cir.errors import QueryError
from tests.chat.fake_server import Handler, completion, serving

DRESS = "A red dress."
REFERENCE = Reference("a.png", Image.new("RGB", (32, 24), "red"), content="ab" * 32)
LABELS = ("Edited description", "Answer")


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("A red dress.", "A red dress."),
        ('  "A red dress."  ', "A red dress."),
        ("Edited description: A red dress.", "A red dress."),
        ("**Edited description:** a red dress", "a red dress"),
        ("Here is the edited description:\n\nA red dress.", "A red dress."),
        ("1. A red dress.\n2. A blue dress.", "A red dress."),
        ("- a red dress", "a red dress"),
        ("A red dress.\n\nInstruction: more", "A red dress."),
        ("<think>hmm, red?</think>A red dress.", "A red dress."),
        ("```\nA red dress.\n```", "A red dress."),
        ("A red\tdress\x07 here.", "A red dress here."),
        ("Ein rotes Kleid mit Ärmeln.", "Ein rotes Kleid mit Ärmeln."),
    ],
)
def test_a_caption_is_read_out_of_its_wrapping(text: str, caption: str) -> None:
    assert read_caption(Reply(text), LABELS, 60) == caption


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(None), "no text"),
        (Reply(""), "empty"),
        (Reply(" \n\t"), "empty"),
        (Reply("Answer:"), "empty"),
        (Reply("<think>endless"), "thought, no answer"),
        (Reply("I'm sorry, I can't help with that."), "refused"),
        (Reply("As an AI language model I have no eyes."), "refused"),
        (Reply("Please provide the image."), "refused"),
        (Reply("word " * 61), "too long"),
        (Reply("x" * 601), "too long"),
        (Reply("prose " * 200_000), "too long"),
        (Reply("... 12 !"), "no words"),
        (Reply("In red"), "repeats the modification"),
        (Reply("A dress that goes on and", "length"), "cut off"),
    ],
)
def test_what_is_no_caption_is_rejected_with_the_reason(reply: Any, reason: str) -> None:
    assert read_caption(reply, LABELS, 60, "in red.") == Rejected(reason)


def test_a_reply_cut_off_counts_up_to_its_last_whole_sentence() -> None:
    reply = Reply("A red dress. It has long", "length")
    assert read_caption(reply, LABELS, 60) == "A red dress."


@pytest.mark.parametrize(
    "text",
    [
        "Okay.\n</think>\n\nA red dress.",
        "Okay, try 3.\n</think>A red dress.",
        "<think>a<think>b</think>c</think>A red dress.",
        "<think>I might write <think> here</think>A red dress.",
        "<thinking>hm</thinking>\nA red dress.",
        "<reasoning>hm</reasoning>A red dress.",
        "<reflection>hm</reflection>A red dress.",
        '<thought type="x">hm</thought>A red dress.',
        "<seed:think>hm</seed:think>A red dress.",
        "<longcat_think>hm</longcat_think>A red dress.",
        "◁think▷hm◁/think▷A red dress.",
        "[THINK]hm[/THINK]A red dress.",
        "hm[/THINK]A red dress.",
        "<|begin_of_thought|>hm<|end_of_thought|><|begin_of_solution|>A red dress.<|end_of_solution|>",
        "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>A red dress.<|END_RESPONSE|>",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>A red dress.<|return|>",
        "<|channel|>final<|message|>A red dress.",
        "<|channel|>final <|constrain|>text<|message|>A red dress.",
        "analysisWe need one sentence.assistantfinalA red dress.",
        "<|channel>thought\nhm<channel|>A red dress.",
        "<unused94>thought\nhm<unused95>A red dress.",
        "<|begin_of_box|>A red dress.<|end_of_box|>",
        "<think>hm</think><|begin_of_box|>A red dress.<|end_of_box|>",
        "<think>I put it in <answer></answer>.</think><answer>A red dress.</answer>",
        "<think>hm <answer>A red dress.</answer>",
        "<caption>A red dress.</caption>",
        "hm\n[BEGIN FINAL RESPONSE]\nA red dress.\n[END FINAL RESPONSE]",
        "Here is my thought process:\nhm\n\nHere is my response:\nA red dress.",
        "A red dress. <think>Was that right?</think>",
        "<think>a</think>A red dress.<think>b</think>",
        "A red dress.<|im_end|>",
        "A red dress.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nThanks",
        "<|start_header_id|>assistant<|end_header_id|>\n\nA red dress.",
        "<|im_start|>assistant\nA red dress.<|im_end|>\n<|im_start|>user\nmore",
        "<s>A red dress.</s>",
        "A red dress.<end_of_turn>",
        "A red dress.<｜end▁of▁sentence｜>",
        '{"caption": "A red dress."}',
        '{"Caption": "A red dress.", "confidence": 0.9}',
        '{"edited_description": "A red dress.", "reasoning": "The user said red."}',
        '{"result": {"description": "A red dress."}}',
        '{"sentence": "A red dress."}',
        '["A red dress.", "A blue dress."]',
        '[{"caption": "A red dress."}]',
        '"A red dress."',
        '```json\n{"caption": "A red dress."}\n```',
        'Here is the JSON:\n```json\n{\n  "caption": "A red dress."\n}\n```',
        "```text\nA red dress.\n```",
        '{"caption": "A red dress.", "note": "broken',
        '<think>hm</think>{"caption": "A red dress."}',
    ],
)
def test_the_caption_is_read_out_of_every_family_of_replies(text: str) -> None:
    assert read_caption(Reply(text), LABELS, 60) == DRESS


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("<think>The user wants", "length"), "cut off"),
        (Reply("<think>The user wants"), "thought, no answer"),
        (Reply("<|channel|>analysis<|message|>We need", "length"), "cut off"),
        (Reply("analysisWe need a sentence. It is red.", "length"), "cut off"),
        (Reply("◁think▷Hm. A red dress.", "length"), "cut off"),
        (Reply("<think>I write <answer> and </answer>. Then", "length"), "cut off"),
        (Reply("<think>hm</think>", "length"), "cut off"),
        (Reply("<think>hm</think>"), "empty"),
        (Reply("Okay, the user wants the dress in red. A dress.", "length"), "cut off"),
        (Reply("Let me look at the picture first."), "thought, no answer"),
        (Reply("We need to produce a caption."), "thought, no answer"),
        (Reply(None, "length"), "cut off"),
        (Reply(None, "thought"), "thought, no answer"),
        (Reply(None, "refusal"), "refused"),
        (Reply(None, "content_filter"), "blocked by a content filter"),
        (Reply("A dre", "content_filter"), "blocked by a content filter"),
        (Reply('{"caption": "A red dr', "length"), "cut off"),
        (Reply('{"plan": "x", "steps": "y"}'), "JSON without a caption"),
        (Reply("[" * 50_000), "too long"),
        (Reply('{"reasoning": "The user wants red."}'), "JSON without a caption"),
    ],
)
def test_a_thought_without_an_answer_is_never_a_caption(reply: Any, reason: str) -> None:
    assert read_caption(reply, LABELS, 60) == Rejected(reason)


def test_words_that_resemble_marks_stay() -> None:
    for text in (
        "An [INST]alled lamp.",
        "A sign that reads “final answer”.",
        "Finally a red dress.",
        "A thinking man in bronze.",
        "Analysis of a painting on a desk.",
    ):
        assert visible(text).text or text.startswith("An [INST")
    assert read_caption(Reply("A thinking man in bronze."), (), 60) == "A thinking man in bronze."
    assert read_caption(Reply("Finally a red dress."), (), 60) == "Finally a red dress."


def reasoning(least: int) -> Any:
    """Think first: without enough tokens there is no content at all."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        data = completion(
            *(f"A red dress, take {body['seed'] + i}." for i in range(body.get("n", 1)))
        )
        if body["max_tokens"] < least:
            for choice in data["choices"]:
                choice["finish_reason"] = "length"
                choice["message"].update(
                    content=None, reasoning_content="Let me look first. It shows"
                )
        handler.send(200, data)

    return answer


def test_a_model_that_spends_its_tokens_on_thinking_gets_more() -> None:
    with serving(reasoning(400)) as server:
        chat = Chat(OpenAIChat("m", base_url=server.url))
        made = ChatComposer(chat).compose(REFERENCE, "in red", 3)
        assert made.notes[0] == "of 6 replies 6 could not be used: 6 cut off"
        assert "70 tokens" in made.notes[1]
        assert "--max-tokens" in made.notes[1]
        enough = ChatComposer(chat, sampling=Sampling(max_tokens=500)).compose(
            REFERENCE, "in red", 3
        )
    assert enough.texts[0] == "A red dress, take 0."
    assert enough.notes == ()


@pytest.mark.parametrize(
    ("message", "finish", "text", "marked"),
    [
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": DRESS},
                ]
            },
            "stop",
            DRESS,
            "stop",
        ),
        ({"content": [{"type": "text", "text": {"value": DRESS}}]}, "stop", DRESS, "stop"),
        ({"content": [{"type": "reasoning", "text": "hm"}]}, "stop", None, "stop"),
        ({"content": None, "reasoning": DRESS}, "stop", None, "thought"),
        ({"content": "", "reasoning_content": "hm"}, "stop", None, "thought"),
        ({"content": None, "refusal": "No."}, "stop", None, "refusal"),
        ({"content": None}, "MAX_TOKENS", None, "length"),
        ({"content": DRESS}, "model_length", DRESS, "length"),
        ({"content": None}, "SAFETY", None, "content_filter"),
        ({"content": DRESS}, None, DRESS, "stop"),
    ],
)
def test_contents_of_every_shape_become_replies(
    message: Any, finish: str | None, text: Any, marked: str
) -> None:
    data = completion("x")
    data["choices"][0] = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", **message},
    }
    with serving(lambda handler, _: handler.send(200, data)) as server:
        (reply,) = OpenAIChat("m", base_url=server.url).sample([], 1, Sampling(), 0)
    assert (reply.text, reply.finish) == (text, marked)


def test_half_thoughts_of_a_server_become_captions_and_nothing_of_the_thought() -> None:
    backend = ScriptedChat(
        lambda _, i: f"Okay, the user wants red, try {i}.\n</think>\n\nA red dress, take {i}."
    )
    made = ChatComposer(Chat(backend)).compose(REFERENCE, "in red", 3)
    assert made.texts == tuple(f"A red dress, take {i}." for i in range(3))
    assert "try" not in json.dumps(made.to_dict())


def test_a_query_without_image_names_the_composer_that_wrote_the_captions() -> None:
    chat = Chat(ScriptedChat([DRESS], model="eyes"))
    made = ChatComposer(chat).compose(None, "two dogs on a beach", 2)
    assert made.composer == made.settings["composer"] == "verbatim"
    assert made.settings["instead_of"] == "chat"
    assert "model" not in made.settings
    assert "no reference image" in made.notes[0]
    assert "chat (eyes) was not used" in made.notes[0]


def test_a_missing_caption_is_noted_or_named() -> None:
    eyes = Chat(ScriptedChat([Reply("<think>It shows", "length")], model="eyes"))
    hands = Chat(ScriptedChat([f"A red dress, take {i}." for i in range(9)]))
    composer = TwoStageComposer(hands, captioner=eyes)
    with pytest.raises(QueryError, match="captioner says nothing usable.*4 cut off.*--max-tokens"):
        composer.compose(REFERENCE, "in red", 2)
    recognised = Reference(
        "a.png", REFERENCE.image, (), (Concept("dress", "object", 0.8),), "ab" * 32
    )
    made = composer.compose(recognised, "in red", 2)
    assert made.notes[0] == "rewritten from what the encoder saw"
    assert "captioner: of 4 replies 4 could not be used: 4 cut off" in made.notes


def test_what_is_wrong_with_plain_captions_of_the_reference_is_noted() -> None:
    def script(messages: Any, number: Any) -> Any:
        plain = "Description:" in str(messages[-1].parts[-1])
        return Reply(None, "length") if plain else f"A red dress, take {number}."

    made = ChatComposer(Chat(ScriptedChat(script)), num_reference_captions=2).compose(
        REFERENCE, "in red", 2
    )
    assert made.reference_captions == ()
    assert any("plain captions of the reference: of 4 replies 4" in note for note in made.notes)
