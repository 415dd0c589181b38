"""What of the container can be checked without an engine: files, commands, entry point, compose file."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.command import command_tree

ROOT = Path(__file__).parent.parent
ENTRY = ROOT / "docker" / "entrypoint.sh"


def instructions(file: str = "Dockerfile") -> list[tuple[str, str]]:
    """Read a Dockerfile: (instruction, arguments), continued lines joined."""
    text = (ROOT / file).read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [
        (line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()
    ]


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = [part for name, rest in instructions() if name == "COPY" for part in rest.split()[:-1]]
    assert {"pyproject.toml", "src", "docker/entrypoint.sh"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in kept, path
    # all that the build back end reads is there
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {project["readme"], *project["license-files"]} <= set(copied)


def test_it_installs_an_extra_that_exists_and_leaves_root() -> None:
    steps = instructions()
    (install,) = [rest for name, rest in steps if name == "RUN" and "pip install" in rest]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extra,) = re.findall(r"\.\[(\w+)\]", install)
    assert extra in project["optional-dependencies"]
    names = [name for name, _ in steps]
    assert names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert dict(steps)["USER"] not in ("root", "0")
    (image,) = [rest for name, rest in steps if name == "FROM"]
    version = tuple(map(int, re.findall(r"python:(\d+)\.(\d+)-slim", image)[0]))
    assert version >= tuple(map(int, re.findall(r"(\d+)\.(\d+)", project["requires-python"])[0]))
    (entry,) = json.loads(dict(steps)["ENTRYPOINT"])
    assert any(rest.endswith(f" {entry}") for name, rest in steps if name == "COPY")
    assert os.access(ENTRY, os.X_OK)


def test_the_port_is_published_on_this_machine_only() -> None:
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))[
        "services"
    ].values()
    exposed = dict(instructions())["EXPOSE"]
    assert service["ports"] == [f"127.0.0.1:{exposed}:{exposed}"]
    folder, gallery = service["volumes"]
    assert folder.endswith(":/photos:ro")
    assert gallery == "gallery:/gallery"
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert json.dumps(service["build"]) == '"."'


def test_the_documented_command_is_that_of_the_compose_file() -> None:
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if "docker compose up" in line]
    command = line.split("#")[0].strip()
    assert command in (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert "was not built" in page.lower() or "not built here" in page.lower()


@pytest.mark.skipif(sys.platform == "win32", reason="the entry point is a POSIX shell script")
def test_the_entry_point_indexes_serves_and_is_healthy(folder: Path, tmp_path: Path) -> None:
    gallery, home = tmp_path / "gallery", tmp_path / "home"
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")  # skipped, and it goes on
    before = sorted(path.name for path in folder.rglob("*"))
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "STITCH_PHOTOS": str(folder),
        "STITCH_GALLERY": str(gallery),
        "STITCH_HOST": "127.0.0.1",
        "STITCH_PORT": "0",
        **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
    }
    process = subprocess.Popen(
        [str(ENTRY), *compose["services"]["stitch"]["command"]],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # as a container's log shows it
        text=True,
    )
    try:
        assert process.stdout is not None
        output = ""
        while "http://" not in output:
            line = process.stdout.readline()
            assert line, f"it stopped:\n{output}"
            output += line
        assert "broken.jpg" in output
        address = output[output.index("http://") :].split()[0]
        check = dict(instructions())["HEALTHCHECK"].split("CMD", 1)[1]
        python, flag, code = json.loads(check)
        assert (python, flag) == ("python", "-c")
        code = code.replace("http://127.0.0.1:8000", address)
        code += f"; import json; print(json.load(u.urlopen('{address}/health'))['images'])"
        done = subprocess.run(
            [sys.executable, flag, code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "8"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=300)
        if process.stdout is not None:
            process.stdout.close()
    assert sorted(path.name for path in folder.rglob("*")) == before  # a read-only mount is enough
    left = [file.relative_to(home).as_posix() for file in home.rglob("*") if file.is_file()]
    assert left == [".local/share/stitch/digests.json"]  # the checksums of the model's files


@pytest.mark.skipif(sys.platform == "win32", reason="the entry point is a POSIX shell script")
@pytest.mark.parametrize(
    ("status", "indexed_before", "serves"),
    [
        (0, False, True),
        (7, False, True),
        (5, True, True),
        (3, True, True),
        (5, False, False),
        (3, False, False),
        (6, True, False),
        (130, True, False),
    ],
)
def test_a_disk_that_is_away_does_not_stop_the_server(
    tmp_path: Path, status: int, indexed_before: bool, serves: bool
) -> None:
    stub = tmp_path / "bin" / "stitch"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\n[ "$1" = serve ] || exit {status}\n')
    stub.chmod(0o755)
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    if indexed_before:
        (gallery / "gallery.sqlite").write_bytes(b"SQLite")
    environment = {
        "PATH": f"{stub.parent}{os.pathsep}{os.environ['PATH']}",
        "STITCH_GALLERY": str(gallery),
        "STITCH_INDEX_OPTIONS": "--exclude raw",
    }
    done = subprocess.run([str(ENTRY)], env=environment, capture_output=True, text=True)
    index, *serve = (tmp_path / "log").read_text().splitlines()
    assert index == f"index /photos --gallery {gallery} --quiet --exclude raw"
    assert len(serve) == serves
    assert done.returncode == (0 if serves else status)
    assert ("serving the gallery as it was" in done.stderr) == (serves and status in (3, 5))


def test_the_demo_serves_a_gallery_that_its_visitors_cannot_change() -> None:
    steps = instructions("docker/space/Dockerfile")
    copied = [part for name, rest in steps if name == "COPY" for part in rest.split()[:-1]]
    assert all((ROOT / path).exists() for path in copied)
    assert {"pyproject.toml", "release", "src"} <= set(copied)
    names = [name for name, _ in steps]
    assert names.index("USER") < names.index("CMD")
    program, command, *options = json.loads(dict(steps)["CMD"])
    assert (program, command) == ("stitch", "serve")
    root = command_tree()
    context = root.make_context("stitch", [], resilient_parsing=True)
    served = root.get_command(context, command).make_context(command, options).params
    assert not any("STITCH_TOKEN" in rest for _, rest in steps)
    # a Space is shown in a frame, and its proxy makes all visitors one client
    assert served["frame"] == ["https://huggingface.co"]
    assert served["rate"] >= 100
    card = (ROOT / "docker" / "space" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---")[1])
    assert head["sdk"] == "docker"
    assert str(head["app_port"]) == dict(steps)["EXPOSE"] == str(served["port"])


def test_the_script_is_sound() -> None:
    subprocess.run(["sh", "-n", str(ENTRY)], check=True)
    text = ENTRY.read_text(encoding="utf-8")
    commands = [shlex.split(line)[:2] for line in text.splitlines() if line.startswith("stitch ")]
    assert commands == [["stitch", "index"]]
    assert "exec stitch serve" in text
