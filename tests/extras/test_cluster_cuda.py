"""Shards and encoders of a cluster on a GPU, against one machine; skipped where torch sees none.

They need Ray, Lance, torch and transformers in one environment. Two shards share the one GPU.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.encoders import load_encoder
from stitch_cir.errors import ClusterError, ModelError, SettingError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.searcher import Query, Searcher, SearchSettings
from stitch_cir.transport import TorchScorer
from tests.conftest import noise

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")
ray = pytest.importorskip("ray")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
if not torch.cuda.is_available():
    pytest.skip("torch sees no CUDA device here", allow_module_level=True)

from stitch_cir.cluster import (  # noqa: E402 - needs the extra
    ClusterGallery,
    ClusterOptions,
    RayFleet,
    Timing,
    export_gallery,
    import_gallery,
    index_on_cluster,
    open_cluster,
)
from tests.extras.cluster_cases import (  # noqa: E402
    CASES,
    ENCODER,
    QUERIES,
    QUERY,
    SETTINGS,
    answer,
    make_source,
    random_case,
)
from tests.extras.cluster_fleet import open_here  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cuda")


@pytest.fixture(scope="module")
def uri(scratch: Path) -> str:
    address = str(scratch / "photos.lance")
    export_gallery(make_source(scratch / "images"), address)
    return address


@pytest.fixture(scope="module")
def whole(scratch: Path, uri: str) -> Iterator[Gallery]:
    with Gallery.open(scratch / "images", encoder=ENCODER) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def parted(scratch: Path, uri: str, whole: Gallery) -> ClusterGallery:
    """Three shards in this process."""
    return open_here(uri, scratch / "here", 3, ENCODER)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests here, which finds the GPUs itself."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT), *_paths()]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        warnings.filterwarnings("ignore", message="lance is not fork-safe")
        ray.init(
            "local",
            num_cpus=4,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            namespace="stitch",
            object_store_memory=80_000_000,
        )
        yield
        ray.shutdown()


def _paths() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


@pytest.fixture(scope="module")
def actors(cluster: None, scratch: Path, uri: str) -> Iterator[ClusterGallery]:
    """Two shards that are actors of Ray."""
    options = ClusterOptions(shards=2, folder=scratch / "actors", timing=Timing(deadline=90.0))
    with closing(open_cluster("local", uri, encoder=ENCODER, options=options)) as gallery:
        assert isinstance(gallery, ClusterGallery)
        yield gallery


def assert_as_on_the_processor(
    parted: Gallery, whole: Gallery, query: Query, settings: Mapping[str, Any], device: str = "cuda"
) -> bool:
    """Search in shards on a GPU and on one machine's processor: equal.

    Return whether a GPU does it; if not, it is refused as on one machine.
    """
    there = answer(parted, query, {**settings, "device": device})
    here = answer(whole, query, settings)
    if isinstance(here, dict) and not isinstance(there, dict):
        assert there[0] is SettingError
        assert "cannot be computed on cuda" in there[1]
        assert there == answer(whole, query, {**settings, "device": device})
        return False
    if isinstance(there, dict):
        assert there["settings"]["device"] == "cuda"
        there["settings"]["device"] = "cpu"
    assert there == here
    return True


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_settings_give_on_a_gpu_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, settings: dict[str, Any]
) -> None:
    done = assert_as_on_the_processor(parted, whole, QUERY, settings)
    assert done or set(settings) & {"scorer", "transition"}


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_queries_give_on_a_gpu_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, number: int
) -> None:
    assert assert_as_on_the_processor(parted, whole, QUERIES[number], {})


@pytest.mark.parametrize("seed", range(CASES))
def test_random_searches_give_on_a_gpu_what_one_machine_gives(
    whole: Gallery, parted: ClusterGallery, seed: int
) -> None:
    assert_as_on_the_processor(parted, whole, *random_case(seed))


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_actors_that_share_a_gpu_give_what_one_machine_gives(
    whole: Gallery, actors: ClusterGallery, device: str
) -> None:
    assert Searcher(actors, settings=SearchSettings(device=device)).search(
        QUERY
    ).settings.device == ("cuda")
    cases = [(QUERY, settings) for settings in SETTINGS]
    cases += [random_case(seed) for seed in range(1000, 1000 + CASES // 2)]
    done = [assert_as_on_the_processor(actors, whole, *case, device) for case in cases]
    assert sum(done) > len(done) // 2


def test_an_actor_that_is_killed_takes_the_gpu_again(
    whole: Gallery, actors: ClusterGallery
) -> None:
    fleet = actors.fleet
    assert isinstance(fleet, RayFleet)
    before = [row["pid"] for row in fleet.status()]
    os.kill(before[0], signal.SIGKILL)
    assert_as_on_the_processor(actors, whole, QUERY, {})
    after = [row["pid"] for row in fleet.status(60.0)]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_gpu_that_is_not_there_is_one_error_that_names_node_and_cause(
    parted: ClusterGallery, actors: ClusterGallery
) -> None:
    settings = SearchSettings(device="cuda:99")
    node = re.escape(platform.node())
    for gallery in (parted, actors):
        with pytest.raises(
            ModelError, match=rf"On the node {node}.*: Scoring on cuda:99 .* torch sees \d+ CUDA"
        ):
            Searcher(gallery, settings=settings).search(QUERY)


def test_a_gpu_whose_memory_is_full_is_one_error_that_names_node_and_cause(
    scratch: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: TorchScorer, array: Any) -> Any:
        return torch.empty(1 << 50, dtype=torch.uint8, device="cuda")

    gallery = open_here(uri, scratch / "here", 3, ENCODER)
    monkeypatch.setattr(TorchScorer, "send", full)
    with pytest.raises(ModelError, match=rf"On the node {platform.node()}: The memory of cuda is"):
        Searcher(gallery, settings=SearchSettings(device="cuda")).search(QUERY)


@pytest.mark.parametrize(
    "options", [{}, {"workers": 2, "num_gpus": 0.5, "unit": 4}], ids=["one", "two that share a GPU"]
)
def test_encoders_on_a_gpu_index_as_one_machine_does(
    cluster: None, clip_folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """What is encoded together is encoded to the same bits; a GPU rounds other batches otherwise."""
    images, uri = tmp_path / "images", str(tmp_path / "photos.lance")
    images.mkdir()
    for number in range(11):
        noise(number, 40 + number, 48).save(images / f"{number:02}.png")
    (images / "broken.png").write_bytes(b"no image")
    name = f"transformers:{clip_folder}"
    report = index_on_cluster(images, uri, encoder=name, device="cuda", **options)
    assert (report.index.images, report.workers) == (11, options.get("workers", 1))
    import_gallery(uri, tmp_path / "there")
    encoder = load_encoder(name, device="cuda")
    index_folder(images, tmp_path / "here", encoder=encoder)
    with (
        Gallery.open(tmp_path / "here", encoder=encoder) as here,
        Gallery.open(tmp_path / "there", encoder=encoder) as there,
    ):
        assert there.ids == here.ids
        assert there.skipped() == here.skipped()
        assert there.info()["fingerprint"] == here.info()["fingerprint"]
        made, expected = there.matrix().vectors, here.matrix().vectors
        np.testing.assert_allclose(made, expected, atol=1e-6, rtol=0)
        if "unit" not in options:
            np.testing.assert_array_equal(made, expected)


def test_an_encoder_that_no_gpu_runs_is_one_error_that_names_the_node(
    cluster: None, tmp_path: Path
) -> None:
    noise(1, 40, 48).save(tmp_path / "1.png")
    with pytest.raises(
        ClusterError, match=r"On the node \S+ \(\S+\): The encoder test runs on the"
    ):
        index_on_cluster(tmp_path, str(tmp_path / "x.lance"), encoder="test", device="cuda")
