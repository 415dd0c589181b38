"""``--config``: the options of ``stitch bench run`` from a file that has a manifest's form.

A recorded ``manifest.json`` is such a file, and so is one written by hand, in JSON or YAML, with
any of the sections ``benchmark``, ``encoder``, ``recipe``, ``composer``, ``settings``, ``depth``
and ``options``. What a manifest records beside them (counts, figures, versions, …) is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from stitch_cir._hints import did_you_mean
from stitch_cir._schema import DECLARED
from stitch_cir.cli._exit import guard
from stitch_cir.errors import NotFoundError, RecordError, SettingError

__all__ = ["apply_config"]

_RECORDED = frozenset(
    "format key composed gallery variants counts written_by notes usage seconds created finished "
    "versions machine".split()
)
"""Sections of a manifest that say what came of a run, not what it was to be."""
_HINT = "docs/evaluation.md describes the file; the manifest.json of any run is one."


def apply_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options that are not written on the command line from a file (``--config``)."""
    if path is not None:
        with guard(as_json="--json" in context.args):
            written = dict(_options(_read(path), path))
            offered = {parameter.name for parameter in context.command.params}
            for name in written:
                if name not in offered:
                    raise SettingError(
                        f"{path} sets {name}, which stitch bench run does not have.", hint=_HINT
                    )
            context.default_map = {**(context.default_map or {}), **written}
    return path


def _read(path: Path) -> Mapping[str, Any]:
    """Read JSON or YAML. Raises ``NotFoundError`` and ``RecordError``."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{path} is no text in UTF-8.", hint=_HINT) from error
    try:
        # YAML reads 1e-6 as text, which JSON writes for a number
        data = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        where = " ".join(str(error).split())
        raise RecordError(f"{path} is neither JSON nor YAML: {where}.", hint=_HINT) from error
    if not isinstance(data, dict):
        raise RecordError(f"{path} holds no sections with options.", hint=_HINT)
    return data


def _options(data: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name of a parameter and its value for everything that the file sets."""
    for section, content in data.items():
        if section in _RECORDED:
            continue
        if section == "depth":
            yield "depth", content
            continue
        read = _SECTIONS.get(section)
        if read is None:
            raise SettingError(
                f"{path} has a section {section!r}.",
                hint=did_you_mean(section, [*_SECTIONS, "depth"]) or _HINT,
            )
        if isinstance(content, str) and section in _NAMES:
            content = {_NAMES[section]: content}
        if not isinstance(content, dict):
            raise SettingError(
                f"{path}: the section {section!r} holds no options but {content!r}.", hint=_HINT
            )
        for name, value in read(content):
            if value is not None:
                yield name, value


def _benchmark(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    facts = ("protocol", "sources", "queries", "queries_sha256")
    yield from _renamed("benchmark", content, {"name": "dataset", "root": "root", "split": "split"},
                        ("sample", "subset", *facts))  # fmt: skip
    sample = content.get("sample")
    if sample:
        yield from _renamed("benchmark.sample", sample, {"count": "sample", "seed": "sample_seed"})
    subset = content.get("subset")
    if subset:
        names = {"name": "subset", "file": "subset_file"}
        yield from _renamed("benchmark.subset", subset, names, ("queries", "sha256"))


def _encoder(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    names = {"name": "encoder", "device": "device", "precision": "precision"}
    yield from _renamed("encoder", content, names, ("weights_tag", "fingerprint"))


def _recipe(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    from stitch_cir.views import ViewRecipe

    default = ViewRecipe().to_dict()
    for name in ("scale", "ratio"):
        if name in content and list(content[name]) != default[name]:
            raise SettingError(
                f"recipe.{name} is {content[name]}, which stitch bench run cannot set.",
                hint=f"It cuts views with {name} {default[name]}.",
            )
    names = {"kind": "view_kind", "count": "views", "seed": "view_seed"}
    yield from _renamed("recipe", content, names, ("scale", "ratio"))


def _composer(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    names = ("model", "captioner", "prompt", "recorded", "base_url")
    sampling = content.get("sampling") or {}
    yield "composer", content.get("composer")
    for name in names:
        value = content.get(name)
        yield name, value.get("model") if isinstance(value, dict) else value
    options = dict.fromkeys(("temperature", "top_p", "top_k", "max_tokens", "seed"))
    yield from _renamed("composer.sampling", sampling, dict(zip(options, options, strict=True)),
                        tuple(name for name in sampling if name not in options))  # fmt: skip


def _settings(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    from stitch_cir.cli._setting_options import RUNNING

    offered = {setting.name for setting in RUNNING}
    for name, value in content.items():
        declared = DECLARED.get(name)
        if declared is None:
            raise SettingError(
                f"There is no setting {name!r}.",
                hint=did_you_mean(name, sorted(offered)) or "stitch bench run --help lists them.",
            )
        if name in offered:
            # where single values differ, the preset that they were taken from is not known any more
            if name != "preset" or value != "custom":
                yield name, _option_value(value)
        elif value not in (None, declared.default, [], ()):
            raise SettingError(
                f"settings.{name} is {value!r}, which a benchmark does not have.",
                hint="Leave it out.",
            )


def _option_value(value: Any) -> Any:
    if isinstance(value, dict):
        return [f"{name}={json.dumps(each)}" for name, each in value.items()]
    return value


def _method(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "method", content.get("name")


def _invocation(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from content.items()


def _renamed(
    where: str,
    content: Mapping[str, Any],
    names: Mapping[str, str],
    facts: tuple[str, ...] = (),
) -> Iterator[tuple[str, Any]]:
    """Yield the values of known names by those of the parameters; ``facts`` are left out."""
    for name, value in content.items():
        if name in names:
            yield names[name], value
        elif name not in facts:
            raise SettingError(
                f"{where} has no {name!r}.", hint=did_you_mean(name, list(names)) or _HINT
            )


_SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[tuple[str, Any]]]] = {
    "benchmark": _benchmark,
    "encoder": _encoder,
    "recipe": _recipe,
    "composer": _composer,
    "settings": _settings,
    "control_settings": _settings,
    "method": _method,
    "options": _invocation,
}
_NAMES = {"benchmark": "name", "encoder": "name", "composer": "composer", "method": "name"}
