"""Proxy and certificate variables of the environment, good and bad, before both clients."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stitch_cir.client import AsyncClient, Client, UnreachableError

NAMES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.lower, NAMES)):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTP_PROXY", "socks5h://127.0.0.1:1"),
        ("all_proxy", "socks://127.0.0.1:1"),
        ("HTTP_PROXY", "http://[::1"),
        ("SSL_CERT_FILE", "/nope/ca.pem"),
    ],
)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9"])
def test_variables_do_not_stand_between_this_machine_and_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, url: str
) -> None:
    monkeypatch.setenv(name, value)
    with Client(url, timeout=5) as client, pytest.raises(UnreachableError) as caught:
        client.health()
    assert name not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "ALL_PROXY",
            "socks5://u:word@127.0.0.1:1",
            r"ALL_PROXY \(socks5://127.0.0.1:1\) is a SOCKS",
        ),
        ("HTTP_PROXY", "socks://127.0.0.1:1", "HTTP_PROXY .* has the scheme 'socks'"),
        ("http_proxy", "http://[::1", "http_proxy .* is no valid address"),
        ("SSL_CERT_FILE", "/nope/ca.pem", "SSL_CERT_FILE names /nope/ca.pem"),
    ],
)
def test_a_variable_that_makes_requests_impossible_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    url = "https://far.example" if name == "SSL_CERT_FILE" else "http://far.example"
    with pytest.raises(UnreachableError, match=message) as caught:
        Client(url)
    assert name in caught.value.hint
    assert "word" not in str(caught.value)
    with pytest.raises(UnreachableError, match=message):
        AsyncClient(url)


@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"ALL_PROXY": "socks5://a:1", "NO_PROXY": "far.example"}, "http://far.example"),
        ({"HTTP_PROXY": "http://[::1", "NO_PROXY": "*"}, "https://far.example"),
        ({"HTTPS_PROXY": "socks5://a:1"}, "http://far.example"),
        ({"HTTP_PROXY": "http://a:port"}, "https://far.example"),
        ({"SSL_CERT_FILE": "/nope/ca.pem"}, "http://far.example"),
    ],
)
def test_a_variable_for_other_addresses_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, make: type[Client]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make(url)


@pytest.mark.parametrize("url", ["https://localhost:9", "https://far.example"])
def test_certificates_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str
) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for value in ("/nope/ca.pem", str(tmp_path / "ca.pem")):
        monkeypatch.setenv("SSL_CERT_FILE", value)
        with pytest.raises(UnreachableError, match="SSL_CERT_FILE"):
            Client(url)


def test_a_proxy_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def ask() -> None:
        async with AsyncClient("http://far.example") as client:
            await client.health()

    with pytest.raises(
        UnreachableError, match=r"through the proxy http://127\.0\.0\.1:9"
    ) as caught:
        asyncio.run(ask())
    assert "NO_PROXY" in caught.value.hint
