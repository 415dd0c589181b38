"""TLS that is switched on at one side only, or with a certificate that does not fit: one error, at once.

Ray itself tries for minutes; here a server in this process takes the place of its head.
"""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stitch_cir.cluster import export_gallery, read_status
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import ClusterError, SettingError
from stitch_cir.gallery import index_folder
from tests.conftest import noise

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command"),
]
pytest.importorskip("lance")
ray = pytest.importorskip("ray")

GUIDE = Path(__file__).parents[2] / "docs" / "cluster-operations.md"
FILES = {
    "RAY_TLS_SERVER_CERT": "node.crt",
    "RAY_TLS_SERVER_KEY": "node.key",
    "RAY_TLS_CA_CERT": "ca.crt",
}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tls")
    noise(1, 30, 30).save(folder / "1.png")
    index_folder(folder, encoder=HashEncoder())
    address = str(folder / "photos.lance")
    export_gallery(folder, address)
    return address


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guide makes for a node at 10.0.0.1, which this machine is not."""
    folder = tmp_path_factory.mktemp("certificates")
    (block,) = re.findall(r"```sh\n(openssl .*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    script = block.replace("rsa:3072", "rsa:2048")
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)
    return folder


def listen(context: ssl.SSLContext | None) -> tuple[socket.socket, str]:
    """Answer connections, by TLS with a context, else by closing them; return the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), plain:
                    if context is None:
                        plain.recv(4096)
                    else:
                        context.wrap_socket(plain, server_side=True).close()

    threading.Thread(target=serve, daemon=True).start()
    return listener, f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def encrypted(certificates: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "node.crt", certificates / "node.key")
    listener, address = listen(context)
    yield address
    listener.close()


@pytest.fixture
def plain() -> Iterator[str]:
    listener, address = listen(None)
    yield address
    listener.close()


@pytest.fixture
def switched_on(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAY_USE_TLS", "1")
    for name, file in FILES.items():
        monkeypatch.setenv(name, str(certificates / file))
    return certificates


def test_a_cluster_is_encrypted_and_this_machine_is_not(encrypted: str, uri: str) -> None:
    with pytest.raises(ClusterError, match="encrypted by TLS, which is not switched on here") as no:
        read_status(encrypted, uri)
    assert "RAY_USE_TLS=1" in no.value.hint


def test_this_machine_encrypts_and_the_cluster_does_not(
    switched_on: Path, plain: str, uri: str
) -> None:
    with pytest.raises(ClusterError, match="does not answer by TLS, which is switched on here"):
        read_status(plain, uri)


def test_what_listens_is_no_head(plain: str, uri: str) -> None:
    with pytest.raises(ClusterError, match=f"What listens at {plain} is no head of a Ray") as no:
        read_status(plain, uri)
    assert "ray start --head" in no.value.hint


def test_what_listens_by_tls_is_no_head(
    switched_on: Path, encrypted: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "10.0.0.1")
    with pytest.raises(ClusterError, match=f"What listens at {encrypted} is no head of a Ray"):
        read_status(encrypted, uri)


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "10.0.0.1:6379/", "10.0.0.1"])
def test_what_is_no_address_of_a_head_is_refused(address: str, uri: str) -> None:
    with pytest.raises(SettingError, match="address of a cluster cannot be"):
        read_status(address, uri)


def test_a_certificate_for_another_address_is_refused_by_name(
    switched_on: Path, encrypted: str, uri: str
) -> None:
    with pytest.raises(ClusterError, match="certificate of the cluster at .* is refused: IP") as no:
        read_status(encrypted, uri)
    # Ray connects to the machine's own address in place of a loopback one
    assert f"name {ray.util.get_node_ip_address()} as subjectAltName" in no.value.hint


def test_a_certificate_of_another_authority_is_refused(
    switched_on: Path, encrypted: str, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"]
    files = ["-keyout", str(tmp_path / "ca.key"), "-out", str(tmp_path / "ca.crt")]
    subprocess.run(["openssl", "req", *words, *files], check=True, capture_output=True)
    monkeypatch.setenv("RAY_TLS_CA_CERT", str(tmp_path / "ca.crt"))
    with pytest.raises(ClusterError, match="is refused: unable to get local issuer certificate"):
        read_status(encrypted, uri)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(
    name: str, switched_on: Path, plain: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "/nowhere/x.pem")
    with pytest.raises(ClusterError, match=rf"{name} names the file /nowhere/x.pem, which is not"):
        read_status(plain, uri)
    monkeypatch.setenv(name, str(Path(__file__)))
    with pytest.raises(ClusterError, match="cannot be used"):
        read_status(plain, uri)
