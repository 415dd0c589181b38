"""Clocks, delays, redirects, sizes and proxies: what lies between a request and its answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from stitch_cir._proxies import applying_proxy, is_loopback, is_near
from stitch_cir.chat import Message, OpenAIChat, Sampling
from stitch_cir.chat.endpoint._refusals import read_refusal
from stitch_cir.errors import EndpointError
from tests.chat.fake_server import Handler, completion, fails, first, says, serving

ASK = [Message("user", ("What is it?",))]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
    for name in (*names, *(name.lower() for name in names)):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STITCH_API_KEY", "sk-0123456789")


def drips(released: threading.Event) -> Any:
    """Send one byte at a time, each well within any time-out of a single read."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        content = json.dumps(completion("late")).encode()
        handler.send_response(200)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        for byte in content:
            if released.wait(0.02):
                return
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()

    return answer


def test_the_time_out_holds_for_the_whole_request_against_single_bytes() -> None:
    released = threading.Event()
    with serving(drips(released)) as server:
        chat = OpenAIChat("m", base_url=server.url, timeout=0.3, retries=0)
        with pytest.raises(EndpointError, match=r"within 0\.3 seconds \(1 try\)") as caught:
            chat.sample(ASK, 1, Sampling(), 0)
        released.set()
    assert "--model-timeout" in caught.value.hint


def test_all_tries_together_keep_to_the_total_time_out() -> None:
    with serving(fails(503, retry_after="100", retry_after_ms="")) as server:
        chat = OpenAIChat("m", base_url=server.url, total_timeout=0.2, retries=1000)
        with pytest.raises(EndpointError, match=r"within 0\.2 seconds, all tries counted"):
            chat.sample(ASK, 1, Sampling(), 0)
    assert len(server.requests) <= 1  # the second would come after the delay


def test_closing_ends_running_requests_and_refuses_later_ones() -> None:
    arrived, released = threading.Event(), threading.Event()

    def hangs(handler: Handler, body: dict[str, Any]) -> None:
        arrived.set()
        released.wait(30)

    caught: list[EndpointError] = []

    def ask() -> None:
        try:
            chat.sample(ASK, 3, Sampling(), 0)
        except EndpointError as error:
            caught.append(error)

    with serving(hangs) as server:
        chat = OpenAIChat("m", base_url=server.url)
        waiting = threading.Thread(target=ask)
        waiting.start()
        assert arrived.wait(30)
        chat.close()
        waiting.join(30)
        assert not waiting.is_alive()
        released.set()
    with pytest.raises(EndpointError, match="was stopped"):
        chat.sample(ASK, 1, Sampling(), 0)
    assert [error.message.endswith("was stopped.") for error in caught] == [True]
    chat.close()
    OpenAIChat("m", base_url=server.url).close()


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Record delays instead of waiting them."""
    taken: list[float] = []

    async def sleep(seconds: Any) -> None:
        taken.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    yield taken
    assert asyncio.sleep is sleep


def test_a_requested_delay_is_kept_and_reported(naps: Any) -> None:
    messages: list[str] = []
    with serving(first(fails(429, retry_after="75", retry_after_ms=""), says("fine"))) as server:
        chat = OpenAIChat("m", base_url=server.url, report=messages.append)
        assert [reply.text for reply in chat.sample(ASK, 1, Sampling(), 0)] == ["fine"]
    assert naps == [75.0]
    assert messages == [f"waiting 75 s for 127.0.0.1:{server.server_address[1]}, as it requested"]


@pytest.mark.parametrize("seconds", ["600", "3600"])
def test_a_delay_beyond_the_time_out_is_an_error_that_counts_one_try(
    naps: Any, seconds: str
) -> None:
    message = rf"asks to come back in {seconds} s.*\(1 try\)"
    with (
        serving(fails(429, "slow down", retry_after=seconds, retry_after_ms="")) as server,
        pytest.raises(EndpointError, match=message) as caught,
    ):
        OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    assert (len(server.requests), naps) == (1, [])
    assert "--model-timeout" in caught.value.hint


def test_without_a_delay_the_tries_grow_apart_and_are_counted(naps: Any) -> None:
    with (
        serving(fails(500, "out of memory", retry_after_ms="")) as server,
        pytest.raises(EndpointError, match=r"out of memory \(5 tries\)"),
    ):
        OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    assert naps == [0.5, 1.0, 2.0, 4.0]
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ("{}", {"retry-after": "7"}, 7.0),
        ("{}", {"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ("{}", {"retry-after": "soon"}, None),
        ("{}", {"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, None),
        ('[{"error": {"details": [{"retryDelay": "36s"}]}}]', {}, 36.0),
        ('{"error": {"message": "Please try again in 7.66s. Visit"}}', {}, 7.66),
        ('{"error": {"message": "Please try again in 1m30s."}}', {}, 90.0),
        ('{"error": {"message": "Please try again in 250ms."}}', {}, 0.25),
        ('{"error": "Model x is currently loading", "estimated_time": 20.5}', {}, 20.5),
    ],
)
def test_delays_are_read_from_headers_and_bodies(
    body: str, headers: Any, wait: float | None
) -> None:
    assert read_refusal(429, body, headers).wait == wait


def test_a_redirect_to_another_host_never_gets_the_image() -> None:
    with (
        serving(says("stolen")) as elsewhere,
        serving(
            lambda handler, _: handler.send(
                307, {}, location=f"{elsewhere.url}/chat/completions?x=1"
            )
        ) as server,
    ):
        with pytest.raises(
            EndpointError, match=r"redirects to http://127\.0\.0\.1:\d+/v1/chat"
        ) as caught:
            OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
        assert "x=1" not in caught.value.message
    assert elsewhere.requests == []
    assert len(server.requests) == 1
    assert "--base-url" in caught.value.hint


@pytest.mark.parametrize(("status", "works"), [(307, True), (308, True), (302, False)])
def test_a_redirect_on_the_same_host_is_followed_where_it_keeps_the_request(
    status: int, works: bool
) -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        if handler.path.endswith("/"):
            handler.send(200, completion("fine"))
        else:
            handler.send(status, {}, location=f"{handler.path}/")

    with serving(answer) as server:
        chat = OpenAIChat("m", base_url=server.url)
        if works:
            assert chat.sample(ASK, 1, Sampling(), 0)[0].text == "fine"
        else:
            with pytest.raises(EndpointError, match="redirects to"):
                chat.sample(ASK, 1, Sampling(), 0)


def test_an_endless_reply_is_abandoned_once() -> None:
    def answer(handler: Handler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        handler.close_connection = True
        for _ in range((8 << 20) // (1 << 18) + 8):  # more than the 8 MiB that are read
            handler.wfile.write(b" " * (1 << 18))

    with serving(answer) as server, pytest.raises(EndpointError, match="more than 8 MiB"):
        OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "socks://127.0.0.1:1", "http://[::1", "http://127.0.0.1:1"]
)
@pytest.mark.parametrize("name", ["ALL_PROXY", "http_proxy"])
def test_this_machine_is_reached_whatever_the_proxy_variables(
    monkeypatch: pytest.MonkeyPatch, name: str, proxy: str
) -> None:
    monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("SSL_CERT_FILE", "/nope/ca.pem")
    with serving(says("fine")) as server:
        assert OpenAIChat("m", base_url=server.url).sample(ASK, 1, Sampling(), 0)[0].text == "fine"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "ALL_PROXY",
            "socks5://user:word@127.0.0.1:1",
            r"ALL_PROXY \(socks5://127\.0\.0\.1:1\) is a SOCKS",
        ),
        ("HTTPS_PROXY", "socks://127.0.0.1:1", "HTTPS_PROXY .* has the scheme 'socks'"),
        ("https_proxy", "http://[::1", r"https_proxy \(http://\[::1\) is no valid address"),
        ("SSL_CERT_FILE", "/nope/ca.pem", "SSL_CERT_FILE names /nope/ca.pem, which does not exist"),
    ],
)
def test_a_variable_that_makes_requests_impossible_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EndpointError, match=message) as caught:
        OpenAIChat("m", base_url="https://far.example/v1").sample(ASK, 1, Sampling(), 0)
    assert name in caught.value.hint
    assert "word" not in str(caught.value)


def test_a_proxy_that_is_away_is_named_when_a_host_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:word@127.0.0.1:9")
    chat = OpenAIChat("m", base_url="http://far.example/v1", retries=0)
    with pytest.raises(
        EndpointError, match=r"through the proxy http://127\.0\.0\.1:9 \(HTTP_PROXY\)"
    ) as caught:
        chat.sample(ASK, 1, Sampling(), 0)
    assert "NO_PROXY" in caught.value.hint
    assert "word" not in str(caught.value)


def test_which_proxy_applies_and_which_hosts_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    assert applying_proxy("https://far.example/v1") == ("all_proxy", "http://proxy:3128")
    assert applying_proxy("https://near.example/v1") is None
    assert applying_proxy("http://localhost:8000/v1") is None
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "a.localhost")] == [
        True
    ] * 4
    near = ("127.0.0.1", "192.168.1.5", "10.0.0.7", "vllm", "box.local", "host.docker.internal")
    assert [is_near(host) for host in near] == [True] * 6
    assert [is_near(host) for host in ("api.openai.com", "8.8.8.8", None)] == [False] * 3
