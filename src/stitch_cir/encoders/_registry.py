"""Encoders by name: built-in ones, the catalogue's, any model's files, and other packages'."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from stitch_cir._hints import did_you_mean
from stitch_cir.encoders._hash import HashEncoder
from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.encoders.mini import MiniEncoder
from stitch_cir.encoders.store import catalogue, is_installed, model_dir
from stitch_cir.encoders.store._catalogue import NAME
from stitch_cir.errors import ModelError, SettingError, StitchError
from stitch_cir.plugins import ENCODERS

__all__ = ["encoder_names", "load_encoder", "load_mini", "load_test"]

BACK_ENDS = ("onnx", "transformers", "open_clip", "sentence-transformers")


def load_mini() -> MiniEncoder:
    """Return the built-in encoder; its models are opened when first needed."""
    return MiniEncoder()


def load_test() -> HashEncoder:
    """Return the deterministic encoder for tests."""
    return HashEncoder()


def encoder_names() -> tuple[str, ...]:
    """Return the names of all encoders that can be loaded here without a path."""
    pulled: tuple[str, ...] = ()
    with suppress(StitchError):  # without a folder of models none was pulled
        pulled = tuple(name for name in catalogue() if is_installed(name))
    return tuple(sorted({*ENCODERS.names(), *pulled}))


def load_encoder(
    name: str, *, device: str | None = None, precision: str | None = None
) -> DualEncoder:
    """Load an encoder by name.

    Parameters
    ----------
    name:
        ``mini``; ``mini:HEAD.npz``, with a head fitted on your own images; ``mini-1``, its earlier
        edition; a catalogue name such as ``ViT-L-14``; a folder of model files; or a back end and
        a place: ``onnx:FOLDER-or-hub-id``, ``transformers:FOLDER-or-hub-id``,
        ``open_clip:MODEL/PRETRAINED``, ``sentence-transformers:FOLDER-or-hub-id``; or the address
        of a server of embeddings, ``http://HOST/v1#MODEL``. ``@bf16`` at the end chooses the
        precision and stays part of the encoder's name, so that a gallery opens the same model
        again.
    device:
        ``cpu``, ``cuda`` or ``cuda:N``; by default ``$STITCH_DEVICE``, else what the back end
        finds. It does not shape the vectors and is not recorded.
    precision:
        ``fp32`` (default) or ``bf16`` (transformers and open_clip).

    Raises
    ------
    SettingError
        There is no such name, device or precision.
    ModelError
        A file is missing or damaged; the message names it and the command that gets it.
    """
    base, suffix = _split_precision(name)
    precision = precision or suffix
    if base == "mini-1" or base.startswith("mini:"):
        _refuse_precision(base, precision)
        _refuse_device(base, device)
        return _load_mini_edition(base)
    if base in ENCODERS.built_in:  # without reading every installed package's metadata
        return _plugged_in(base, device, precision)
    if base.startswith(("http:", "https:")):
        from stitch_cir.encoders.composed import load_remote

        _refuse_precision(base, precision)
        _refuse_device(base, device)
        return load_remote(base)
    device = device or os.environ.get("STITCH_DEVICE") or None
    backend, _, source = base.partition(":")
    if backend in BACK_ENDS and source:
        return _load(backend, source, device, precision)
    if base in catalogue():
        return _load_named(base, device, precision)
    if base in ENCODERS.names():
        return _plugged_in(base, device, precision)
    if Path(base).is_dir():
        return _load(_backend_of(Path(base), device, precision), base, device, precision)
    raise SettingError(
        f"There is no encoder {name!r}.",
        hint=did_you_mean(name, (*encoder_names(), *catalogue()))
        + f"Encoders here: {', '.join(encoder_names())}. Others: a folder of model files, "
        "onnx:…, transformers:…, open_clip:MODEL/PRETRAINED, sentence-transformers:…, "
        "http://HOST/v1#MODEL, or one of `stitch models`.",
    )


def _load_mini_edition(name: str) -> MiniEncoder:
    if name == "mini-1":
        from stitch_cir.encoders.mini import FirstMiniEncoder

        return FirstMiniEncoder()
    head = name.partition(":")[2]
    if not head:
        raise SettingError(
            "mini: needs the file of a head.",
            hint="Write mini:HEAD.npz, or mini for the shipped head.",
        )
    return MiniEncoder(Path(head))


def _plugged_in(name: str, device: str | None, precision: str | None) -> DualEncoder:
    """Make an encoder of the registry; device and precision go to one that has these options."""
    taken = ENCODERS.options(name)
    options: dict[str, str] = {}
    if "precision" not in taken:
        _refuse_precision(name, precision)
    elif precision is not None:
        options["precision"] = precision
    if "device" not in taken:
        _refuse_device(name, device)
    elif device is not None:
        options["device"] = device
    encoder: DualEncoder = ENCODERS.make(name, **options)
    return encoder


def _split_precision(name: str) -> tuple[str, str | None]:
    base, mark, precision = name.rpartition("@")
    return (base, precision) if mark and precision in ("fp32", "bf16") else (name, None)


def _refuse_precision(name: str, precision: str | None) -> None:
    if precision not in (None, "fp32"):
        raise SettingError(
            f"The encoder {name} has one precision only.", hint="Leave --precision out."
        )


def _refuse_device(name: str, device: str | None) -> None:
    """Refuse a GPU for an encoder that runs on the CPU; ``$STITCH_DEVICE`` means those that can."""
    if device in (None, "cpu", os.environ.get("STITCH_DEVICE")):
        return
    raise SettingError(
        f"The encoder {name} runs on the CPU only, not on {device!r}.",
        hint="Leave --device out, or choose a model that a GPU runs: stitch models.",
    )


def _load(backend: str, source: str, device: str | None, precision: str | None) -> DualEncoder:
    if backend == "open_clip":
        from stitch_cir.encoders.clip import load_open_clip

        return load_open_clip(source, device=device, precision=precision)
    if backend == "onnx":
        from stitch_cir.encoders.clip import load_onnx

        return load_onnx(source, device=device, precision=precision)
    if backend == "sentence-transformers":
        from stitch_cir.encoders.composed import load_sentence_transformers

        return load_sentence_transformers(source, device=device, precision=precision)
    from stitch_cir.encoders.clip import load_transformers

    return load_transformers(source, device=device, precision=precision)


def _load_named(name: str, device: str | None, precision: str | None) -> DualEncoder:
    entry, folder = catalogue()[name], model_dir(name)
    if not is_installed(name):
        raise ModelError(
            f"The model {name} is not on this machine: there is no {folder / NAME}.",
            hint=f"Get it from {entry.source}: stitch models pull {name}",
        )
    if entry.backend == "onnx":
        from stitch_cir.encoders.clip import load_onnx

        return load_onnx(str(folder), device=device, precision=precision, name=name)
    from stitch_cir.encoders.clip import load_transformers

    return load_transformers(str(folder), device=device, precision=precision, name=name)


def _backend_of(folder: Path, device: str | None, precision: str | None) -> str:
    """ONNX where the folder has towers; torch where it also has a checkpoint and that was meant."""
    from stitch_cir.encoders.clip import has_towers

    torch_meant = precision == "bf16" or (device or "cpu") != "cpu"
    checkpoint = any(folder.glob("*.safetensors")) or any(folder.glob("pytorch_model*.bin"))
    if has_towers(folder) and not (torch_meant and checkpoint):
        return "onnx"
    return "transformers"
