"""Tests reach the code as its users do; where they cannot, a table says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.syntax import modules

TESTS = Path(__file__).parent
REASONS = {
    "command.py": {
        "stitch_cir.cli._app": "the command line in this process: a start of Python for each test would take hours"
    },
    "test_settings_fronts.py": {
        "stitch_cir._schema": "the declarations that every front is compared with",
        "stitch_cir.mcp": "the tools' settings without the SDK, which is an extra",
    },
    "benchmarks/runs.py": {
        "stitch_cir.benchmarks._run_files": "finished runs of a hundred queries without running them"
    },
    "benchmarks/test_benchmarks.py": {
        "stitch_cir.benchmarks._compare": "comparisons that share their draws are those of each alone"
    },
    "benchmarks/test_report_page.py": {
        "stitch_cir.benchmarks.report": "escapes and thumbnails: the page shows only what names and images allow"
    },
    "benchmarks/test_run.py": {
        "stitch_cir.benchmarks._galleries": "pixels of a padded region, which a run never writes"
    },
    "chat/test_transport.py": {
        "stitch_cir._proxies": "addresses of other networks, which no test may call",
        "stitch_cir.chat.endpoint._refusals": "delays of many services without a server for each",
    },
    "cli/test_files.py": {
        "stitch_cir.cli": "an image of 20,000 pixels a side, which no search draws"
    },
    "cli/test_hints.py": {"stitch_cir": "installations of other kinds and systems"},
    "cli/test_streams.py": {
        "stitch_cir.cli._streams": "descriptors that fail, block or are closed"
    },
    "composers/test_replies.py": {
        "stitch_cir.composers.llm._replies": "forty replies of models, and why each is rejected"
    },
    "encoders/mini_files.py": {
        "stitch_cir.encoders.mini": "damaged copies of the files that ship with the package"
    },
    "encoders/test_model_files.py": {
        "stitch_cir": "processors and control groups of other machines"
    },
    "encoders/test_odd_models.py": {
        "stitch_cir.encoders.clip": "a GPU that does not start",
        "stitch_cir.encoders.store": "lists of files as hubs have them, and a hub that is away",
    },
    "encoders/test_preprocess.py": {
        "stitch_cir.encoders._dense": "areas by hand, which vectors of a model would blur"
    },
    "explain/test_explain.py": {
        "stitch_cir.explain": "fonts of other systems, and the colours to count in an image"
    },
    "extras/test_open_clip_tags.py": {
        "stitch_cir.encoders.clip._open_clip": "the preprocessing of every tag without its weights"
    },
    "gallery/faults.py": {
        "stitch_cir.gallery.attributes": "where tests make a step fail, wait or count",
        "stitch_cir.gallery.cache": "where tests make a step fail, wait or count",
        "stitch_cir.gallery.index": "where tests make a step fail, wait or count",
        "stitch_cir.gallery.store": "where tests make a step fail, wait or count",
    },
    "gallery/test_encoder_hint.py": {
        "stitch_cir.gallery": "a machine that is offline, or behind a proxy"
    },
    "gallery/test_other_programs.py": {
        "stitch_cir.gallery.store._schema": "databases as every earlier release left them"
    },
    "gallery/test_shares.py": {"stitch_cir": "network shares, of which a test has none"},
    "ranking/test_products.py": {
        "stitch_cir.ranking": "integer products bit by bit, at the ends of their range"
    },
    "ranking/test_solvers.py": {
        "stitch_cir.ranking": "products of many queries that memory does not hold together"
    },
    "server/test_parts.py": {
        "stitch_cir.server._errors": "the status of every error, and the refusals of a queue"
    },
}
"""By file: the module that private names are imported from, and why no public name will do."""


def private_imports(tree: ast.Module) -> Iterator[str]:
    """Yield the module of each import of a private module or name of the library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [*module.split("."), *(alias.name for alias in node.names)]
            if module.split(".")[0] == "stitch_cir" and any(
                n.startswith("_") and not n.endswith("__") for n in names
            ):
                yield module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "stitch_cir" and any(part.startswith("_") for part in parts):
                    yield alias.name


def test_every_private_import_has_its_reason() -> None:
    imported = {
        file.relative_to(TESTS).as_posix(): sorted(private_imports(tree))
        for file, tree in modules(TESTS)
    }
    assert {file: modules for file, modules in imported.items() if modules} == {
        file: sorted(modules) for file, modules in REASONS.items()
    }


def test_few_are_needed() -> None:
    assert sum(map(len, REASONS.values())) <= 30
