"""What ``stitch info`` shows: the facts of a gallery as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stitch_cir.cli._exit import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show_info"]


def show_info(facts: dict[str, Any], out: Console) -> None:
    """Print the facts of ``Gallery.info()``, one a line; JSON has them all, and in full."""
    lines = _lines(facts)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        out.print(f"{name:<{width}}  {printable(value)}", soft_wrap=True)


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("gallery", facts["directory"]),
        ("folder", facts["root"] or "none: the gallery has captions only"),
        ("images", f"{facts['images']:,}, {facts['distinct_images']:,} distinct images"),
        ("complete", _complete(facts)),
    ]
    if facts["captioned"]:
        lines.append(("captions", _captions(facts)))
    if facts["attributes"]:
        lines.append(("attributes", _attributes(facts)))
    if facts["skipped"]:
        lines.append(("skipped", _count(facts["skipped"], "file", "that cannot be used")))
    if facts["vanished"]:
        vanished = _count(facts["vanished"], "image", "gone or left out since")
        lines.append(("vanished", f"{vanished}; vectors and captions are kept"))
    if facts["root"]:
        lines += [
            ("left out", _exclusions(facts)),
            ("kept", f"{facts['keep_days']:g} days after a file has gone"),
        ]
    lines += [
        (
            "encoder",
            f"{facts['encoder']} ({facts['weights_tag']}), {facts['dim']} dimensions, "
            f"fingerprint {facts['fingerprint'][:12]}…",
        ),
        ("views", _views(facts["recipe"])),
        ("made", f"{facts['created']} by stitch {facts['stitch_version']}"),
        ("changes", f"{facts['generation']:,} commits"),
    ]
    return lines


def _complete(facts: dict[str, Any]) -> str:
    if facts["complete"] is None:
        return "not recorded; stitch index will tell"
    if facts["complete"]:
        return "yes"
    waiting = facts["waiting"]
    if waiting == 0:
        return "no: the last run did not come to its end; run stitch index again"
    count = "some" if waiting is None else f"{waiting:,}"
    return f"no: {count} files wait to be indexed; run stitch index again"


def _count(number: int, noun: str, rest: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'} {rest}"


def _captions(facts: dict[str, Any]) -> str:
    file = (facts["captions"] or {}).get("file")
    sources = [f"from {file}"] if file else []
    if facts["captions_from_metadata"]:
        sources.append("from what images say")
    for each in facts["written_captions"]:
        times = "" if each["weight"] == 1 else f", each {each['weight']} times"
        sources.append(f"of {each['items']:,} by {each['model']}{times}")
    return ", ".join([f"of {facts['captioned']:,} images", *sources])


def _attributes(facts: dict[str, Any]) -> str:
    return " · ".join(
        f"{each['name']} ({each['kind']}, {each['items']:,})" for each in facts["attributes"]
    )


def _exclusions(facts: dict[str, Any]) -> str:
    parts = list(facts["exclude"])
    if facts["default_excludes"]:
        parts.append("files of other programs (@eaDir, #recycle, .nomedia, …)")
    return " · ".join(parts) or "nothing but hidden files"


def _views(recipe: dict[str, Any]) -> str:
    shown = f"{recipe['count']} an image, {recipe['kind']}"
    if recipe["kind"] != "random":
        return shown
    rest = (f"{name} {recipe[name]}" for name in ("seed", "scale", "ratio") if name in recipe)
    return f"{shown} ({', '.join(rest)})"
