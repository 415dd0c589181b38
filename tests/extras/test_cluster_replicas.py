"""Slow, full, other and new replicas: what a fleet does about each, with actors in this process.

Ray itself is killed in ``test_cluster_failures.py``; here every call waits until the test lets it go.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import ClusterError, GalleryMismatchError, ModelError
from stitch_cir.gallery import Gallery, index_folder, renewed
from stitch_cir.searcher import Query, Results, Searcher, SearchSettings
from tests.conftest import noise

pytestmark = pytest.mark.cluster
pytest.importorskip("lance")

from stitch_cir.cluster import (  # noqa: E402 - needs the extra
    ClusterGallery,
    ClusterStatus,
    DatasetShard,
    NodeStatus,
    RayFleet,
    ShardCounts,
    ShardStatus,
    SharedDataset,
    Timing,
    export_gallery,
)
from stitch_cir.cluster.actors import Placement  # noqa: E402
from tests.extras.cluster_actors import ActorHere, RayHere  # noqa: E402

ENCODER = HashEncoder()
QUERY = Query("i01.png", "in red")
NEVER = 600.0


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(12):
        noise(number, 24, 30).save(folder / f"i{number:02}.png")
    index_folder(folder, encoder=ENCODER)
    return folder


@pytest.fixture
def uri(images: Path, tmp_path: Path) -> str:
    address = str(tmp_path / "photos.lance")
    export_gallery(images, address)
    return address


@pytest.fixture
def ray() -> Iterator[RayHere]:
    here = RayHere()
    yield here
    for actor in here.actors.values():
        actor.free.set()


def hits(results: Results) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in results]


def on_one_machine(images: Path) -> list[tuple[str, float]]:
    with Gallery.open(images, encoder=ENCODER) as gallery:
        return hits(Searcher(gallery).search(QUERY))


def search(fleet: RayFleet, query: Query = QUERY, **settings: Any) -> Results:
    gallery = ClusterGallery(fleet.uri, fleet, SharedDataset.open(fleet.uri).facts, ENCODER)
    return Searcher(gallery, settings=SearchSettings(**settings)).search(query)


def add_image(images: Path, uri: str) -> None:
    """Make version 2."""
    noise(77, 24, 30).save(images / "new.png")
    index_folder(images, encoder=ENCODER)
    export_gallery(images, uri)


@pytest.mark.parametrize("slow", [0, 1])
def test_a_slow_replica_is_hedged_by_the_other_one(
    slow: int, images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=0.01))
    held: ActorHere = deployment.replicas[1][slow].actor
    held.free.clear()
    for _ in range(2):  # replicas take turns at being asked first
        assert hits(search(fleet)) == on_one_machine(images)
    assert not held.free.is_set()
    of_shard = {each.number: each for each in fleet.shard_counts()}
    assert of_shard[2].hedged > 0
    assert of_shard[2].failed == 0
    assert of_shard[2].answered == of_shard[1].answered


def test_a_replica_that_does_not_answer_comes_last_until_it_does(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    """Else every question of every search would wait for it again."""
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=NEVER))
    away: ActorHere = deployment.replicas[1][0].actor
    away.unreachable = True
    for _ in range(3):
        assert hits(search(fleet)) == on_one_machine(images)
    assert away.calls.count("answer") == 1
    away.unreachable = False
    fleet.look()
    for _ in range(3):
        assert hits(search(fleet)) == on_one_machine(images)
    assert away.calls.count("answer") > 1


def test_a_replica_that_is_quick_enough_is_called_alone(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=NEVER))
    assert hits(search(fleet)) == on_one_machine(images)
    assert [each.hedged for each in fleet.shard_counts()] == [0, 0]


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | None], None]:
    """Let no shard below a folder be written any more; ``None``: there is room again."""
    write, full = Path.write_text, list[Path]()

    def write_or_fail(self: Path, *args: Any, **options: Any) -> int:
        if any(folder in self.parents for folder in full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return write(self, *args, **options)

    monkeypatch.setattr(Path, "write_text", write_or_fail)

    def fill(folder: Path | None) -> None:
        full[:] = [] if folder is None else [folder]

    return fill


def test_a_full_disk_keeps_the_version_that_all_hold_and_names_the_node(
    images: Path, uri: str, ray: RayHere, tmp_path: Path, fill_disk: Callable[[Path | None], None]
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2, replicas=2))
    before = on_one_machine(images)
    add_image(images, uri)
    fill_disk(tmp_path / "node1")
    with pytest.raises(ClusterError, match=r"node \S+ cannot load version 2 .*No space left") as no:
        fleet.refresh()
    assert "Make room there" in no.value.hint
    assert str(no.value).count("Make room there") == 1
    assert (fleet.version(), hits(search(fleet))) == (1, before)
    problems = [row["problem"] for row in fleet.status()]
    assert len([each for each in problems if "No space left" in each]) in (1, 2)
    fill_disk(None)
    fleet.refresh()
    assert (fleet.version(), hits(search(fleet))) == (2, on_one_machine(images))
    assert [row["problem"] for row in fleet.status()] == [""] * 4


def test_a_replica_whose_node_has_no_room_is_left_to_the_other_one(
    images: Path, uri: str, ray: RayHere, tmp_path: Path, fill_disk: Callable[[Path | None], None]
) -> None:
    """It was started anew on a full node; where no replica can, that is said without waiting."""
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=NEVER))
    fill_disk(tmp_path / "elsewhere")
    first, second = deployment.replicas[0]
    first.actor.shard = DatasetShard(uri, first.numbers, str(tmp_path / "elsewhere"))
    for _ in range(2):
        assert hits(search(fleet)) == on_one_machine(images)
    second.actor.shard = DatasetShard(uri, second.numbers, str(tmp_path / "elsewhere"))
    with pytest.raises(ClusterError, match=r"shard 1 of 2 .* node \S+ cannot load .*No space left"):
        search(fleet)
    partial = search(fleet, Query(text="in red"), partial=True)
    assert "No space left" in partial.missing[0]
    assert not partial.complete


def test_a_replica_of_another_stitch_is_left_to_the_other_one(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=NEVER))

    def outdated(method: str, answer: Any) -> Any:
        return (*answer[:2], "0.0.1", *answer[3:]) if method == "answer" else answer

    first, second = deployment.replicas[1]
    first.actor.changes = outdated
    for _ in range(2):
        assert hits(search(fleet)) == on_one_machine(images)
    second.actor.changes = outdated
    with pytest.raises(ClusterError, match=r"shard 2 of 2 .* runs stitch 0.0.1, and the router"):
        search(fleet)


def test_a_silent_shard_is_not_waited_for_where_it_may_be_missing(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    """Else every question of a search would wait until its deadline."""
    deployment = ray.start(uri, tmp_path, 2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=0.3, hedge=0.01))
    held: ActorHere = deployment.replicas[0][0].actor
    held.free.clear()
    with pytest.raises(ClusterError, match="shard 1 of 2 .* did not answer in time"):
        search(fleet)
    patient = RayFleet.attached(fleet, Timing(NEVER, NEVER, silent=NEVER))
    assert not search(patient, Query(text="in red"), partial=True).complete
    held.free.set()
    patient.look()
    results = search(patient, partial=True)
    assert (results.complete, hits(results)) == (True, on_one_machine(images))


def test_a_search_that_needs_a_silent_shard_is_refused_soon(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2)
    fleet = RayFleet(ray, deployment, timing=Timing(NEVER, NEVER, silent=0.05))
    lost = deployment.replicas[1][0]
    lost.actor.dead = True
    for _ in range(2):  # a process that is started again is back at the second look
        assert fleet.state().missing == {}
        fleet.look()
    assert "shard 2 of 2" in fleet.state().missing[1]
    assert fleet.state().images == 12
    with pytest.raises(ClusterError, match="shard 2 of 2 .* The actor is dead"):
        search(fleet)
    lost.actor.dead = False
    assert hits(search(RayFleet.attached(fleet, Timing(NEVER, NEVER, silent=NEVER)))) == (
        on_one_machine(images)
    )
    assert fleet.state().missing == {}


def test_a_shard_is_silent_while_it_loads_the_version_that_is_searched(
    uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2)
    fleet = RayFleet(ray, deployment)
    first = deployment.replicas[0][0]

    def loading(method: str, answer: Any) -> Any:
        return {**answer, "versions": {}, "loading": 1} if method == "hello" else answer

    first.actor.changes = loading
    fleet.look()
    fleet.look()
    assert "is still loading version 1" in fleet.state().missing[0]
    first.actor.changes = lambda method, answer: answer
    fleet.look()
    assert fleet.state().missing == {}


def test_shards_of_another_number_answer_when_the_former_are_ended(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    before = fleet.deployment.all
    expected = on_one_machine(images)
    for each in ray.start(uri, tmp_path, 3).all:
        each.actor.shard.load(1)
    assert hits(search(fleet)) == expected
    assert fleet.deployment.all == before
    ray.end(*(each.name for each in before))
    assert hits(search(fleet)) == expected
    assert len(fleet.deployment.replicas) == 3


def test_replicas_answer_from_the_next_look_on_and_no_more_when_they_are_ended(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    grown = ray.start(uri, tmp_path, 2, replicas=2)
    fleet.refresh()
    assert fleet.deployment.all == grown.all
    assert all(list(row["versions"]) == [1] for row in fleet.status())
    for of_shard in grown.replicas:
        ray.end(of_shard[0].name)
    assert hits(search(fleet)) == on_one_machine(images)
    fleet.refresh()
    assert fleet.deployment.all == tuple(of_shard[1] for of_shard in grown.replicas)


def test_shards_that_were_ended_on_purpose_are_not_waited_for(
    uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(deadline=NEVER, hedge=NEVER))
    ray.end(*(each.name for each in deployment.all))
    ended = r"shard \d of 2 .* was ended on purpose \(stitch cluster stop\)"
    for _ in range(2):
        with pytest.raises(ClusterError, match=ended) as raised:
            search(fleet)
        assert "makes the shards anew" in raised.value.hint
    assert "ended on purpose" in fleet.state().missing[0]


@pytest.mark.parametrize("look", ["a look", "a search"])
def test_a_shard_that_was_ended_and_made_again_answers_under_the_same_name(
    look: str, images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    before = fleet.deployment.all
    ray.end(before[1].name)
    # as a server that starts makes what is missing
    again = ray.start(uri, tmp_path, 2).all
    assert [each.name for each in again] == [each.name for each in before]
    if look == "a look":
        fleet.refresh()
    assert hits(search(fleet)) == on_one_machine(images)
    assert fleet.deployment.all == again
    assert all(list(row["versions"]) == [1] for row in fleet.status())


def test_a_replica_that_was_started_anew_loads_before_its_first_question(
    uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2)
    fleet = RayFleet(ray, deployment)
    first = deployment.replicas[0][0]
    first.actor.shard = DatasetShard(uri, first.numbers, str(tmp_path / "node0"))
    first.actor.calls.clear()
    fleet.refresh()
    assert first.actor.calls == ["hello", "load"]
    assert deployment.replicas[1][0].actor.calls[-1] == "hello"


class OtherEncoder(HashEncoder):
    """An encoder whose vectors cannot be compared with those of the other one."""

    fingerprint = "0" * 64


def test_a_version_of_another_encoder_is_searched_when_that_is_loaded(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2))
    before = on_one_machine(images)
    gallery = ClusterGallery(uri, fleet, SharedDataset.open(uri).facts, ENCODER)
    dataset = SharedDataset.open(uri)
    dataset.record({**dataset.facts, "fingerprint": OtherEncoder.fingerprint})

    def refuse(facts: Any) -> OtherEncoder:
        raise ModelError("There is no model.", hint="Fetch it: stitch models pull")

    fleet.load_encoder = refuse
    with pytest.raises(ModelError, match="no model"):
        fleet.refresh()
    assert (fleet.version(), hits(Searcher(gallery).search(QUERY))) == (1, before)
    fleet.load_encoder = lambda facts: OtherEncoder()
    fleet.refresh()
    with pytest.raises(GalleryMismatchError, match="made again by test"):
        Searcher(gallery).search(QUERY)
    opened = renewed(gallery)
    assert isinstance(opened.encoder, OtherEncoder)
    assert hits(Searcher(opened).search(QUERY)) == before
    assert renewed(opened) is opened


def shard(number: int, replica: int, **facts: Any) -> ShardStatus:
    held = {"versions": {7: 5}, "answered": 3, **facts}
    return ShardStatus(number, 2, replica, "host", **held)


def test_a_clock_that_is_off_is_a_problem_of_its_node() -> None:
    nodes = (NodeStatus("a (10.0.0.1)", True, 4.0), NodeStatus("b (10.0.0.2)", True, 4.0))
    late = shard(2, 1, node="b (10.0.0.2)", clock_offset=-3600.0)
    near = shard(1, 1, node="a (10.0.0.1)", clock_offset=0.5)
    assert ClusterStatus("u", 7, 10, nodes, (near, late)).problems() == (
        "the clock of the node b (10.0.0.2) is 60 minutes behind this machine's",
    )


def test_replicas_on_the_only_node_are_noted_and_no_problem() -> None:
    nodes = (NodeStatus("a (10.0.0.1)", True, 4.0), NodeStatus("b (10.0.0.2)", False, 4.0))
    shards = tuple(shard(number, replica) for number in (1, 2) for replica in (1, 2))
    state = ClusterStatus("u", 7, 10, nodes, shards, together=("1/2", "2/2"))
    assert state.problems() == ()
    assert state.to_dict()["notes"] == [
        "the replicas of 1/2, 2/2 are on the only node that can run shards, and end with it: start "
        "another node, then move them apart with stitch cluster scale"
    ]
    assert ClusterStatus("u", 7, 10, nodes, shards).notes() == ()


def test_a_replica_that_loads_is_a_problem_only_where_no_other_is_ready() -> None:
    loading = {"versions": {}, "loading": 7}
    nodes = (NodeStatus("host (10.0.0.1)", True, 4.0),)
    others = shard(1, 2), shard(2, 1)
    state = ClusterStatus("u", 7, 10, nodes, (shard(1, 1, **loading), *others))
    assert state.problems() == ()
    assert "3 of 3 shards answer, 1 of them loading" in state.summary()
    assert [each.state for each in state.shards] == ["loading", "up", "up"]
    state = ClusterStatus("u", 7, 10, nodes, (shard(1, 1, **loading), shard(2, 1)))
    assert state.problems() == ("shard 1/2, replica 1 is still loading version 7",)
    full = {"versions": {6: 5}, "failure": "The node host cannot load version 7: no space"}
    state = ClusterStatus("u", 7, 10, nodes, (shard(1, 1, **full), *others))
    assert state.problems() == (
        "shard 1/2, replica 1 does not hold version 7: The node host cannot load version 7: no space",
    )


def test_shares_of_a_gpu_are_placed_where_they_fit() -> None:
    placement = Placement({"a": 8.0, "b": 8.0}, {"a": 2.0, "b": 1.0}, 0.4)
    # two on each GPU, as none lies on two of them
    placement.check_gpus(6)
    with pytest.raises(ClusterError, match=r"\(3 on 2 nodes\) can take 6"):
        placement.check_gpus(7)
    chosen = [placement.choose((number, 6)) for number in range(6)]
    assert sorted(filter(None, chosen)) == ["a", "a", "a", "a", "b", "b"]
    assert placement.choose((0, 6)) is None
    with pytest.raises(ClusterError, match="1 further replica with .* can take 0"):
        placement.check_gpus(1)
    with pytest.raises(ClusterError, match="no node of this cluster has one that Ray knows of"):
        Placement({}, {}, 0.4).check_gpus(1)
    Placement({"a": 1.0}).check_gpus(99)


def replace_dataset(images: Path, uri: str) -> None:
    """Make another dataset at the same address, with as many images and versions."""
    other = images.parent / "other"
    other.mkdir()
    for number in range(len(list(images.glob("*.png")))):
        noise(100 + number, 30, 24).save(other / f"i{number:02}.png")
    index_folder(other, encoder=ENCODER)
    shutil.rmtree(uri)
    export_gallery(other, uri)


def test_a_dataset_that_was_replaced_is_not_answered_from_what_nodes_kept(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    expected = on_one_machine(images)
    replace_dataset(images, uri)
    # what is searched stays, and neither servers nor shards mix the two
    with pytest.raises(ClusterError, match="was replaced by another one") as refused:
        fleet.refresh()
    assert "stitch cluster stop" in refused.value.hint
    assert hits(search(fleet)) == expected
    with pytest.raises(ClusterError, match="still hold version 1 of the one before"):
        RayFleet(ray, ray.start(uri, tmp_path, 2))
    ray.end(*ray.actors)
    again = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    assert hits(search(again)) == on_one_machine(images.parent / "other") != expected


def test_a_shard_that_starts_again_does_not_load_another_dataset(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 1), timing=Timing(NEVER, NEVER))
    replace_dataset(images, uri)
    (replica,) = fleet.deployment.all
    replica.actor.shard = DatasetShard(uri, replica.numbers, str(tmp_path / "elsewhere"))
    with pytest.raises(ClusterError, match="another dataset has taken its place"):
        search(fleet)


def test_seconds_of_a_shard_are_counted_by_how_many_they_are() -> None:
    counts = ShardCounts()
    for seconds in (0.004, 0.2, 60.0):
        counts.answered(0, seconds)
    (of_shard,) = counts.read()
    assert (of_shard.number, of_shard.answered, of_shard.seconds) == (1, 3, 60.204)
    assert [of_shard.within[bound] for bound in (0.005, 0.1, 0.25, 20.0)] == [1, 1, 2, 2]


# -- what others do between a look and what is done upon it --------------------------------------


def test_an_actor_that_is_ended_while_all_are_listed_is_left_out(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    listed, ended = ray.util.list_named_actors, ray.start(uri, tmp_path, 2, replicas=2).all[1]

    def list_and_end(*, all_namespaces: bool) -> list[dict[str, str]]:
        names: list[dict[str, str]] = listed(all_namespaces)
        if ended.name in ray.actors:
            ray.end(ended.name)
        return names

    ray.util.list_named_actors = list_and_end
    fleet.refresh()
    assert ended.name not in {each.name for each in fleet.deployment.all}
    assert hits(search(fleet)) == on_one_machine(images)


def test_shards_that_are_changed_again_and_again_during_a_search_are_one_error(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    fleet = RayFleet(ray, ray.start(uri, tmp_path, 2), timing=Timing(NEVER, NEVER))
    counts = iter(range(3, 99))

    def replace_all() -> None:
        """End the shards that are asked, when others are there."""
        before = list(ray.actors)
        for each in ray.start(uri, tmp_path, next(counts)).all:
            each.actor.shard.load(1)
            each.actor.before_answer = replace_all
        ray.end(*before)

    for each in fleet.deployment.all:
        each.actor.before_answer = replace_all
    with pytest.raises(ClusterError, match="were changed during this search"):
        search(fleet)
    for actor in ray.actors.values():
        actor.before_answer = None
    assert hits(search(fleet)) == on_one_machine(images)


def clean_up(uri: str) -> None:
    """Delete all versions but the newest."""
    dataset = SharedDataset.open(uri)
    for tag in [tag for each in dataset.versions() for tag in each.tags]:
        dataset.untag(tag)
    assert dataset.compact(keep_days=0).versions_deleted


def test_a_version_that_one_replica_no_longer_holds_is_answered_by_the_other_one(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    """It was started anew, and the version has been cleaned up since."""
    deployment = ray.start(uri, tmp_path, 2, replicas=2)
    fleet = RayFleet(ray, deployment, timing=Timing(NEVER, NEVER))
    before = on_one_machine(images)
    add_image(images, uri)
    clean_up(uri)
    first, second = deployment.replicas[0]
    first.actor.shard = DatasetShard(uri, first.numbers, str(tmp_path / "elsewhere"))
    for _ in range(2):
        assert hits(search(fleet)) == before
    second.actor.shard = DatasetShard(uri, second.numbers, str(tmp_path / "elsewhere"))
    with pytest.raises(ClusterError, match="has no version '1'; it may have been cleaned up"):
        search(fleet)
    fleet.refresh()
    assert hits(search(fleet)) == on_one_machine(images)


def test_a_version_that_is_cleaned_up_before_it_is_loaded_gives_way_to_a_newer_one(
    images: Path, uri: str, ray: RayHere, tmp_path: Path
) -> None:
    deployment = ray.start(uri, tmp_path, 2)

    def others() -> None:
        deployment.all[0].actor.before_load = None
        add_image(images, uri)
        clean_up(uri)

    deployment.all[0].actor.before_load = others
    fleet = RayFleet(ray, deployment)
    assert fleet.version() == SharedDataset.open(uri).version > 1
    assert hits(search(fleet)) == on_one_machine(images)
