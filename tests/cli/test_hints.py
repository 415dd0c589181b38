"""Install commands that work from where this installation came, and quoted arguments."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from stitch_cir import _hints as hints

ROOT = Path(__file__).parents[2]


class Installed:
    def __init__(self, record: object) -> None:
        self.record = record

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        if self.record is None or isinstance(self.record, str):
            return self.record
        return json.dumps(self.record)


@pytest.mark.parametrize(
    ("record", "command"),
    [
        (None, "pip install 'stitch-cir[mcp]'"),
        ("not json", "pip install 'stitch-cir[mcp]'"),
        (
            {"url": "file:///tmp/stitch_cir-0.1.0-py3-none-any.whl", "archive_info": {}},
            "pip install 'stitch-cir[mcp] @ file:///tmp/stitch_cir-0.1.0-py3-none-any.whl'",
        ),
        (
            {
                "url": "https://example.org/stitch.git",
                "vcs_info": {"vcs": "git", "commit_id": "abc"},
            },
            "pip install 'stitch-cir[mcp] @ git+https://example.org/stitch.git@abc'",
        ),
        ({"url": ROOT.as_uri(), "dir_info": {"editable": True}}, f"pip install '{ROOT}[mcp]'"),
        ({"url": ROOT.as_uri(), "dir_info": {}}, f"pip install '{ROOT}[mcp]'"),
    ],
)
def test_the_command_fits_the_installation(
    record: object, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(record))
    assert hints.install_command("mcp") == command


def test_a_clone_installed_and_then_imported_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = {"url": (tmp_path / "my clone").as_uri(), "dir_info": {}}
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(record))
    monkeypatch.setattr(hints, "__file__", str(tmp_path / "lib" / "stitch_cir" / "_hints.py"))
    assert hints.install_command("mcp") == f"pip install '{tmp_path}/my clone[mcp]'"


def test_a_source_folder_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)
    assert hints.install_command("server") == f"pip install '{ROOT}[server]'"


@pytest.mark.parametrize(
    ("mark", "command"),
    [
        ("pipx_metadata.json", "pipx install --force"),
        ("uv-receipt.toml", "uv tool install --force"),
    ],
)
def test_tools_with_isolated_environments(
    mark: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / mark).write_text("")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert hints.install_command("mcp").startswith(command)


def test_no_text_names_a_package_index() -> None:
    pages = [*ROOT.glob("src/stitch_cir/**/*.py"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]
    for page in pages:
        matches = re.findall(r"pip install ['\"]stitch-cir", page.read_text(encoding="utf-8"))
        assert not matches, page


def test_similar_paths(tmp_path: Path) -> None:
    (tmp_path / "photos" / "dress").mkdir(parents=True)
    (tmp_path / "photos" / "dress" / "1.jpg").write_text("x")
    right = tmp_path / "photos" / "dress" / "1.jpg"
    assert hints.similar_path(tmp_path / "fotos" / "dress" / "1.jpg") == right
    assert hints.similar_path(tmp_path / "photos" / "dres" / "1.jpg") == right
    assert hints.similar_path(tmp_path / "Photos" / "dress" / "1.jpg") in (right, None)
    assert hints.similar_path(right) is None
    assert hints.similar_path(tmp_path / "nothing alike") is None
    assert hints.similar_path("a\0b") is None
    assert hints.similar_path("") is None


def test_words_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hints.shell_word("in red") == "'in red'"
    assert hints.shell_word("it's") == "'it'\"'\"'s'"
    monkeypatch.setattr(hints, "_WINDOWS", True)
    assert hints.shell_word(r"C:\Users\me\My photos") == r'"C:\Users\me\My photos"'
    assert hints.shell_word(r"C:\photos") == r"C:\photos"
