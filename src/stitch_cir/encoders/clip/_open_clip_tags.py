"""What goes with a checkpoint of open_clip beside its weights: activation and preparation.

open_clip applies both to weights that it fetches by a *tag*; for a file it takes the defaults of
the model, which are those of other weights for a third of its tags. So they are looked up here
and passed with the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stitch_cir.encoders.store import file_sha256
from stitch_cir.errors import ModelError

__all__ = ["CheckpointSettings", "settings_of_file", "settings_of_tag"]

_PREPARATION = ("mean", "std", "interpolation", "resize_mode", "fill_color")
_DIGEST = re.compile(r"-([0-9a-f]{8})\.\w+$|/([0-9a-f]{64})/[^/]+$")


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """Activation and preparation of one checkpoint.

    ``quick_gelu`` is whether it was trained with that activation, ``preparation`` what of mean,
    deviation, interpolation and resize mode differs from open_clip's defaults or equals them;
    ``note`` says what is not certain.
    """

    quick_gelu: bool = False
    preparation: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def settings_of_tag(open_clip: Any, model: str, tag: str) -> CheckpointSettings:
    """Return what a tag that open_clip knows says; the model's own activation stays if quick."""
    config = open_clip.get_pretrained_cfg(model, tag)
    plain = bool(open_clip.get_model_config(model).get("quick_gelu", False))
    return CheckpointSettings(
        plain or bool(config.get("quick_gelu", False)),
        {name: config[name] for name in _PREPARATION if config.get(name) is not None},
    )


def settings_of_file(
    open_clip: Any, model: str, file: Path, tag: str | None = None
) -> CheckpointSettings:
    """Return what goes with a file of weights.

    ``tag`` names it. Without one, a tag of the model is recognised by the file's checksum or name,
    else ``open_clip_config.json`` beside the file is read, else what all tags of the model agree
    on is taken; where they do not agree, the model's defaults, with a note. Raises ``ModelError``
    for a tag that the model does not have, and a configuration that cannot be understood.
    """
    tags: list[str] = list(open_clip.list_pretrained_tags_by_model(model))
    if tag is not None:
        if not open_clip.get_pretrained_cfg(model, tag):
            raise ModelError(
                f"open_clip has no weights {tag!r} for {model}.",
                hint=f"Tags it knows: {', '.join(tags) or 'none'}.",
            )
        return settings_of_tag(open_clip, model, tag)
    configs = {name: open_clip.get_pretrained_cfg(model, name) for name in tags}
    for name, config in configs.items():
        if _is_file_of(config, file):
            return settings_of_tag(open_clip, model, name)
    beside = file.parent / "open_clip_config.json"
    if beside.is_file():
        return _beside(beside)
    default = CheckpointSettings(bool(open_clip.get_model_config(model).get("quick_gelu", False)))
    candidates = [settings_of_tag(open_clip, model, name) for name in tags]
    if not candidates:
        return default
    if all(_same(candidate, candidates[0]) for candidate in candidates):
        return candidates[0]
    return CheckpointSettings(
        default.quick_gelu,
        default.preparation,
        f"{file.name} was read with the default activation and preparation of {model}, which not "
        f"all of its published weights share. If it is one of them, name it: "
        f"open_clip:{model}/TAG={file} with a TAG of {', '.join(tags)}.",
    )


def _is_file_of(config: Mapping[str, Any], file: Path) -> bool:
    """Return whether a file is what a tag's address names, by checksum, or by name without one."""
    url = str(config.get("url") or "")
    digest = _DIGEST.search(url)
    if digest:
        expected = digest[1] or digest[2]
        return file.is_file() and file_sha256(file).startswith(expected)
    return bool(url) and file.name == url.rpartition("/")[2]


def _beside(config: Path) -> CheckpointSettings:
    """Read what open_clip writes beside weights that it uploads to a hub."""
    try:
        data = json.loads(config.read_text(encoding="utf-8"))
        preparation = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in dict(data.get("preprocess_cfg") or {}).items()
            if name in _PREPARATION and value is not None
        }
        return CheckpointSettings(
            bool(dict(data["model_cfg"]).get("quick_gelu", False)), preparation
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{config} cannot be understood: {error!r}.",
            hint="Mend it, or name the weights: open_clip:MODEL/TAG=FILE.",
        ) from error


def _same(a: CheckpointSettings, b: CheckpointSettings) -> bool:
    return (a.quick_gelu, dict(a.preparation)) == (b.quick_gelu, dict(b.preparation))
