"""What users install: the built packages, by every way that docs/tutorial/photos.md shows.

Needs hatchling, pipx and uv, and a package index for what the wheel depends on (``make test-docs``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import stitch_cir
from tests.docs.blocks import ROOT, blocks_of
from tests.docs.scenes import folder_tutorial

TUTORIAL = ROOT / "docs" / "tutorial" / "photos.md"
README = ROOT / "README.md"
SHARED = (
    "share/man/man1/stitch.1",
    "share/bash-completion/completions/stitch",
    "share/zsh/site-functions/_stitch",
    "share/fish/vendor_completions.d/stitch.fish",
)


def run(*words: object, cwd: Path, **environment: object) -> str:
    """Run a program without what belongs to the tests; return what it prints."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env={**inherited, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and the wheel from that, as an index would."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", out, cwd=ROOT)
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    source = out / sdist.name.removesuffix(".tar.gz")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=source)
    return out


def test_the_packages_hold_what_they_should(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    version = stitch_cir.__version__
    assert wheel.name.startswith(f"stitch_cir-{version}-py3-none-any")
    assert all(f"stitch_cir-{version}.data/data/{path}" in names for path in SHARED)
    assert "stitch_cir/_commit.txt" in names
    assert "stitch_cir/server/static/index.html" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "demo/"))]


def test_the_version_is_written_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "version" in project["dynamic"]
    assert "version" not in project
    for file in ("CITATION.cff", "docs/citing.md"):
        versions = re.findall(
            r"^\s*version\s*[:=]\s*\{?([\d.]+)", (ROOT / file).read_text("utf-8"), flags=re.M
        )
        assert versions == [stitch_cir.__version__], file


def test_the_documented_lines_are_the_tested_ones() -> None:
    here = Path(__file__).relative_to(ROOT).as_posix()
    (block,) = (each for each in blocks_of(TUTORIAL) if each.what == here)
    lines = block.commands()
    assert [words[:3] for words in lines[:2]] == [
        ["pipx", "install", ".[server]"],
        ["uv", "tool", "install"],
    ]
    assert lines[2][:3] == ["python3", "-m", "venv"]
    (block,) = (each for each in blocks_of(README) if each.what == here)
    assert ["pip", "install", ".[server]"] in block.commands()


@pytest.fixture(params=["pip", "pipx", "uv"])
def program(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Install the wheel with its extra ``server`` where nothing is; return the command."""
    home = tmp_path_factory.mktemp(request.param)
    (wheel,) = built.glob("*.whl")
    what = f"{wheel}[server]"
    if request.param == "pip":
        run(sys.executable, "-m", "venv", home / "env", cwd=home)
        command = home / "env" / "bin" / "stitch"
        pip = [home / "env" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        run(*pip, "install", "--quiet", what, cwd=home)
    elif request.param == "pipx":
        folders = {"PIPX_HOME": home / "pipx", "PIPX_BIN_DIR": home / "bin"}
        folders["PIPX_MAN_DIR"] = home / "man"
        run(sys.executable, "-m", "pipx", "install", what, cwd=home, **folders)
        command = home / "bin" / "stitch"
        assert (home / "man" / "man1" / "stitch.1").exists()
    else:
        folders = {"UV_TOOL_DIR": home / "tools", "UV_TOOL_BIN_DIR": home / "bin"}
        uv = Path(sys.executable).parent / "uv"
        run(uv, "tool", "install", "--python", sys.executable, what, cwd=home, **folders)
        command = home / "bin" / "stitch"
    yield command
    shutil.rmtree(home)  # three installations of 350 MB


def test_the_tutorial_works_where_nothing_else_is_installed(program: Path, tmp_path: Path) -> None:
    version = run(program, "--version", cwd=tmp_path)
    assert re.fullmatch(
        rf"stitch {re.escape(stitch_cir.__version__)} \(commit [0-9a-f]{{12}}, Python [\d.]+\)\n",
        version,
    )
    folder_tutorial(tmp_path)
    ran = 0
    for block in blocks_of(TUTORIAL):
        for words in block.commands() if not block.how else ():
            run(program, *words[1:], cwd=tmp_path, HOME=tmp_path / "home")
            ran += 1
    assert ran >= 9
    assert (tmp_path / "why.png").stat().st_size > 10_000
    assert (tmp_path / "birds.html").is_file()
