"""Shards: parts of a run's encoding and composing, each done by a process of its own.

::

    RUN/shards/
      key                      what all shards have in common: data, encoder, composer, settings
      2-of-4/
        galleries/…            the images or captions of this shard, indexed
        text-vectors.sqlite    vectors of its texts
        compositions.jsonl     what was composed of its queries
        done.json              written last

A shard has every n-th query and every n-th image, and the references of its queries. The run itself
takes over what its shards have done and completes what they have not: what comes out is what a
single process writes, because vectors and compositions are found by content and id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from stitch_cir.benchmarks._galleries import open_galleries
from stitch_cir.benchmarks._options import RunOptions
from stitch_cir.benchmarks._partition import Shard
from stitch_cir.benchmarks._queries import compose_queries, encode_benchmark
from stitch_cir.benchmarks._run_facts import claim_folder, prepare_folder, run_facts
from stitch_cir.benchmarks._run_files import COMPOSITIONS, GALLERIES, SHARDS, write_json
from stitch_cir.benchmarks._text_vectors import TEXT_VECTORS, RememberingEncoder, copy_vectors
from stitch_cir.composers import Composer, VerbatimComposer
from stitch_cir.datasets import Benchmark
from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import SettingError
from stitch_cir.gallery import Progress
from stitch_cir.searcher import SearchSettings

__all__ = ["run_shard", "shard_galleries", "take_shards"]

DONE = "done.json"


def run_shard(
    benchmark: Benchmark,
    out: Path | str,
    *,
    encoder: DualEncoder,
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> list[int]:
    """Encode and compose the shard of the options, or resume it; return the shards yet to be done.

    Once none is left, :func:`run_benchmark` with the same arguments takes them all. Several
    processes may do different shards of one folder at a time. Raises what :func:`run_benchmark`
    raises.
    """
    settings, options = settings or SearchSettings(), options or RunOptions()
    composer = composer or VerbatimComposer()
    shard = options.shard or Shard(1, 1)
    folder = Path(out)
    prepare_folder(folder)
    shards = folder / SHARDS
    shards.mkdir(exist_ok=True)
    claim_folder(shards, run_facts(benchmark, encoder, composer, settings, options))
    _require_same_count(shards, shard)
    mine = shards / shard.folder
    mine.mkdir(exist_ok=True)
    if not (mine / DONE).is_file():
        part = shard.part_of(benchmark)
        remembering = RememberingEncoder(encoder, mine / TEXT_VECTORS)
        of_captions = any(task.captions for task in part.tasks)
        galleries = open_galleries(
            part,
            _galleries_below(mine, benchmark),
            encoder=remembering if of_captions else encoder,
            recipe=options.recipe,
            progress=progress,
        )
        compositions = compose_queries(
            part,
            galleries,
            composer,
            settings,
            mine / COMPOSITIONS,
            concurrency=options.concurrency,
            progress=progress,
        )
        # only to keep their vectors
        encode_benchmark(
            part, galleries, compositions, settings, text_encoder=remembering, progress=progress
        )
        write_json(
            mine / DONE, {"shard": shard.number, "of": shard.count, "queries": len(part.queries)}
        )
    done = [(shards / Shard(n, shard.count).folder / DONE) for n in range(1, shard.count + 1)]
    return [number for number, file in enumerate(done, 1) if not file.is_file()]


def _require_same_count(shards: Path, shard: Shard) -> None:
    """Raise ``SettingError`` where the folder holds shards of another number of them."""
    for other in sorted(shards.glob("*-of-*")):
        count = other.name.split("-of-")[1]
        if count != str(shard.count):
            raise SettingError(
                f"{shards} holds a shard of {count}, not of {shard.count}.",
                hint="Divide a run into the same number of shards everywhere, or delete them.",
            )


def take_shards(
    folder: Path,
    benchmark: Benchmark,
    encoder: DualEncoder,
    composer: Composer,
    settings: SearchSettings,
    options: RunOptions,
) -> None:
    """Take over vectors of texts and compositions of a run's shards, whether finished or not.

    Raises ``SettingError`` when the shards are those of another run.
    """
    shards = folder / SHARDS
    parts = _parts(folder)
    if not parts:
        return
    claim_folder(shards, run_facts(benchmark, encoder, composer, settings, options))
    base = Path(options.galleries or folder / GALLERIES)
    copy_vectors((part / TEXT_VECTORS for part in parts), base / TEXT_VECTORS)
    _merge_compositions((part / COMPOSITIONS for part in parts), folder / COMPOSITIONS)


def shard_galleries(folder: Path, benchmark: Benchmark) -> tuple[Path, ...]:
    """Return the folders of the galleries that the shards of a run have indexed."""
    return tuple(_galleries_below(part, benchmark) for part in _parts(folder))


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / SHARDS).glob("*-of-*") if path.is_dir())


def _galleries_below(part: Path, benchmark: Benchmark) -> Path:
    return part / GALLERIES / f"{benchmark.name}-{benchmark.split}"


def _merge_compositions(sources: Iterable[Path], file: Path) -> None:
    """Append the whole lines of queries that ``file`` does not have."""
    done = {json.loads(line)["id"] for line in _whole_lines(file)}
    new = []
    for source in sources:
        for line in _whole_lines(source):
            id = json.loads(line)["id"]
            if id not in done:
                done.add(id)
                new.append(line + b"\n")
    if new:
        kept = b"".join(line + b"\n" for line in _whole_lines(file))
        part = file.with_name(file.name + ".part")
        part.write_bytes(kept + b"".join(new))
        part.replace(file)


def _whole_lines(file: Path) -> list[bytes]:
    return file.read_bytes().split(b"\n")[:-1] if file.is_file() else []
