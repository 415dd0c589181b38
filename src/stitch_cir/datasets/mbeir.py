"""CIRR and FashionIQ as M-BEIR has them (Wei et al., ECCV 2024): larger pools, other protocols.

Nothing here is a figure of CIRR's or FashionIQ's own protocols, so both are data sets of their own:
the pool is M-BEIR's, the reference stays in it, and the test queries are those of the original
validation splits. Of the union of all pools, which holds texts, too, the images alone are ranked;
the name of that split says so.
"""

from __future__ import annotations

from typing import Any

from stitch_cir.datasets._data import BenchmarkQuery, Task
from stitch_cir.datasets._dataset import DataSet
from stitch_cir.datasets._reader import Reader, parse_json
from stitch_cir.datasets.metrics import hits
from stitch_cir.errors import RecordError

__all__ = ["MBEIR_CIRR", "MBEIR_FASHIONIQ"]

UNION = "cand_pool/global/mbeir_union_test_cand_pool.jsonl"
_SOURCE = (
    "M-BEIR: https://huggingface.co/datasets/TIGER-Lab/M-BEIR (folders query, cand_pool and "
    "mbeir_images, its archive unpacked)."
)


def _mbeir(name: str, title: str) -> DataSet:
    """Return M-BEIR's task 7 (image and text to image) of one of its data sets."""
    queries = f"query/test/mbeir_{name}_task7_test.jsonl"
    pools = tuple(
        f"cand_pool/local/mbeir_{name}_task7_{part}cand_pool.jsonl" for part in ("test_", "")
    )

    def load(reader: Reader, split: str) -> tuple[Task, ...]:
        local = reader.find(*pools) or pools[0]
        files, ids = _pool(reader, UNION if split == "union-images" else local)
        outside: dict[str, None] = {}
        read = []
        for where, record in _records(reader, queries, "qid query_img_path query_txt"):
            answers = tuple(map(str, record.get("pos_cand_list") or ()))
            unknown = [id for id in answers if id not in files]
            if unknown or not answers:
                raise RecordError(
                    f"{where}: the right answer {', '.join(unknown) or '(none)'} is no image of "
                    "the pool.",
                    hint=f"Queries and pool are of different versions. {_SOURCE}",
                )
            image = str(record["query_img_path"])
            reference = ids.get(image, image)
            if reference not in files:
                outside[reference] = None
            text = " ".join(str(record["query_txt"]).split())
            read.append(BenchmarkQuery(str(record["qid"]), reference, text, answers[0], answers))
        gallery = tuple(files)
        everything = {**files, **{image: image for image in outside}}
        task = Task(
            name, tuple(read), gallery, reader.root, everything, query_images=tuple(outside)
        )
        return (task,)

    return DataSet(
        name=f"mbeir-{name}",
        title=f"M-BEIR {title}",
        folder="M-BEIR",
        splits={
            "local": f"M-BEIR, task 7, its local pool of {title}, reference kept: not {title}'s "
            "protocol",
            "union-images": "M-BEIR, task 7, the images of its union pool without the texts, "
            f"reference kept: neither {title}'s protocol nor M-BEIR's global one",
        },
        layout={
            "queries": queries,
            "local pool": pools,
            "union pool": UNION,
            "images": "mbeir_images",
        },
        source=_SOURCE,
        load=load,
        metrics=hits(1, 5, 10, 50),
    )


def _pool(reader: Reader, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the file of each candidate that is an image alone, and the id of each file."""
    files: dict[str, str] = {}
    ids: dict[str, str] = {}
    others = 0
    for where, record in _records(reader, name, "did modality"):
        if record["modality"] != "image":
            others += 1
            continue
        id, path = str(record["did"]), record.get("img_path")
        if not path:
            raise RecordError(f"{where}: an image without img_path.", hint=reader.hint)
        if id in files:
            raise RecordError(f"{where}: {id!r} is given twice.", hint=reader.hint)
        files[id] = str(path)
        ids.setdefault(str(path), id)
    if not files:
        raise RecordError(f"{reader.root / name} holds no image.", hint=reader.hint)
    if others:
        reader.notes.append(f"{others:,} candidates of {name} are no images alone: left out.")
    return files, ids


def _records(reader: Reader, name: str, keys: str) -> list[tuple[str, dict[str, Any]]]:
    """Return where each line stands, and its object, which has the keys."""
    read = []
    for number, line in enumerate(reader.lines(name), 1):
        where = f"{reader.root / name}, line {number}"
        record = parse_json(line.encode(), where)
        missing = [
            key for key in keys.split() if not isinstance(record, dict) or not record.get(key)
        ]
        if missing:
            raise RecordError(f"{where}: {', '.join(missing)} missing.", hint=reader.hint)
        read.append((where, record))
    return read


MBEIR_CIRR = _mbeir("cirr", "CIRR")
MBEIR_FASHIONIQ = _mbeir("fashioniq", "FashionIQ")
