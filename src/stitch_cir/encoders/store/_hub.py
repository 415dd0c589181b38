"""Fetching models from a hub: resumed, checked against the hub's checksums, recorded."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stitch_cir._hints import install_command
from stitch_cir.encoders.store._catalogue import catalogue, model_dir, models_folder
from stitch_cir.encoders.store._digests import file_sha256
from stitch_cir.encoders.store._model_file import ModelFile
from stitch_cir.errors import ModelError, SettingError

__all__ = ["PulledModel", "pull_model"]

_SMALL = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "added_tokens.json",
)
_LOCAL = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)
"""Faults of this machine's disk; the rest are the connection's."""
_ONNX = ("onnx/text_model.onnx*", "onnx/vision_model.onnx*")
_SAFE = ("model*.safetensors", "model.safetensors.index.json")
_BIN = ("pytorch_model*.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True, slots=True)
class PulledModel:
    """What was fetched: the model's name, its folder, the files with their bytes, the commit."""

    name: str
    folder: Path
    files: dict[str, int]
    commit: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "files": self.files,
            "size": self.size,
            "commit": self.commit,
        }


def pull_model(name: str, *, quiet: bool = False) -> PulledModel:
    """Fetch a model: a catalogue name, a hub id, ``onnx:ID``, or ``open_clip:MODEL/TAG``.

    What was interrupted is resumed. Every file is compared with the hub's checksum; the record
    ``stitch-model.json`` is written last, so that a model is there wholly or not at all. The hub is
    ``$STITCH_MODEL_HUB``, else ``$HF_ENDPOINT``, else huggingface.co.

    Raises
    ------
    SettingError
        The name is none of these.
    ModelError
        The hub cannot be reached or has no such model, or a file's checksum differs.
    """
    if name.startswith("open_clip:"):
        return _pull_open_clip(name.removeprefix("open_clip:"))
    entry = catalogue().get(name)
    if entry is not None:
        return _pull(name, entry.source, entry.backend, entry.weights_tag, quiet=quiet)
    backend, _, id = name.rpartition(":")
    if backend not in ("", "onnx", "transformers") or id.count("/") != 1 or id.startswith("."):
        raise SettingError(
            f"There is no model {name!r} to fetch.",
            hint="`stitch models list` shows the known ones; others by hub id (owner/name), "
            "onnx:owner/name, or open_clip:MODEL/TAG.",
        )
    return _pull(id, id, backend, id, quiet=quiet)


def _pull(name: str, id: str, backend: str, tag: str, *, quiet: bool) -> PulledModel:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    endpoint = os.environ.get("STITCH_MODEL_HUB") or None
    (disable_progress_bars if quiet else enable_progress_bars)()
    with _reaching(id, endpoint):
        info = HfApi(endpoint=endpoint).model_info(id, files_metadata=True)
    siblings = {file.rfilename: file for file in info.siblings or []}
    chosen = _choose(id, list(siblings), backend)
    folder = model_dir(name)
    digests, sizes = {}, {}
    for file in chosen:
        with _reaching(id, endpoint):
            got = Path(
                hf_hub_download(id, file, local_dir=folder, revision=info.sha, endpoint=endpoint)
            )
        _compare(got, siblings[file])
        digests[file], sizes[file] = file_sha256(got), got.stat().st_size
    commit = str(info.sha)
    source = f"{endpoint or os.environ.get('HF_ENDPOINT') or 'https://huggingface.co'}/{id}"
    record = ModelFile(
        name=name, weights_tag=tag, source=source, files=digests, made={"commit": commit}
    )
    with _reaching(id, endpoint):
        record.write(folder)
    return PulledModel(name, folder, sizes, commit)


def _choose(id: str, names: Sequence[str], backend: str) -> list[str]:
    """Choose the files that the back end reads; of several forms of weights, one."""

    def matching(*patterns: str) -> list[str]:
        return [
            name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
        ]

    small = [name for name in names if name in _SMALL]
    towers, weights = matching(*_ONNX), matching(*_SAFE) or matching(*_BIN)
    if backend == "onnx" or (not backend and towers and not weights):
        if len({name.split(".")[0] for name in towers}) < 2:
            raise ModelError(
                f"The hub's {id} has no {_ONNX[0].rstrip('*')} and {_ONNX[1].rstrip('*')}.",
                hint="Fetch a checkpoint and make towers: stitch models export SPEC FOLDER",
            )
        weights = towers
    if not weights or "config.json" not in small:
        raise ModelError(
            f"The hub's {id} has no config.json with weights in transformers' format.",
            hint="open_clip's own format: stitch models pull open_clip:MODEL/TAG",
        )
    return [*small, *weights]


def _compare(file: Path, sibling: Any) -> None:
    """Compare a file with the hub's SHA-256, or for small files with git's own hash of it."""
    lfs = getattr(sibling, "lfs", None)
    if lfs is not None:
        expected, actual = lfs["sha256"], file_sha256(file, fresh=True)
    elif getattr(sibling, "blob_id", None):
        content = file.read_bytes()
        expected = sibling.blob_id
        actual = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    else:
        return
    if expected != actual:
        file.unlink()
        raise ModelError(
            f"The fetched file {file} has the checksum {actual[:12]}…, the hub says "
            f"{str(expected)[:12]}…; it was removed.",
            hint="Fetch again; if it stays so, something between here and the hub alters files.",
        )


@contextmanager
def _reaching(id: str, endpoint: str | None) -> Iterator[None]:
    """Turn whatever the hub's client raises into one ``ModelError``."""
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ModelError(
            f"The model {id} is given out only after its terms are accepted.",
            hint=f"Accept them on https://huggingface.co/{id}, then set HF_TOKEN.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"The hub has no model {id}.", hint="`stitch models list` shows the known ones."
        ) from error
    except OfflineModeIsEnabled as error:
        raise ModelError(
            f"The model {id} cannot be fetched: HF_HUB_OFFLINE forbids it.",
            hint="Unset HF_HUB_OFFLINE, or copy a folder by hand and name it as --encoder.",
        ) from error
    except OSError as error:
        if error.errno not in _LOCAL:
            raise _unreachable(id, endpoint, error) from error
        where = error.filename or str(models_folder())
        raise ModelError(
            f"The model {id} cannot be written to {where}: {os.strerror(error.errno or 0)}.",
            hint="Make room, or set STITCH_HOME to a folder that can be written; the "
            "same command then resumes where it stopped.",
        ) from error
    except Exception as error:  # connection errors of whichever HTTP library the client uses
        raise _unreachable(id, endpoint, error) from error


def _unreachable(id: str, endpoint: str | None, error: Exception) -> ModelError:
    where = endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    said = " ".join(str(error).split())[:200]
    return ModelError(
        f"The model {id} cannot be fetched from {where}: {said or type(error).__name__}",
        hint="Check the connection and run the command again: it resumes where it stopped. "
        "STITCH_MODEL_HUB names another hub; a folder copied by hand works as --encoder too.",
    )


def _pull_open_clip(spec: str) -> PulledModel:
    """Let open_clip fetch its weights into its own cache; it compares the checksums it knows."""
    model, _, tag = spec.partition("/")
    try:
        import open_clip
    except ImportError as error:
        raise ModelError(
            f"open_clip is not installed: {error}.",
            hint=f"Install the extra: {install_command('open-clip')}",
        ) from error
    config = open_clip.get_pretrained_cfg(model, tag)
    if not config:
        raise SettingError(
            f"open_clip has no weights {tag!r} for {model!r}.",
            hint=f"Tags: {', '.join(open_clip.list_pretrained_tags_by_model(model)) or 'none'}.",
        )
    with _reaching(str(config.get("hf_hub") or config.get("url")), None):
        file = Path(open_clip.download_pretrained(config))
    return PulledModel(f"open_clip:{spec}", file.parent, {file.name: file.stat().st_size}, "")
