"""A shop's catalog search over HTTP: 10,000 products, a filter, facets, variants, eight clients.

``python -m bench.shop``. Products are encoded by ``test``, whose vectors cost nothing: what is measured
is the search, its filter and counts, and the server. Images are 120 × 90 pixels, each of five products.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.images import make_images
from bench.rows import Row
from bench.server import Client, modification, serving
from stitch_cir.encoders import load_encoder
from stitch_cir.gallery import index_feed

PRODUCTS, IMAGES, CLIENTS, REQUESTS = 10_000, 2_000, 8, 40
FACETS = ["brand", "color", "size", "availability", "price:0,20,50,100"]
COLUMNS = (
    "id title image_link price availability brand color size item_group_id google_product_category"
)


def run() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = make_images(folder / "images", IMAGES, width=120, height=90)
        feed = write_feed(folder / "products.tsv")
        encoder = load_encoder("test")
        started = time.perf_counter()
        report = index_feed(feed, folder / "gallery", encoder=encoder, images=images)
        first = time.perf_counter() - started
        again = index_feed(feed, folder / "gallery", encoder=encoder)
        assert (report.products, again.unchanged) == (PRODUCTS, PRODUCTS)
        with serving(folder / "gallery") as (port, _):
            measure(port, 1, 5)
            single, eight = measure(port, 1, REQUESTS), measure(port, CLIENTS, REQUESTS)
        yield Row(
            "95th percentile of a catalog search by 8 clients, in seconds",
            float(np.percentile(eight, 95)),
            raw={
                "median s": float(np.median(eight)),
                "median s of one client": float(np.median(single)),
                "p95 s of one client": float(np.percentile(single, 95)),
                "s to index the feed": first,
                "s to apply it unchanged": again.seconds,
            },
            sizes={"products": PRODUCTS, "clients": CLIENTS, "requests": len(eight)},
        )


def write_feed(file: Path) -> Path:
    draw = random.Random(16)
    lines = ["\t".join(COLUMNS.split())]
    for number in range(PRODUCTS):
        image = number % IMAGES
        row = (
            f"p{number}",
            f"Product {number}",
            f"{image // 500:03d}/{image:06d}.jpg",
            f"{draw.uniform(1, 120):.2f} EUR",
            draw.choice(("in stock", "in stock", "out of stock")),
            f"brand {draw.randrange(100)}",
            draw.choice(("red", "green", "blue", "black", "white")),
            draw.choice(("S", "M", "L", "XL")),
            f"group {number // 5}",
            draw.choice(("Shoes", "Dresses", "Shirts", "Coats")),
        )
        lines.append("\t".join(row))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def measure(port: int, clients: int, requests: int) -> list[float]:
    """Seconds of each request of ``clients`` that send theirs without pause."""
    spent: list[float] = []

    def work(worker: int) -> None:
        client = Client(port)
        for number in range(requests):
            body = {
                "query": modification(1000 * worker + number),
                "filters": {"price": {"max": 6000}, "availability": "in_stock"},
                "facets": FACETS,
                "context": {"currency": "EUR"},
                "pagination": {"limit": 20},
            }
            started = time.perf_counter()
            client.ask("/catalog/search", body)
            spent.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent


if __name__ == "__main__":
    for row in run():
        print(row.show(), flush=True)
