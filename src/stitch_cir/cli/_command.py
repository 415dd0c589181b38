"""The application's classes: grouped help, and usage errors that say what to write instead."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from stitch_cir._hints import shell_word
from stitch_cir._schema import SETTINGS
from stitch_cir.cli._exit import EPILOG, EXIT_INTERRUPTED, printable, show_error
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._usage import UsageError, explain, refuse_unusable
from stitch_cir.errors import SettingError

__all__ = ["Application"]

_METAVARS = {
    "str": "TEXT",
    "int": "N",
    "integer": "N",
    "float": "NUMBER",
    "path": "PATH",
}
_MODELS = tuple(field.name for field in fields(ModelOptions))
_PART = (
    "include",
    "exclude",
    "where",
    "group_by",
    "group_size",
    "facet",
    "include_reference",
    "min_score",
    "shortlist",
    "measure_recall",
    "candidates",
    "candidate_option",
    "negative",
    "negative_weight",
)
_JUDGING = ("rerank", "reranker", "rerank_model", "rerank_weight", "rerank_samples", "verify_mode")
_SCORING = tuple(
    setting.name for setting in SETTINGS if setting.name not in ("k", "partial", *_PART, *_JUDGING)
)
_ASKING: dict[str, tuple[str, ...]] = {
    "Several references and turns": ("reference_weight", "turn"),
    "What becomes of the hits": ("copy_to", "link_to", "format", "null", "offset", "cursor"),
    "Which images take part": _PART,
    "How captions are written and images scored": (
        "object",
        *_SCORING,
        "encoder",
        "composed",
        "precision",
    ),
    "A second opinion": _JUDGING,
    "A dataset that a cluster searches": (
        "shards",
        "replicas",
        "shard_cache",
        "shard_gpus",
        "partial",
        "storage_option",
    ),
    "Limits": (
        "max_upload_mb",
        "max_upload_megapixels",
        "rate",
        "threads",
        "queue",
        "deadline",
        "model_threads",
        "model_deadline",
        "grace",
    ),
    "Models that write or judge": _MODELS,
}
_INDEXING: dict[str, tuple[str, ...]] = {
    "What makes the vectors": ("encoder", "device", "precision", "views", "view_kind", "seed"),
    "What is left out, and what is kept of images that vanished": (
        "exclude",
        "default_excludes",
        "keep_days",
        "change_times",
        "allow_missing",
        "forget",
        "restore_removed",
    ),
    "What images say of themselves": ("metadata", "captions_from_metadata"),
    "The images of a feed": ("images", "fetch_images"),
    "Time and memory": ("workers", "memory", "max_megapixels"),
}
"""Headings of long help pages, below which rarely used options stand; the others come first."""
_LONG = 16
"""Options from which on a help page has headings."""


class Application(typer.Typer):
    """A typer application, every command and group of which helps and fails in the same way."""

    def __init__(self, **options: Any) -> None:
        """Take the options of ``typer.Typer``."""
        # brackets and line breaks of help texts stay what they are
        super().__init__(**{"cls": _Group, "rich_markup_mode": None, **options})

    def command(  # type: ignore[override]
        self, name: str | None = None, **options: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a command; all of them end with the table of exit codes."""
        return super().command(name, **{"cls": _Command, "epilog": EPILOG, **options})


class _Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse arguments; a mistake is explained by what was written."""
        written = list(args)
        try:
            if not ctx.resilient_parsing:
                refuse_unusable(self, ctx, written)
            return super().parse_args(ctx, args)
        except UsageError as error:
            explain(error, self, ctx, written)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, common options, then the others below their headings."""
        _write_options(self, ctx, formatter)

    def get_help(self, ctx: Any) -> str:
        """Return the help page in letters that stdout has."""
        return _encodable(super().get_help(ctx))


class _Group(TyperGroup):
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the group's options and its commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write every command with its whole first paragraph."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                first = (command.help or "").strip().partition("\n\n")[0]
                rows.append((name, " ".join(first.split())))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def get_help(self, ctx: Any) -> str:
        """Return the help page in letters that stdout has."""
        return _encodable(super().get_help(ctx))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit; every failure is one message and an exit code."""
        written = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except UsageError as error:
            code = _show_usage_error(error, as_json="--json" in _before_dashes(written))
        except (typer.Abort, KeyboardInterrupt):
            code = EXIT_INTERRUPTED
        if code == EXIT_INTERRUPTED:
            typer.echo("interrupted; what was finished is kept", err=True)
        sys.exit(code if isinstance(code, int) else 0)


def _before_dashes(written: Sequence[str]) -> Sequence[str]:
    return written[: written.index("--")] if "--" in written else written


def _show_usage_error(error: Any, *, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    hint = getattr(error, "hint", "") or _folder_first(error)
    if context is not None and not hint:
        path = context.command_path
        pieces = " ".join(context.command.collect_usage_pieces(context))
        usage = re.sub(r"\{(\w+)\}", r"\1", pieces)
        hint = f"Usage: {path} {usage} (all options: {path} --help)"
    message = printable(error.format_message())
    show_error(
        SettingError(message[:1].upper() + message[1:], hint=hint),
        as_json=as_json,
        kind="UsageError",
    )
    return int(error.exit_code)


def _folder_first(error: Any) -> str:
    """Return what to write where a folder stands in the place of a command, or ""."""
    name = re.match(r"No such command '([^']+)'", error.message)
    if name is None or not Path(name[1]).is_dir():
        return ""
    return f"The command comes first: stitch search {shell_word(name[1])} TEXT"


def _write_options(command: Any, ctx: Any, formatter: Any) -> None:
    arguments: list[tuple[str, str]] = []
    common: list[tuple[str, str]] = []
    parameters = command.get_params(ctx)
    headings = _INDEXING if any(each.name == "folder" for each in parameters) else _ASKING
    sections: dict[str, list[tuple[str, str]]] = {title: [] for title in headings}
    by_name = {name: title for title, names in headings.items() for name in names}
    for parameter in parameters:
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        line = (_readable_metavar(record[0]), _readable_default(record[1]))
        if parameter.param_type_name == "argument":
            arguments.append(line)
        elif len(parameters) < _LONG or parameter.name not in by_name:
            common.append(line)
        else:
            sections[by_name[parameter.name]].append(line)
    for title, lines in {"Arguments": arguments, "Options": common, **sections}.items():
        if lines:
            with formatter.section(title):
                formatter.write_dl(lines)


def _readable_metavar(names: str) -> str:
    """Return ``-c, --caption TEXT`` for ``-c, --caption <list[str]>``."""
    return re.sub(
        r" <(?:list\[)?(\w+)\]?>",
        lambda match: f" {_METAVARS.get(match[1], match[1].upper())}",
        re.sub(r"^(\S+) <\w+>$", r"\1", names) if not names.startswith("-") else names,
    )


def _readable_default(text: str) -> str:
    """Return a help text that names its default once, as ``[0]``."""
    text = re.sub(r"(\[[^\]]+\])\s+\[default: [^\]]*\]", r"\1", text)
    return text.replace("\\[", "[").replace("[default: ", "[")


def _encodable(text: str) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    handler = getattr(sys.stdout, "errors", None) or "replace"
    try:
        return text.encode(encoding, handler).decode(encoding)
    except (LookupError, UnicodeError):
        return text
