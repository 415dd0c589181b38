"""i-CIR, PinPoint and the stamps' paraphrases: negatives, several references, several wordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.benchmarks import (
    Predictions,
    RunOptions,
    paraphrase_spread,
    run_benchmark,
    score,
)
from stitch_cir.benchmarks.report import write_report
from stitch_cir.datasets import (
    Benchmark,
    load_benchmark,
    negative_rate,
    trapezoid_average_precision,
)
from stitch_cir.datasets.stamps import Size, make_stamps_benchmark
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import NotFoundError, RecordError
from tests.benchmarks.drawn_stamps import draw_stamps
from tests.command import invoke

ENCODER = HashEncoder()
OPTIONS = RunOptions(sweeps=False)


def paint(folder: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
        Image.new("RGB", (40, 30), colour).save(path)


# -- i-CIR --------------------------------------------------------------------------------------


def icir(root: Path, *, below: str = "") -> Path:
    base = root / "icir"
    database = [
        ("database/temple/1.jpg", "at night", "temple"),
        ("database/temple/2.jpg", "at night", "temple"),
        ("database/temple/hn/3.jpg", "none", "temple"),
        ("database/mug/1.jpg", "as a sketch", "mug"),
        ("database/mug/hn/2.jpg", "none", "mug"),
    ]
    queries = [
        ("query/temple/q.jpg", "at night", "temple"),
        ("query/mug/q.jpg", "as a sketch", "mug"),
        ("query/temple/r.jpg", "at night", "temple"),
    ]
    (base / below).mkdir(parents=True, exist_ok=True)
    for name, rows in (("database_files.csv", database), ("query_files.csv", queries)):
        (base / below / name).write_text("".join(",".join(row) + "\n" for row in rows))
    paint(base, [row[0] for row in (*database, *queries)])
    return base


@pytest.mark.parametrize("below", ["", "annotations"])
def test_icir_ranks_the_images_of_an_instance(tmp_path: Path, below: str) -> None:
    icir(tmp_path, below=below)
    data = load_benchmark("icir", tmp_path)
    (task,) = data.tasks
    first = task.queries[0]
    assert first.answers == ("database/temple/1.jpg", "database/temple/2.jpg")
    assert first.group == (*first.answers, "database/temple/hn/3.jpg")
    # images of queries are encoded, and ranked nowhere
    assert set(task.query_images).isdisjoint(task.gallery)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=OPTIONS)
    assert run.main.clusters.count == 2
    assert run.manifest["counts"]["gallery"] == 5
    for id, (_, query) in data.queries.items():
        assert {name for name, _ in run.heads()[id].hits} == set(query.group)
        assert {name for name, _ in run.heads("image-only")[id].hits} == set(query.group)
    assert set(run.main.headline) == {"mAP", "R@1", "R@5", "R@10"}


def test_icirs_average_precision_is_its_own() -> None:
    # their code: steps of 1 / (n + 1e-5) over the trapezoids of the precision at every hit
    rng = np.random.default_rng(0)
    for _ in range(50):
        length = int(rng.integers(1, 12))
        right = rng.random(length) < 0.4
        right[int(rng.integers(length))] = True
        ids = [str(number) for number in range(length)]
        answers = [id for id, is_right in zip(ids, right, strict=True) if is_right]
        ranks, total = np.flatnonzero(right), 0.0
        for hit, rank in enumerate(ranks):
            before = 1.0 if rank == 0 else hit / rank
            total += (before + (hit + 1) / (rank + 1)) / (len(ranks) + 1e-5) / 2
        assert trapezoid_average_precision(ids, answers) == pytest.approx(total, abs=1e-4)


def test_icirs_files_are_checked(tmp_path: Path) -> None:
    base = icir(tmp_path)
    (base / "query_files.csv").write_text("query/temple/q.jpg,by day,temple\n")
    with pytest.raises(RecordError, match="line 1: the instance 'temple' has no image"):
        load_benchmark("icir", tmp_path)
    (base / "query_files.csv").write_text("query/temple/q.jpg,at night\n")
    with pytest.raises(RecordError, match="line 1: .* is not path,text,instance"):
        load_benchmark("icir", tmp_path)
    (base / "query_files.csv").unlink()
    with pytest.raises(NotFoundError, match=r"query_files\.csv is missing") as caught:
        load_benchmark("icir", tmp_path)
    assert "vrg.fel.cvut.cz" in caught.value.hint
    shown = invoke(["bench", "check", "icir", "--root", str(tmp_path)])
    assert "MISSING queries" in shown.output


# -- M-BEIR -------------------------------------------------------------------------------------


def mbeir(root: Path) -> Path:
    base = root / "M-BEIR"
    images = [f"mbeir_images/cirr_images/dev/{number}.jpg" for number in range(6)]

    def image(did: str, path: str) -> dict[str, Any]:
        return {"txt": None, "img_path": path, "modality": "image", "did": did}

    local = [image(f"7:{number}", path) for number, path in enumerate(images)]
    text = {"txt": "a dog", "img_path": None, "modality": "text", "did": "9:1"}
    both = {"txt": "a cat", "img_path": images[0], "modality": "image,text", "did": "2:1"}
    other = "mbeir_images/fashioniq_images/z.jpg"
    union = [*local, text, both, image("1:1", other)]
    outside = "mbeir_images/cirr_images/dev/reference.jpg"

    def query(qid: str, path: str, right: list[str]) -> dict[str, Any]:
        return {
            "qid": qid, "query_txt": " two  of them ", "query_img_path": path,
            "query_modality": "image,text", "pos_cand_list": right, "neg_cand_list": [],
            "task_id": 7,
        }  # fmt: skip

    files = {
        "query/test/mbeir_cirr_task7_test.jsonl": [
            query("7:100", images[0], ["7:1"]),
            query("7:101", outside, ["7:2", "7:3"]),
        ],
        "cand_pool/local/mbeir_cirr_task7_cand_pool.jsonl": local,
        "cand_pool/global/mbeir_union_test_cand_pool.jsonl": union,
    }
    for name, rows in files.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    paint(base, [*images, other, outside])
    return base


def test_each_pool_of_mbeir_is_a_data_set(tmp_path: Path) -> None:
    mbeir(tmp_path)
    data = load_benchmark("mbeir-cirr", tmp_path)
    assert data.split == "local"
    (task,) = data.tasks
    assert task.gallery == tuple(f"7:{number}" for number in range(6))
    first, second = task.queries
    assert (first.reference, first.text, first.answers) == ("7:0", "two of them", ("7:1",))
    # a reference that is in no pool is encoded, and never ranked
    assert task.query_images == (second.reference,)
    assert second.answers == ("7:2", "7:3")
    assert "not CIRR's protocol" in data.protocol
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=OPTIONS)
    assert set(run.main.headline) == {"hit@1", "hit@5", "hit@10", "hit@50"}
    # the reference stays in the ranking
    assert "7:0" in {id for id, _ in run.heads()["7:100"].hits}
    assert "not CIRR's protocol" in run.manifest["benchmark"]["protocol"]


def test_of_mbeirs_union_the_images_are_ranked_and_it_says_so(tmp_path: Path) -> None:
    mbeir(tmp_path)
    data = load_benchmark("mbeir-cirr", tmp_path, "union-images")
    (task,) = data.tasks
    assert task.gallery == (*(f"7:{number}" for number in range(6)), "1:1")
    assert "without the texts" in data.protocol
    assert any("2 candidates" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("query/test/mbeir_cirr_task7_test.jsonl", '{"qid": "7:1"}', "query_img_path.* missing"),
        (
            "query/test/mbeir_cirr_task7_test.jsonl",
            '{"qid": "7:1", "query_img_path": "a", "query_txt": "b", "pos_cand_list": ["8:8"]}',
            "8:8 is no image of the pool",
        ),
        ("cand_pool/local/mbeir_cirr_task7_cand_pool.jsonl", "[1", "no JSON"),
        (
            "cand_pool/local/mbeir_cirr_task7_cand_pool.jsonl",
            '{"did": "9:1", "modality": "text"}',
            "holds no image",
        ),
    ],
)
def test_mbeirs_files_are_checked(tmp_path: Path, name: str, line: str, message: str) -> None:
    (mbeir(tmp_path) / name).write_text(line + "\n")
    with pytest.raises(RecordError, match=message):
        load_benchmark("mbeir-cirr", tmp_path)


# -- PinPoint -----------------------------------------------------------------------------------


def signature(number: int) -> str:
    return f"{number:032x}"


def pinpoint(root: Path) -> Path:
    base = root / "pinpoint-dataset"
    base.mkdir(parents=True)
    gallery = [signature(number) for number in range(12)]
    (base / "index_signatures.txt").write_text("\n".join(gallery) + "\n")

    def query(id: int, text: str, images: list[int], right: list[int]) -> dict[str, Any]:
        return {
            "query_id": f"query_{id}",
            "query_image_signature": signature(images[0]),
            "query_image_signature2": signature(images[1]) if len(images) > 1 else None,
            "instruction": text,
            "positive_candidates": [signature(number) for number in right],
            "negative_candidates": [signature(9), signature(10)],
            "query_category": "shoes",
        }

    rows = [
        query(1, "in red", [50], [1, 2]),
        query(2, "make it red", [50], [1, 2]),
        query(3, "both together", [51, 3], [4]),
    ]
    (base / "pinpoint_metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    names = [*gallery, signature(50), signature(51)]
    paint(base / "images", [f"{name}.jpg" for name in names])
    return base


def test_pinpoint_has_negatives_paraphrases_and_two_images(tmp_path: Path) -> None:
    pinpoint(tmp_path)
    data = load_benchmark("pinpoint", tmp_path)
    (task,) = data.tasks
    first, second, both = task.queries
    assert first.variation_of == second.variation_of != both.variation_of
    assert both.references == (signature(51), signature(3))
    assert first.negatives == (signature(9), signature(10))
    assert both.kinds == ("shoes", "two images")
    assert set(task.query_images) == {signature(50), signature(51)}


def test_a_query_of_two_images_is_composed_of_both(tmp_path: Path) -> None:
    pinpoint(tmp_path)
    data = load_benchmark("pinpoint", tmp_path)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=OPTIONS)
    # the gallery alone is ranked, which may hold a reference
    gallery = set(data.tasks[0].gallery)
    for variant in run.variants:
        for head in run.heads(variant).values():
            assert {id for id, _ in head.hits} <= gallery
    # image only searches with both images: with one of them, hits come in another order
    half = (tmp_path / "pinpoint-dataset/pinpoint_metadata.jsonl").read_text()
    rows = [json.loads(line) for line in half.splitlines()]
    rows[2]["query_image_signature2"] = None
    (tmp_path / "pinpoint-dataset/pinpoint_metadata.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    single = run_benchmark(
        load_benchmark("pinpoint", tmp_path), tmp_path / "single", encoder=ENCODER, options=OPTIONS
    )
    id = "query_3"
    assert run.heads("image-only")[id].hits != single.heads("image-only")[id].hits
    assert run.heads("image-only")["query_1"] == single.heads("image-only")["query_1"]


def test_hard_negatives_and_the_spread_between_paraphrases_are_figures(tmp_path: Path) -> None:
    pinpoint(tmp_path)
    data = load_benchmark("pinpoint", tmp_path)
    order = [signature(number) for number in range(12)]
    ranked = {
        "query_1": tuple(order[1:]),  # both right answers first, no negative among ten
        "query_2": tuple(reversed(order)),  # negatives at ranks 2 and 3
        "query_3": tuple(order),
    }
    scores = score(data, Predictions(ranked))
    assert scores.values["all"]["Neg@10"].tolist() == [1.0, 1.0, 0.5]
    assert scores.values["all"]["P@10"].tolist() == [0.2, 0.1, 0.1]
    assert negative_rate(order, {signature(9), signature(10)}, 10) == 0.5
    # one group of two; the third query has no paraphrase
    spread = paraphrase_spread(data, scores.values)
    assert spread["P@10"].mean == pytest.approx(10.0)
    assert spread["P@10"].low == spread["P@10"].high == pytest.approx(10.0)


def test_less_is_better_where_a_metric_counts_what_is_wrong(tmp_path: Path) -> None:
    pinpoint(tmp_path)
    data = load_benchmark("pinpoint", tmp_path)
    run = run_benchmark(data, tmp_path / "run", encoder=ENCODER, options=OPTIONS)
    assert "Neg@10" not in run.composition_gap()
    write_report([run.folder], tmp_path / "out", queries=0)
    text = (tmp_path / "out/report.md").read_text("utf-8")
    lines = text[text.index("### Figures and controls") :].split("\n\n")[2].splitlines()
    column = [cell.strip() for cell in lines[0].split("|")].index("Neg@10")
    cells = [line.split("|")[column].strip() for line in lines[2:]]
    values = [float(cell.split()[0].strip("*")) for cell in cells]
    assert [cell.startswith("**") for cell in cells] == [each == min(values) for each in values]
    assert "### Spread between paraphrases" in text


def test_pinpoints_files_are_checked(tmp_path: Path) -> None:
    base = pinpoint(tmp_path)
    (base / "pinpoint_metadata.jsonl").write_text('{"query_id": 1}\n')
    with pytest.raises(RecordError, match="line 1: query_image_signature, instruction"):
        load_benchmark("pinpoint", tmp_path)
    (base / "pinpoint_metadata.jsonl").unlink()
    with pytest.raises(NotFoundError, match=r"pinpoint_metadata\.parquet is missing"):
        load_benchmark("pinpoint", tmp_path)


# -- stamps -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stamps(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    root = tmp_path_factory.mktemp("stamps")
    source = draw_stamps(root / "source" / "stamps")
    tiny = Size("tiny", 90, 40, 16, levels=2)
    make_stamps_benchmark(root / "STAMPS", source, tiny, 3)
    return load_benchmark("stamps", root, "val-paraphrases")


def test_a_stamps_hard_negatives_differ_in_one_attribute(stamps: Benchmark) -> None:
    scenes = {
        str(record["id"]): record
        for record in map(
            json.loads, (stamps.root / "scenes.jsonl").read_text("utf-8").splitlines()
        )
    }
    names = ("object", "colour", "count", "background", "landmark", "relation")
    some = False
    for _, query in stamps.queries.values():
        right = scenes[query.target or ""]
        near = {
            id
            for id, scene in scenes.items()
            if sum(scene[name] != right[name] for name in names) == 1 and id != query.reference
        }
        assert set(query.negatives) == near - set(query.answers)
        some = some or bool(near)
    assert some


def test_a_stamps_query_is_put_in_each_of_its_wordings(stamps: Benchmark) -> None:
    plain = load_benchmark("stamps", stamps.root, "val")
    groups: dict[str, list[str]] = {}
    for _, query in stamps.queries.values():
        groups.setdefault(query.variation_of, []).append(query.text)
    assert list(groups) == list(plain.queries)
    for id, texts in groups.items():
        # the query's own wording is one of them
        assert plain.queries[id][1].text in texts
        assert len(texts) >= 3
        assert len(set(texts)) == len(texts)
