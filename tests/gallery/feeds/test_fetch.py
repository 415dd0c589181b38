"""Images fetched from their addresses: from public ones only, within limits, each once.

Names resolve to addresses of this test's choice, and a connection to a public one ends at a server
in this process; to which address it was made is recorded.
"""

from __future__ import annotations

import io
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stitch_cir.encoders import HashEncoder
from tests.conftest import noise
from tests.gallery.feeds.shop import Shop

PUBLIC = "93.184.215.14"
Answer = Callable[[BaseHTTPRequestHandler], None]


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    noise(seed, 60, 40).save(buffer, "PNG")
    return buffer.getvalue()


def send(handler: BaseHTTPRequestHandler, content: bytes, status: int = 200, **fields: str) -> None:
    handler.send_response(status)
    for name, value in {"content-length": str(len(content)), **fields}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


class Internet:
    """A server, and where names lead; ``connected`` are the addresses that were connected to."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.requests: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.names: dict[str, list[str]] = {"shop.example": [PUBLIC]}
        self.connected: list[str] = []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        internet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with internet.lock:
                    internet.requests[self.path] += 1
                    internet.headers.append({k.lower(): v for k, v in self.headers.items()})
                    internet.busy += 1
                    internet.most_busy = max(internet.most_busy, internet.busy)
                try:
                    answer = internet.pages.get(self.path)
                    if answer is None:
                        send(self, b"nothing here", 404)
                    else:
                        answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with internet.lock:
                        internet.busy -= 1

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def image(self, path: str, seed: int) -> None:
        self.pages[path] = lambda handler: send(handler, png(seed))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    internet = Internet()
    connect = socket.create_connection

    def look_up(host: str, port: int, *rest: object, **options: object) -> list[Any]:
        is_address = host.replace(".", "").isdigit() or ":" in host
        addresses = [host] if is_address else list(internet.names.get(host, ()))
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        kind = socket.AF_INET6 if ":" in addresses[0] else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    def create_connection(address: tuple[str, int], *rest: Any, **options: Any) -> socket.socket:
        internet.connected.append(address[0])
        return connect(internet.server.server_address[:2], *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    yield internet
    internet.close()


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    return Shop(folder, HashEncoder())


def fetch(shop: Shop, *links: str, **options: Any) -> Any:
    """Apply a feed with one product for each link."""
    for number, link in enumerate(links):
        shop.rows[f"p{number}"] = {"title": "x", "image_link": link, "price": "1.00 EUR"}
    return shop.apply(images=None, fetch_images=True, **options)


def test_images_are_fetched_once_and_remembered(shop: Shop, internet: Internet) -> None:
    internet.image("/a%20b.png", 1)
    internet.image("/c.png?size=2", 2)
    internet.image("/copy.png", 1)
    base = "http://shop.example"
    report = fetch(shop, f"{base}/a b.png", f"{base}/c.png?size=2", f"{base}/copy.png")
    assert (report.fetched, report.encoded, report.failed) == (3, 2, ())
    assert set(internet.connected) == {PUBLIC}
    assert internet.headers[0]["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "referer"} & internet.headers[0].keys()
    files = [p for p in (shop.folder / "gallery/images").rglob("*") if p.is_file()]
    assert len(files) == 2
    assert shop.open().verify(read_files=True).sound
    ids, _ = shop.open().add([("by hand.png", png(9))])
    # remembered: the next run fetches what is new, and throws away what no product has
    internet.image("/new.png", 3)
    shop.rows["p1"]["image_link"] = f"{base}/new.png"
    again = shop.apply(images=None)
    assert (again.changed_images, again.fetched, again.unchanged) == (("p1",), 1, 2)
    assert internet.requests["/a%20b.png"] == 1
    assert ids[0] in shop.open()
    assert (shop.folder / "gallery/images" / ids[0]).is_file()
    (shop.folder / "gallery/images" / ids[0]).unlink()
    left = [p for p in (shop.folder / "gallery/images").rglob("*") if p.is_file()]
    assert len(left) == 2
    assert set(left) != set(files)


def test_nothing_is_fetched_unless_that_is_requested(shop: Shop, internet: Internet) -> None:
    internet.image("/a.png", 1)
    shop.rows["p"] = {"title": "x", "image_link": "http://shop.example/a.png", "price": "1.00 EUR"}
    (shop.folder / "images").mkdir()
    assert len(shop.apply().failed) == 1
    assert internet.connected == []
    assert not internet.requests


def test_a_dry_run_fetches_nothing(shop: Shop, internet: Internet) -> None:
    internet.image("/a.png", 1)
    fetch(shop, "http://shop.example/a.png")
    before = internet.requests.copy()
    shop.rows["q"] = {**shop.rows["p0"], "image_link": "http://shop.example/other.png"}
    report = shop.apply(images=None, dry_run=True)
    assert (report.added, internet.requests) == (("q",), before)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_addresses_that_are_not_public_are_refused(
    shop: Shop, internet: Internet, address: str
) -> None:
    internet.image("/a.png", 1)
    internet.names["inside.example"] = [address]
    internet.names["mixed.example"] = [PUBLIC, address] if ":" not in address else [address]
    internet.names["moves.example"] = [PUBLIC]
    internet.pages["/moved.png"] = lambda handler: send(
        handler, b"", 302, location="http://inside.example/a.png"
    )
    literal = f"[{address}]" if ":" in address else address
    report = fetch(
        shop,
        "http://inside.example/a.png",
        "http://mixed.example/a.png",
        "http://moves.example/moved.png",
        f"http://{literal}/a.png",
    )
    assert report.products == 0
    assert len(report.failed) == 4
    assert all("not a public address" in each.reason for each in report.failed), report.failed
    assert set(internet.connected) == {PUBLIC}
    assert internet.requests == {"/moved.png": 1}


def test_the_address_that_was_checked_is_the_one_connected_to(
    shop: Shop, internet: Internet
) -> None:
    internet.image("/a.png", 1)

    class Rebinding(dict[str, list[str]]):
        """Another address at the second look."""

        def get(self, host: str, default: Any = None) -> Any:
            lookups.append(host)
            return [PUBLIC] if len(lookups) == 1 else ["127.0.0.1"]

    lookups: list[str] = []
    internet.names = Rebinding()
    report = fetch(shop, "http://rebinds.example/a.png")
    assert (report.products, lookups, internet.connected) == (1, ["rebinds.example"], [PUBLIC])


def test_what_is_too_large_too_odd_or_not_there(shop: Shop, internet: Internet) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(png(1))
        for _ in range(40):
            handler.wfile.write(bytes(1 << 20))

    def compressed(handler: BaseHTTPRequestHandler) -> None:
        send(handler, png(1), content_encoding="gzip")

    def short(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(png(1))
        handler.close_connection = True

    def odd(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HELO\r\n\r\n")

    internet.pages |= {
        "/endless.png": endless,
        "/page.png": lambda handler: send(handler, b"<html>" + bytes(1000)),
        "/empty.png": lambda handler: send(handler, b""),
        "/loop.png": lambda handler: send(handler, b"", 301, location="/loop.png"),
        "/file.png": lambda handler: send(handler, b"", 301, location="file:///etc/passwd"),
        "/many.png": lambda handler: send(handler, b"", 429),
        "/gzip.png": compressed,
        "/short.png": short,
        "/odd.png": odd,
    }
    base = "http://shop.example"
    reasons = {
        f"{base}/endless.png": "has more than 20 MiB",
        f"{base}/page.png": "is not an image by its content",
        f"{base}/empty.png": "is not an image by its content",
        f"{base}/loop.png": "redirects more than 5 times",
        f"{base}/file.png": "is not a web address",
        f"{base}/many.png": "too many requests, run it again later",
        f"{base}/gzip.png": "is sent compressed",
        f"{base}/short.png": "cannot be fetched",
        f"{base}/odd.png": "cannot be fetched",
        f"{base}/gone.png": "status 404",
        "http://unknown.example/a.png": "has no address",
        "ftp://shop.example/a.png": "is not a web address",
        "a.png": "is not a web address",
        "http://me:secret@shop.example/a.png": "holds a user name",
        "http://shop.example:port/a.png": "is not an address",
    }
    report = fetch(shop, *reasons)
    assert report.products == 0
    for failure, (link, reason) in zip(report.failed, reasons.items(), strict=True):
        assert reason in failure.reason, link
        assert "secret" not in failure.reason


def test_at_most_two_are_fetched_from_a_host_at_a_time(shop: Shop, internet: Internet) -> None:
    both = threading.Barrier(2, timeout=300)

    def meet(handler: BaseHTTPRequestHandler, seed: int) -> None:
        both.wait()
        send(handler, png(seed))

    for number in range(8):
        internet.pages[f"/{number}.png"] = lambda handler, seed=number: meet(handler, seed)  # type: ignore[misc]
    report = fetch(shop, *(f"http://shop.example/{number}.png" for number in range(8)))
    assert report.products == 8
    assert internet.most_busy == 2


def test_who_sends_a_byte_now_and_then_gains_nothing(
    shop: Shop, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    clock = [0.0]
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + clock[0])

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            clock[0] += 1.0
            handler.wfile.write(f"x-{number}: y\r\n".encode())
            handler.wfile.flush()

    internet.pages["/drip.png"] = drip
    report = fetch(shop, "http://shop.example/drip.png")
    assert "did not arrive in time" in report.failed[0].reason


def test_both_a_folder_and_fetching_are_refused(shop: Shop) -> None:
    from stitch_cir.errors import SettingError

    shop.rows["p"] = {"image_link": "http://shop.example/a.png"}
    with pytest.raises(SettingError, match="in a folder, or they are fetched"):
        shop.apply(fetch_images=True)
