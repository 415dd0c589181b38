"""The units below deploy/ are understood by the Ray that runs them: its options, its variables."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
ray = pytest.importorskip("ray")

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
MANIFEST = SYSTEMD.parent / "kuberay" / "stitch.yaml"


def command(name: str) -> list[str]:
    """Return the words of a unit's command, each variable as an address."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    text = (SYSTEMD / name).read_text(encoding="utf-8").replace("\\\n", " ")
    unit.read_string(text)
    return [
        re.sub(r"\$\{\w+\}", "10.0.0.1:6379", word)
        for word in shlex.split(unit["Service"]["ExecStart"])
    ]


@pytest.mark.parametrize("name", ["stitch-ray-head.service", "stitch-ray-node.service"])
def test_ray_has_every_option_of_a_unit(name: str) -> None:
    from ray.scripts.scripts import start

    _, verb, *options = command(name)
    assert verb == "start"
    with start.make_context("start", options) as context:
        assert context.params["block"]
        assert context.params["head"] is (name == "stitch-ray-head.service")
        assert context.params["object_store_memory"] == 100_000_000


def test_ray_has_every_parameter_of_the_manifest() -> None:
    from ray.scripts.scripts import start

    spelled = {name.removeprefix("--") for each in start.params for name in each.opts}
    text = MANIFEST.read_text(encoding="utf-8")
    blocks = re.findall(r"rayStartParams:\n((?: +(?:#.*|[\w-]+: .*)\n)+?)(?= +template)", text)
    names = set(re.findall(r"^ +([\w-]+):", "".join(blocks), re.MULTILINE))
    assert {"num-cpus", "object-store-memory"} <= names <= spelled


def test_ray_reads_every_variable_that_is_set_for_it() -> None:
    """Those in small letters are settings of its core, the others are read by its Python, too."""
    files = [*SYSTEMD.iterdir(), MANIFEST]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    names = set(re.findall(r"\b(RAY_\w+)(?==|: )", text))
    assert len(names) >= 12
    package = Path(ray.__file__).parent
    core = (package / "_raylet.so").read_bytes()
    sources = [*package.glob("_private/*.py"), *package.glob("_common/**/*.py")]
    python = b"".join(file.read_bytes() for file in sources)
    for name in sorted(names):
        setting = name.removeprefix("RAY_") if re.search("[a-z]", name[4:]) else name
        assert setting.encode() in core or setting.encode() in python, name
