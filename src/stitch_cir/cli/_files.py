"""Writing a command's output: checked before the work, whole or not at all, and reported."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir._hints import shell_word
from stitch_cir.cli._exit import printable
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from PIL import Image

    from stitch_cir.gallery import Gallery

__all__ = [
    "HTML_SUFFIXES",
    "IMAGE_SUFFIXES",
    "check_output",
    "inside_gallery",
    "make_folder_of",
    "notify",
    "open_in_browser",
    "refuse_inputs",
    "refuse_same",
    "save_image",
    "save_text",
    "temporary_file",
    "warn_if_indexed",
]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
HTML_SUFFIXES = (".html", ".htm")


def check_output(path: Path, endings: Collection[str] = ()) -> None:
    """Raise ``SettingError`` before any work for a file that could not be written after it."""
    if path.is_dir():
        raise SettingError(
            f"{path} is a folder.",
            hint=f"Name a file in it, such as {shell_word(path / 'out')}{next(iter(endings), '')}.",
        )
    if endings and path.suffix.lower() not in endings:
        allowed = [each for each in endings if each not in (".jpeg", ".htm")]
        raise SettingError(
            f"{path} has a suffix that cannot be written here.",
            hint=f"Name the file {', '.join(allowed[:-1])} or {allowed[-1]}.",
        )
    above = path.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise SettingError(
            f"{path} cannot be written: {above} is a file, not a folder.",
            hint="Choose a file in a folder.",
        )


def refuse_inputs(path: Path, gallery: Gallery, references: Iterable[str] | None) -> None:
    """Raise ``SettingError`` where writing would destroy an image of the gallery."""
    if not path.exists():
        return
    same = any(_same(path, reference) for reference in references or ())
    if same or gallery.resolve(path) is not None:
        raise SettingError(
            f"{path} is an image of this search, and would be overwritten.",
            hint="Choose another name for what is written.",
        )


def warn_if_indexed(path: Path, gallery: Gallery) -> str:
    """Return a note where the next ``stitch index`` would take a drawing for an image, else ""."""
    return inside_gallery(path, gallery) if path.suffix.lower() in IMAGE_SUFFIXES else ""


def inside_gallery(path: Path, gallery: Gallery) -> str:
    """Return a note where a path lies in the folder that is indexed, else ""."""
    root = gallery.root
    if root is None or not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        return ""
    return " (inside the gallery's folder: the next stitch index takes it for one of its images)"


def refuse_same(source: Path | None, target: Path | None) -> None:
    """Raise ``SettingError`` where a command would write over what it reads."""
    if source is not None and target is not None and _same(target, str(source)):
        raise SettingError(
            f"{target} is the file that is read, and would be overwritten.",
            hint="Choose another name for what is written.",
        )


def _same(path: Path, other: str | None) -> bool:
    try:
        return other is not None and path.samefile(other)
    except (OSError, ValueError):
        return False


def save_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; ``SettingError`` when that is impossible."""
    _save(path, text.encode("utf-8", "backslashreplace"))


def save_image(path: Path, image: Image.Image) -> None:
    """Write an image in the format of the file's ending; ``SettingError`` when impossible."""
    check_output(path, IMAGE_SUFFIXES)
    content = io.BytesIO()
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(path.suffix.lower(), "PNG")
    try:
        image.save(content, kind)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"{path} cannot hold {image.width} × {image.height} pixels: {error}.",
            hint="Choose .png or .html, or fewer hits (-k).",
        ) from error
    _save(path, content.getvalue())


def make_folder_of(path: Path) -> None:
    """Make the folder a file is to be written to, and report it; ``SettingError`` if impossible."""
    if path.parent.exists():
        return
    try:
        path.parent.mkdir(parents=True)
    except OSError as error:
        raise SettingError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}.",
            hint="Choose a file in a folder that can be written.",
        ) from error
    notify(f"made the folder {path.parent}")


def _save(path: Path, content: bytes) -> None:
    make_folder_of(path)
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file():  # a pipe or a device
            target.write_bytes(content)
            return
        part = target.with_name(f".{target.name[:80]}.{os.getpid()}.part")
        try:
            part.write_bytes(content)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Choose a file in a folder that can be written.",
        ) from error


def notify(text: str) -> None:
    """Write a line to stderr, where it mixes with no answer."""
    from stitch_cir.cli._output import console

    console(err=True).print(printable(text), soft_wrap=True)


def temporary_file(name: str) -> Path:
    """Return a path in a new temporary folder, which stays until the system clears it."""
    return Path(tempfile.mkdtemp(prefix="stitch-")) / name


def open_in_browser(path: Path) -> None:
    """Show a file with the program that shows web pages here."""
    import webbrowser

    try:
        shown = webbrowser.open(path.resolve().as_uri())
    except (OSError, webbrowser.Error):
        shown = False
    if not shown:
        notify(f"no program here can show it; open {path.resolve()} yourself")
