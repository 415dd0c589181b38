"""A server on a local Ray cluster of two shards, one of which can be ended; run as a program.

``python -m tests.browser.cluster_server GALLERY FOLDER`` in an environment with Ray and Lance writes
a JSON line with its address and the ids in the first shard. A line on its standard input ends the
actor of the second shard for good, and is answered by another line once the router knows it; the end
of its input ends the server.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from stitch_cir.cluster import (
    ClusterGallery,
    ClusterOptions,
    RayFleet,
    SharedDataset,
    export_gallery,
    open_cluster,
)
from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from tests.browser.conftest import running


def say(**facts: Any) -> None:
    """Write one line for the tests."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(images: Path, folder: Path) -> None:
    """Export a gallery, and serve it in two shards until the input ends."""
    import ray

    uri = str(folder / "shapes.lance")
    export_gallery(images, uri)
    rows = list(SharedDataset.open(uri).rows(["id", "shard"]))
    options = ClusterOptions(shards=2, folder=folder / "shards")
    with closing(open_cluster("local", uri, encoder=HashEncoder(), options=options)) as gallery:
        assert isinstance(gallery, ClusterGallery)
        assert isinstance(gallery.fleet, RayFleet)
        first, second = (of_shard[0] for of_shard in gallery.fleet.deployment.replicas)
        below = first.numbers[1]
        app = create_app(gallery, encoder=HashEncoder(), settings=ServerSettings(rate=0))
        with running(app) as address:
            say(address=address, first=sorted(row["id"] for row in rows if row["shard"] < below))
            if sys.stdin.readline():
                ray.kill(second.actor, no_restart=True)
                while not gallery.fleet.state().missing:
                    gallery.fleet.look()
                say(missing=gallery.fleet.state().missing[1])
                sys.stdin.read()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
