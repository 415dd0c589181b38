"""What every command answers with ``--json``: names, values and exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import layouts
from tests.benchmarks.images import circo_images
from tests.chat.fake_server import Handler, completion, serving
from tests.cli.runs import Run, run_here
from tests.command import command_tree
from tests.pinned.gallery import paint_images
from tests.pinned.recording import compare_or_write, leave_common_out, normalised, shape

PINNED = Path(__file__).with_name("commands.json")
OURS = ("--gallery", "{root}/gallery", "--encoder", "test")
BY_TEXT = ("-c", "a blue thing", "-c", "blue, white")
RECORDED = ("--recorded", "{root}/recorded.jsonl")
MODEL = ("--composer", "chat", "--model", "m", "--base-url", "{server}", "--preset", "public-code")
CACHE = ("--cache", "{root}/answers.sqlite")
CIRCO = ("circo", "--root", "{root}/CIRCO")
RUN = ("bench", "run", *CIRCO, "--encoder", "test", "--views", "2", "--no-sweeps", "--no-controls")

COMMANDS: dict[str, tuple[str, ...]] = {
    "index": ("index", "{root}/images", *OURS, "--views", "3", "--captions", "{root}/captions"),
    "index, nothing new": ("index", "{root}/images", *OURS, "--views", "3"),
    "index, other views": ("index", "{root}/images", *OURS),
    "index, a damaged file": ("index", "{root}/damaged", "--encoder", "test"),
    "index, captions only": (
        *("index", "--captions", "{root}/captions"),
        *("--gallery", "{root}/texts", "--encoder", "test"),
    ),
    "index, no such folder": ("index", "{root}/nowhere"),
    "info": ("info", "{root}/gallery"),
    "info, no such gallery": ("info", "{root}/nowhere"),
    "attributes set": ("attributes", "set", "{root}/gallery", "{root}/prices.csv"),
    "attributes show": ("attributes", "show", "{root}/gallery", "red.png"),
    "attributes count": ("attributes", "count", "{root}/gallery", "brand", "price:0,10"),
    "attributes drop": ("attributes", "drop", "{root}/gallery", "price"),
    "index, a feed": (
        *("index", "--feed", "{root}/feed.tsv", "--images", "{root}/images", "--encoder", "test"),
        *("--gallery", "{root}/shop"),
    ),
    "sync, what would change": ("sync", "{root}/shop", "{root}/feed-new.tsv", "--dry-run"),
    "sync": ("sync", "{root}/shop", "{root}/feed-new.tsv"),
    "uploads": ("uploads", "{root}/gallery"),
    "verify": ("verify", "{root}/gallery"),
    "verify, a file that changed": ("verify", "{root}/damaged", "--read-files"),
    "search": ("search", "{root}/gallery", "in blue", "-r", "red.png", "-k", "3", *BY_TEXT),
    "search, text alone": ("search", "{root}/gallery", "blue", "-k", "2", *BY_TEXT),
    "search, reference alone": (
        "search",
        "{root}/gallery",
        "-r",
        "{root}/images/red.png",
        "-k",
        "2",
    ),
    "search, recorded captions": (
        *("search", "{root}/gallery", "in blue", "-r", "red.png", "-k", "2", *RECORDED),
        *("--num-captions", "2"),
    ),
    "search, settings": (
        *("search", "{root}/gallery", "-r", "red.png", *BY_TEXT, "-k", "4", "--transition", "pdv"),
        *("--scale", "1.2", "--image-weight", "0.4", "--scorer", "sinkhorn", "--epsilon", "0.1"),
        *("--hubness-weight", "0.3", "--hubness-neighbours", "4", "--negative", "blue.png"),
        *("--negative-weight", "0.5", "--shortlist", "6", "--min-score", "-1.5"),
        *("--include", "*e*.png", "--exclude", "white*", "--include-reference"),
    ),
    "search, a model composes and judges": (
        *("search", "{root}/gallery", "in blue", "-r", "red.png", "-k", "2", "--rerank", "2"),
        *("--num-captions", "2", *MODEL, *CACHE),
    ),
    "search, a model ranks the hits together": (
        *("search", "{root}/gallery", "in blue", "-r", "red.png", "-k", "2", "--rerank", "2"),
        *("--verify-mode", "grid", "--rerank-model", "m", "--base-url", "{server}", *BY_TEXT),
        *CACHE,
    ),
    "search, no such reference": ("search", "{root}/gallery", "in blue", "-r", "no.png"),
    "search, a setting out of range": ("search", "{root}/gallery", "blue", "--alpha", "2"),
    "search, a word too many": ("search", "{root}/gallery", "in", "blue"),
    "explain": ("explain", "{root}/gallery", "blue.png", "in blue", "-r", "red.png", *BY_TEXT),
    "explain, no such image": ("explain", "{root}/gallery", "no.png", "blue"),
    "compose": ("compose", "{root}/gallery", "in blue", "-r", "red.png", *RECORDED),
    "compose, by a model": (
        "compose",
        "{root}/gallery",
        "in blue",
        "-r",
        "red.png",
        *MODEL,
        *CACHE,
    ),
    "compose, what it costs": (
        *("compose", "{root}/gallery", "--queries", "{root}/queries.jsonl", "--dry-run"),
        *(*MODEL, *CACHE),
    ),
    "compose, many": (
        *("compose", "{root}/gallery", "--queries", "{root}/queries.jsonl", *RECORDED),
        *("--save", "{root}/saved.jsonl"),
    ),
    "prompts": ("prompts",),
    "prompts NAME": ("prompts", "edit-1"),
    "answers info": ("answers", "info", *CACHE),
    "answers export": ("answers", "export", "{root}/answers.jsonl", *CACHE),
    "answers import": (
        *("answers", "import", "{root}/answers.jsonl", "--cache", "{root}/other.sqlite"),
    ),
    "answers forget": ("answers", "forget", "--all", *CACHE),
    "models list": ("models", "list"),
    "models check": ("models", "check", "test"),
    "bench check": ("bench", "check", *CIRCO),
    "bench check, missing files": ("bench", "check", "fashioniq", "--root", "{root}/nowhere"),
    "bench run": (*RUN, *RECORDED, "--out", "{root}/run"),
    "bench run, what it costs": (*RUN, *MODEL, *CACHE, "--out", "{root}/other", "--dry-run"),
    "bench reproduce, no model": (
        *("bench", "reproduce", "stitch-circo", "--root", "{root}/CIRCO", "--split", "val"),
        *("--encoder", "test"),
    ),
    "bench score": ("bench", "score", *CIRCO, "-p", "{root}/run"),
    "bench submit": (
        *("bench", "submit", *CIRCO, "--split", "test", "-p", "{root}/predictions.json"),
        *("--out", "{root}/submission"),
    ),
    "bench compare": ("bench", "compare", *CIRCO, "-a", "{root}/run", "-b", "{root}/run"),
    "bench report": ("bench", "report", "{root}/run"),
    "caption, what it costs": (
        *("caption", "{root}/damaged", "--model", "m", "--base-url", "{server}", *CACHE),
        "--dry-run",
    ),
    "caption": ("caption", "{root}/damaged", "--model", "m", "--base-url", "{server}", *CACHE),
}
SHAPES = ("prompts", "prompts NAME", "models list", "models check")
"""Answers whose values other tests are about: only their names and types are pinned here."""
NOT_RUN = {
    "bench make": "draws for ten seconds: tests/benchmarks/test_stamps.py",
    "models pull": "fetches from a model hub: tests/encoders/test_models.py",
    "models export": "needs torch: tests/extras/test_export.py",
    "cluster index": "needs Ray: tests/extras/test_cluster_index.py",
    **{
        f"cluster {name}": "needs pylance: tests/extras/test_cluster.py"
        for name in ("checkout", "compact", "delete", "export", "import", "log", "tag", "verify")
    },
    "cluster scale": "needs several nodes: tests/extras/test_cluster_failures.py",
    "cluster status": "needs several nodes: tests/extras/test_cluster_failures.py",
    "cluster stop": "needs several nodes: tests/extras/test_cluster_failures.py",
}


DESCRIBED = json.dumps(
    {
        "captions": ["A square of one colour."],
        "attributes": {"subject": ["square"], "colours": [], "materials": [], "setting": []},
    }
)


def answer(handler: Handler, body: dict[str, Any]) -> None:
    """Judge an image where one word is requested, write captions otherwise."""
    if "ranking" in str(body["messages"][0]):
        handler.send(200, completion('{"ranking": [2, 1]}'))
        return
    if "JSON" in str(body["messages"][0]):
        handler.send(200, completion(DESCRIBED))
        return
    texts = [f"a blue thing, take {number}" for number in range(body.get("n", 1))]
    judging = body.get("max_tokens", 100) < 20 or body.get("max_completion_tokens", 100) < 20
    handler.send(200, completion(*(["yes"] * len(texts) if judging else texts)))


def prepare(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the inputs of all commands below a folder."""
    for name in ("STITCH_API_KEY", "OPENAI_API_KEY", "STITCH_MODEL", "STITCH_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STITCH_HOME", str(root / "home"))
    # Pillow and the library's own checks read the terminal's width
    monkeypatch.setenv("COLUMNS", "100")
    paint_images(root / "images")
    paint_images(root / "damaged")
    (root / "damaged" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    lines: dict[str, list[dict[str, Any]]] = {
        "captions": [
            {"id": "blue.png", "captions": ["a blue square"]},
            {"id": "red.png", "captions": ["a red square", "something red"]},
        ],
        "queries.jsonl": [
            {"reference": "red.png", "modification": "in blue", "id": 7},
            {"reference": "green.png", "modification": "in white"},
        ],
        "recorded.jsonl": [
            {"reference": reference, "modification": text, "captions": captions}
            for reference, text, captions in (
                ("red.png", "in blue", ["a blue square", "blue", "a square in blue"]),
                ("green.png", "in white", ["a white square"]),
                ("000000000001.jpg", "is red", ["a red car"]),
                ("000000000005.jpg", "has two", ["two dogs"]),
            )
        ],
    }
    for name, entries in lines.items():
        (root / name).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    prices = "id,price,brand\nred.png,5,Acme\nblue.png,12.5,Bolt\nno.png,1,Bolt\n"
    (root / "prices.csv").write_text(prices)
    columns = "id\timage_link\tprice\n"
    products = "a\tred.png\t5.00 EUR\nb\tblue.png\t12.50 EUR\nc\tno.png\t1.00 EUR\n"
    (root / "feed.tsv").write_text(columns + products)
    changed = "a\tred.png\t4.00 EUR\nd\tgreen.png\t12,50 €\ne\twhite.png\t1.00 EUR\n"
    (root / "feed-new.tsv").write_text(columns + changed, encoding="utf-8")
    base = layouts.circo(root)
    circo_images(base, 60)
    predictions = {query: list(range(6, 56)) for query in ("0", "1")}
    (root / "predictions.json").write_text(json.dumps(predictions))


def recorded(run: Run, root: Path, *, names_only: bool) -> dict[str, Any]:
    """Return exit code and streams as they are pinned."""
    answer: dict[str, Any] = {"exit": run.code}
    for stream, text in (("stdout", run.out), ("stderr", run.err)):
        if text:
            parsed = json.loads(text) if text.lstrip()[:1] in "{[" else text.splitlines()
            answer[stream] = shape(parsed) if names_only else normalised(parsed, root)
    return answer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def test_what_the_commands_answer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stitch_cir.benchmarks.report._write.plots_of", lambda section: [])
    prepare(root, monkeypatch)
    answers: dict[str, Any] = {}
    with serving(answer) as server:
        for name, command in COMMANDS.items():
            words = [word.format(root=root, server=server.url) for word in command]
            run = run_here(monkeypatch, *words, "--json")
            answers[name] = recorded(run, root, names_only=name in SHAPES)
            if name == "index, a damaged file":
                (root / "damaged" / "white.png").write_bytes(b"changed")
    for answered in answers.values():
        for part in ("settings", "gallery"):
            if part in answered.get("stdout", ()):
                leave_common_out(answered["stdout"][part], answers["search"]["stdout"][part])
    compare_or_write(PINNED, answers)


def commands_with_json(command: Any, name: str = "") -> Iterator[str]:
    """Yield the full name of every command that takes ``--json``."""
    for part, inner in getattr(command, "commands", {}).items():
        yield from commands_with_json(inner, f"{name} {part}".strip())
    if any("--json" in parameter.opts for parameter in command.params):
        yield name


def test_every_command_that_answers_is_pinned() -> None:
    grouped = ("answers", "attributes", "models", "bench", "cluster")
    run = {" ".join(words[: 1 + (words[0] in grouped)]) for words in COMMANDS.values()}
    assert {*run, *NOT_RUN} == set(commands_with_json(command_tree()))
    assert not run & set(NOT_RUN)
