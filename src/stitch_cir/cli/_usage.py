"""What a mistaken command line probably meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import typer

from stitch_cir._hints import shell_word

__all__ = ["UsageError", "explain", "refuse_unusable"]

# typer carries click inside from 0.20 on; both have the class that this one derives from
UsageError = cast(type[Exception], typer.BadParameter.__bases__[0])

_IMAGE_SUFFIXES = ".jpg .jpeg .jpe .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split()

_MAY_BE_EMPTY = (None, "TEXT", "PATTERN")
"""What is no path, name or address: an empty text asks for none, an empty pattern clears."""

_LONG_DASHES = ("–", "—", "−")
_CURLY = ("“", "”", "„", "‘", "’", "«", "»")


def refuse_unusable(command: Any, ctx: Any, written: list[str]) -> None:
    """Raise a usage error for a value that is empty, or is no text in this locale.

    An unset variable of the shell makes an empty argument, and an empty path is the current
    folder: ``stitch index "$PHOTOS"`` would index whatever folder one stands in.
    """
    values, _ = _parsed(command, ctx, written)
    for parameter in command.get_params(ctx):
        name = parameter.name
        value = values.get(name)
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if not isinstance(each, str):
                continue
            shown = parameter.opts[-1] if parameter.opts[0].startswith("-") else parameter.metavar
            if not each and parameter.metavar not in _MAY_BE_EMPTY:
                _refuse(ctx, f"{shown} is empty.", "Is a variable of the shell not set?")
            if parameter.metavar not in _MAY_BE_EMPTY and _misquoted(each):
                _refuse(ctx, f"{shown} is {each!r}.", _misquoted(each))
            if name in ("text", "caption") and any("\ud800" <= c <= "\udfff" for c in each):
                _refuse(
                    ctx,
                    f"{shown} holds bytes that are no text in this locale: {each!a}.",
                    "Type it in a terminal that is set to UTF-8 (see: locale).",
                )


def _misquoted(value: str) -> str:
    """Return what is wrong with a name that the shell did not read as it was meant, else ""."""
    if value.startswith("~") and not Path(value.split("/")[0]).exists():
        home = Path(value).expanduser()
        return f"The shell replaces ~ only at the start of a word, unquoted: {shell_word(home)}"
    if value.endswith('"') and not Path(value).exists():
        return "Leave out the backslash before the closing quote."
    return ""


def explain(error: Exception, command: Any, ctx: Any, written: list[str]) -> None:
    """Set ``error.hint``, and where it is clear what was meant also its message."""
    text = getattr(error, "message", "") or ""
    example: tuple[str, str] | None = None
    if text.startswith("Got unexpected extra argument"):
        example = _too_many(command, ctx, written)
    elif type(error).__name__ == "NoSuchOption":
        example = _unknown_option(error, command, ctx, written)
    elif isinstance(error, typer.BadParameter):
        comma = re.search(r"(?<![\w,])(-?\d+),(\d+)(?![\w,])", " ".join(written))
        if comma:
            example = (text, f"Write {comma[1]}.{comma[2]}, with a point.")
    if example is not None:
        error.message, error.hint = example  # type: ignore[attr-defined]


def _refuse(ctx: Any, message: str, hint: str) -> None:
    error = cast(Any, UsageError)(message, ctx)
    error.hint = hint
    raise error


def _parsed(command: Any, ctx: Any, written: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return raw values by parameter name, and the arguments that are left over."""
    values, left, _ = command.make_parser(ctx).parse_args(args=list(written))
    return {_name(key): value for key, value in values.items()}, [str(each) for each in left]


def _name(key: Any) -> str:
    return str(getattr(key, "name", key))


def _too_many(command: Any, ctx: Any, written: list[str]) -> tuple[str, str]:
    values, extra = _parsed(command, ctx, written)
    arguments = [p.name for p in command.get_params(ctx) if p.param_type_name == "argument"]
    texts = [values[name] for name in arguments if isinstance(values.get(name), str)]
    whole = " ".join([*texts, *extra])
    if "text" not in arguments:
        if Path(whole).exists():
            return (
                f"The name {whole!r} is several arguments to the shell.",
                f"Put it in quotes: {ctx.command_path} {shell_word(whole)}",
            )
        return (
            f"There are {len(extra)} arguments too many: {' '.join(extra)}.",
            f"{ctx.command_path} takes {len(arguments)}; a name with spaces goes in quotes.",
        )
    dashed = next((word for word in extra if word[:1] in _LONG_DASHES), None)
    if dashed is not None:
        name = dashed.lstrip("".join(_LONG_DASHES))
        option = f"-{name}" if len(name) == 1 else f"--{name}"
        return f"{dashed!r} begins with a long dash.", f"Options begin with hyphens: {option}"
    before = texts[: arguments.index("text")]
    words = [*texts[arguments.index("text") :], *extra]
    options = _without(written, [*texts, *extra])
    start = [ctx.command_path, *map(shell_word, before)]
    end = [shell_word(each) for each in options]
    images = [word for word in words if _is_image(word)]
    reference = values.get("reference")
    if reference and images and all(map(_is_image, extra)):
        named = reference if isinstance(reference, str) else reference[-1]
        return (
            f"-r takes one image, but {len(images) + 1} were given: the shell has put all "
            "names that fit in the place of a pattern.",
            f"Name one: {' '.join(start)} -r {shell_word(named)}; or write -r before each of them.",
        )
    if len(images) == 1 and not reference:
        text = " ".join(word for word in words if word not in images)
        line = [*start, *([shell_word(text)] if text else []), "-r", shell_word(images[0]), *end]
        return (
            f"{images[0]!r} looks like the image to start from.",
            f"Give it with -r: {' '.join(line)}",
        )
    text = " ".join(words)
    curly = text[:1] in _CURLY and text[-1:] in _CURLY
    line = [*start, shell_word(text[1:-1] if curly else text), *end]
    if curly:
        return (
            f"The quotes in {text} are typographic, and mean nothing to the shell.",
            f"Put the text in straight quotes: {' '.join(line)}",
        )
    return ("The text is several arguments to the shell.", f"Put it in quotes: {' '.join(line)}")


def _unknown_option(
    error: Any, command: Any, ctx: Any, written: list[str]
) -> tuple[str, str] | None:
    close: Sequence[str] = error.possibilities or ()
    if close:
        error.possibilities = None  # else typer repeats them in the message
        return f"There is no option {error.option_name}.", f"Did you mean {close[0]}?"
    texts = [p for p in command.get_params(ctx) if p.metavar == "TEXT" and p.opts[0][:1] != "-"]
    name = error.option_name
    for each in written:
        if texts and each.startswith(name) and (" " in each or not each.startswith("--")):
            if not re.match(r"-{1,2}\w", each):
                continue
            others = " ".join(shell_word(other) for other in written if other != each)
            return (
                f"{each!r} begins like an option.",
                f"A text that begins with - comes last, behind --: {ctx.command_path} {others} -- "
                f"{shell_word(each)}",
            )
    return None


def _without(written: list[str], positional: list[str]) -> list[str]:
    """Return what was written less the positional arguments, each once."""
    left = list(written)
    for each in positional:
        if each in left:
            left.remove(each)
    return left


def _is_image(word: str) -> bool:
    return Path(word).suffix.lower() in _IMAGE_SUFFIXES
