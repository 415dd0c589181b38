"""The files below deploy/: well-formed, complete, and in agreement with one another and the guide."""

from __future__ import annotations

import configparser
import functools
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import command_tree

ROOT = Path(__file__).parents[1]
SYSTEMD = ROOT / "deploy" / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
SERVICES = [each for each in UNITS if each.stem != "stitch-reconcile"]
"""Those that run for ever."""
MANIFEST = ROOT / "deploy" / "kuberay" / "stitch.yaml"
GUIDE = (ROOT / "docs" / "cluster-operations.md").read_text(encoding="utf-8")
SECURE = {
    "RAY_AUTH_MODE": "token",
    "RAY_USE_TLS": "1",
    "RAY_TLS_SERVER_CERT": None,
    "RAY_TLS_SERVER_KEY": None,
    "RAY_TLS_CA_CERT": None,
}
"""What every process of the cluster has to have in its environment; ``None``: some file."""


def read_unit(file: Path) -> configparser.ConfigParser:
    """Read a unit; a key that stands several times keeps its last value."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(file.read_text(encoding="utf-8").replace("\\\n", " "))
    return unit


def variables(file: Path) -> dict[str, str]:
    """Read an environment file."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every pod of the manifest that runs Ray or stitch, with a name for messages."""
    for each in documents():
        if each["kind"] == "RayCluster":
            yield "head", each["spec"]["headGroupSpec"]["template"]["spec"]
            for group in each["spec"]["workerGroupSpecs"]:
                yield group["groupName"], group["template"]["spec"]
        elif each["kind"] in ("Deployment", "CronJob"):
            job = each["spec"].get("jobTemplate", each)
            yield each["metadata"]["name"], job["spec"]["template"]["spec"]


def config_map(name: str) -> dict[str, str]:
    (data,) = (
        each["data"]
        for each in documents()
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == name
    )
    return dict(data)


def assert_secure(values: dict[str, str]) -> None:
    for name, value in SECURE.items():
        assert values[name] == value if value else values[name].startswith("/")


class TestUnits:
    @pytest.mark.parametrize("file", SERVICES, ids=lambda file: file.name)
    def test_a_unit_says_what_it_runs_as_whom_and_that_it_is_started_again(
        self, file: Path
    ) -> None:
        unit = read_unit(file)
        assert set(unit.sections()) == {"Unit", "Service", "Install"}
        service = unit["Service"]
        assert Path(shlex.split(service["ExecStart"])[0]).is_absolute()
        assert service["User"] != "root"
        assert service["Restart"] == "always"
        assert "multi-user.target" in unit["Install"]["WantedBy"].split()
        assert unit["Unit"]["Description"]

    def test_a_timer_starts_the_unit_that_reconciles(self) -> None:
        timer = read_unit(SYSTEMD / "stitch-reconcile.timer")
        assert timer["Install"]["WantedBy"] == "timers.target"
        assert timer["Timer"]["OnUnitInactiveSec"] == "5min"
        service = read_unit(SYSTEMD / "stitch-reconcile.service")["Service"]
        assert (service["Type"], service["User"]) == ("oneshot", "stitch")

    @pytest.mark.parametrize("name", ["ray-head", "ray-node", "serve", "reconcile"])
    def test_token_and_tls_are_set_for_every_process(self, name: str) -> None:
        text = (SYSTEMD / f"stitch-{name}.service").read_text(encoding="utf-8")
        assert "EnvironmentFile=/etc/stitch/cluster.env\n" in text
        assert_secure(variables(SYSTEMD / "stitch-cluster.env"))

    def test_variables_of_commands_are_set_in_the_environment_files(self) -> None:
        declared = variables(SYSTEMD / "stitch-cluster.env") | variables(
            SYSTEMD / "stitch-node.env"
        )
        for file in UNITS:
            used = re.findall(r"\$\{(\w+)\}", file.read_text(encoding="utf-8"))
            assert set(used) <= set(declared), file.name

    def test_head_and_nodes_use_the_same_documented_ports(self) -> None:
        ports = [
            dict(re.findall(r"--((?:[\w-]+-)?port)=(\d+)", file.read_text(encoding="utf-8")))
            for file in (SYSTEMD / "stitch-ray-head.service", SYSTEMD / "stitch-ray-node.service")
        ]
        assert ports[0].pop("port") == "6379"
        assert ports[0] == ports[1]
        assert len(ports[0]) == 8
        for port in ("6379", *ports[0].values()):
            assert port in GUIDE

    def test_the_head_keeps_its_state_in_the_redis_that_is_configured(self) -> None:
        head = (SYSTEMD / "stitch-ray-head.service").read_text(encoding="utf-8")
        redis = (SYSTEMD / "stitch-redis.conf").read_text(encoding="utf-8")
        assert "RAY_REDIS_ADDRESS=127.0.0.1:6390" in head
        assert "Wants=stitch-redis.service" in head
        assert "bind 127.0.0.1\nport 6390\n" in redis
        assert "appendonly yes" in redis


class TestManifest:
    def test_it_holds_what_a_cluster_needs(self) -> None:
        kinds = [each["kind"] for each in documents()]
        assert kinds == [
            "Secret", "ConfigMap", "ConfigMap", "Service", "StatefulSet", "RayCluster", "Deployment", "Service",
            "CronJob", "NetworkPolicy", "NetworkPolicy",
        ]  # fmt: skip
        for each in documents():
            assert each["apiVersion"]
            assert each["metadata"]["name"]

    def test_the_cluster_has_the_fields_that_the_operator_requires(self) -> None:
        (cluster,) = (each for each in documents() if each["kind"] == "RayCluster")
        assert cluster["apiVersion"] == "ray.io/v1"
        spec = cluster["spec"]
        assert spec["gcsFaultToleranceOptions"]["redisAddress"] == "stitch-redis:6379"
        assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        for group in spec["workerGroupSpecs"]:
            assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
            assert isinstance(group["rayStartParams"], dict)

    def test_token_and_tls_are_set_in_every_pod(self) -> None:
        config = config_map("stitch-cluster")
        assert_secure(config)
        names = [name for name, _ in pods()]
        assert names == ["head", "shards", "stitch-serve", "stitch-reconcile"]
        for _, pod in pods():
            (container,) = pod["containers"]
            assert {"configMapRef": {"name": "stitch-cluster"}} in container["envFrom"]
            assert container["env"][0]["name"] == "RAY_AUTH_TOKEN"
            mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
            assert config["RAY_TLS_CA_CERT"].startswith(mounts["tls"])
            volumes = {each["name"]: each for each in pod["volumes"]}
            assert set(mounts) <= set(volumes)
            # the key of the authority is for the step that makes the pod's certificate
            (step,) = pod["initContainers"]
            assert step["command"] == ["sh", "/certificate/make.sh"]
            assert volumes["ca"]["secret"]["secretName"] == "stitch-ca"
            assert {"ca", "certificate", "tls"} == {each["name"] for each in step["volumeMounts"]}
            assert not {"ca", "certificate"} & set(mounts)

    def test_every_variable_is_a_text(self) -> None:
        config = config_map("stitch-cluster")
        assert all(isinstance(value, str) for value in config.values())

    def test_it_runs_the_ray_that_is_supported(self) -> None:
        (cluster,) = (each for each in documents() if each["kind"] == "RayCluster")
        major, minor, _ = map(int, cluster["spec"]["rayVersion"].split("."))
        assert (2, 56) <= (major, minor) < (3, 0)


@pytest.mark.parametrize(
    ("name", "command"), [("stitch-serve", ["serve"]), ("stitch-reconcile", ["cluster", "scale"])]
)
def test_commands_are_run_with_options_that_they_have(name: str, command: list[str]) -> None:
    words = shlex.split(read_unit(SYSTEMD / f"{name}.service")["Service"]["ExecStart"])
    (container,) = dict(pods())[name]["containers"]
    (line,) = re.findall(r"^stitch [^&|]*[^&| ]", container["command"][-1], re.MULTILINE)
    subcommand = functools.reduce(lambda group, word: group.commands[word], command, command_tree())
    spelled = {name for each in subcommand.params for name in each.opts}
    for run in (words, shlex.split(line)):
        assert run[1 : 1 + len(command)] == command
        assert {word for word in run if word.startswith("--")} <= spelled


def test_a_server_runs_beside_the_ray_that_it_is_lost_without() -> None:
    unit = read_unit(SYSTEMD / "stitch-serve.service")["Unit"]
    assert unit["PartOf"] == "stitch-ray-head.service stitch-ray-node.service"
    for name in ("stitch-serve", "stitch-reconcile"):
        (container,) = dict(pods())[name]["containers"]
        start, _, rest = container["command"][-1].partition("\nstitch ")
        assert start.startswith("ray start --address=stitch-head-svc:6379")
        assert "--num-cpus=0" in start
        assert ("pidof raylet" if name == "stitch-serve" else "ray stop") in rest


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
def test_the_certificates_of_the_guide_are_of_one_authority_and_for_both_usages(
    tmp_path: Path,
) -> None:
    (block,) = re.findall(r"```sh\n(openssl .*?)```", GUIDE, re.DOTALL)
    # a short key: the tests need it for nothing
    script = block.replace("rsa:3072", "rsa:2048")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    for usage in ("sslserver", "sslclient"):
        words = [
            "openssl",
            "verify",
            "-CAfile",
            "ca.crt",
            "-purpose",
            usage,
            "-verify_ip",
            "10.0.0.1",
        ]
        done = subprocess.run([*words, "node.crt"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
def test_a_pod_makes_a_certificate_for_its_address_and_the_head_for_its_names(
    tmp_path: Path,
) -> None:
    ca, tls = tmp_path / "ca", tmp_path / "tls"
    for folder in (ca, tls):
        folder.mkdir()
    authority = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ca"]
    files = ["-keyout", str(ca / "ca.key"), "-out", str(ca / "ca.crt")]
    subprocess.run(["openssl", "req", *authority, *files], check=True, capture_output=True)
    script = config_map("stitch-certificate")["make.sh"].replace("rsa:3072", "rsa:2048")
    script = script.replace("/etc/stitch/tls", str(tls)).replace("/ca/", f"{ca}/")
    (step,) = dict(pods())["head"]["initContainers"]
    values = {each["name"]: each.get("value", "") for each in step["env"]}
    names = values["NAMES"].replace("$(NAMESPACE)", "stitch")
    environment = {**os.environ, "POD_IP": "10.1.2.3", "NAMES": names}
    subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True)
    head = "stitch-head-svc.stitch.svc.cluster.local"
    for check in (["-verify_ip", "10.1.2.3"], ["-verify_hostname", head]):
        words = ["openssl", "verify", "-CAfile", str(tls / "ca.crt"), *check, str(tls / "tls.crt")]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert Path(config_map("stitch-cluster")["RAY_TLS_SERVER_CERT"]).name == "tls.crt"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze command"
)
@pytest.mark.parametrize(
    "file", [*UNITS, SYSTEMD / "stitch-reconcile.timer"], ids=lambda file: file.name
)
def test_systemd_understands_a_unit(file: Path, tmp_path: Path) -> None:
    for unit in [
        *UNITS,
        *SYSTEMD.glob("*.timer"),
    ]:  # what one requires is looked up beside it; programs have to be there
        checked = re.sub(r"(?<=ExecStart=)\S+", "/bin/true", unit.read_text(encoding="utf-8"))
        (tmp_path / unit.name).write_text(checked, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / file.name)],
        capture_output=True,
        text=True,
    )
    complaints = [line for line in done.stderr.splitlines() if "stitch" in line]
    assert (done.returncode, complaints) == (0, [])


def test_every_file_is_described() -> None:
    page = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    for file in [*SYSTEMD.iterdir(), MANIFEST]:
        assert f"`{file.parent.name}/{file.name}`" in page
