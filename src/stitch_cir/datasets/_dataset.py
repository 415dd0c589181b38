"""What a data set is: one object that says everything by which it differs from the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stitch_cir.datasets._data import Benchmark, BenchmarkQuery, Task
from stitch_cir.datasets._published import PublishedFigures
from stitch_cir.datasets._reader import Reader
from stitch_cir.datasets.metrics import Metric
from stitch_cir.errors import SettingError

__all__ = ["DataSet", "GroupRole", "SubmissionFile", "image_set_of", "reference_of"]

GroupRole = Literal["none", "gallery", "subset"]


def reference_of(query: BenchmarkQuery) -> str:
    """Return the reference: queries with the same one are not independent."""
    return query.reference


def image_set_of(query: BenchmarkQuery) -> str:
    """Return the reference and its group as one key: queries about the same few images."""
    return "\n".join(sorted((query.reference, *query.group)))


@dataclass(frozen=True, slots=True)
class SubmissionFile:
    """One file that a data set's server accepts.

    ``name`` may contain ``{split}``. ``metric`` is ``"recall"`` for rankings of the gallery and
    ``"recall_subset"`` for rankings of each query's group; ``depth`` is the number of ids that the
    server requires for each query, and ``unit`` what an error message calls them.
    """

    name: str
    metric: str = "recall"
    depth: int = 50
    unit: str = "predictions"


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set: how it is read, ranked, scored, submitted and reported.

    Nothing outside of this object tests its name, so another package can bring one: it makes an
    instance and declares it as an entry point of the group ``stitch_cir.datasets``.

    Parameters
    ----------
    name, title:
        The name in commands and recorded runs; the name as papers write it.
    folder:
        The data set's usual folder. A root may be this folder or the one above it.
    splits:
        Each split's protocol line, which is printed with every figure. The first split is the
        default.
    layout:
        What the data set consists of: a description, and where it is expected below the folder.
        Several paths are alternatives, of which the first that exists is used.
    source:
        Where the files are published, or how they are made.
    load:
        Reads a split through the reader and returns its tasks; remarks go to ``reader.notes``.
        Raises ``NotFoundError`` for missing files and ``RecordError`` for invalid ones.
    metrics:
        The headline figures, the one to compare by first.
    keep_reference:
        Whether the reference image stays in the ranking.
    group_role:
        What a query's ``group`` is for: nothing; the query's gallery (``"gallery"``: it ranks these
        candidates only, and equal scores count against the answer); or a second ranking beside that
        of the whole gallery (``"subset"``).
    cluster_key, cluster_kind:
        What queries that share images have in common, as a key and as a noun for messages.
        Intervals and paired tests draw these clusters of queries, since drawing the queries would
        make them too narrow. By default the reference.
    averages:
        Further headline figures, each the mean of several metrics, by name.
    kind_metric:
        Name of the metric that is also reported for each kind of query; empty for none.
    published_id:
        How an id is written in prediction files.
    prediction_header:
        What prediction files hold beside the rankings; ``metric`` is added to it.
    submission:
        The files that the data set's server accepts; empty where there is no server.
    published:
        What papers report, by split.
    measured:
        What this project measures with the encoder ``mini`` and the composer ``verbatim``, in
        percent, by split and method, "" for the data set's own settings: what ``stitch bench
        reproduce`` expects.
    clean_subsets:
        What CIRCUS calls the data set, whose queries that need image and text it lists; empty where
        it does not.
    """

    name: str
    title: str
    folder: str
    splits: Mapping[str, str]
    layout: Mapping[str, str | tuple[str, ...]]
    source: str
    load: Callable[[Reader, str], tuple[Task, ...]]
    metrics: tuple[Metric, ...]
    keep_reference: bool = True
    group_role: GroupRole = "none"
    cluster_key: Callable[[BenchmarkQuery], str] = reference_of
    cluster_kind: str = "reference image"
    averages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind_metric: str = ""
    published_id: Callable[[str], str | int] = str
    prediction_header: Mapping[str, str] = field(default_factory=dict)
    submission: tuple[SubmissionFile, ...] = ()
    published: Mapping[str, PublishedFigures] = field(default_factory=dict)
    measured: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    clean_subsets: str = ""

    @property
    def depth(self) -> int:
        """How many ids of a gallery's ranking the deepest metric reads."""
        return max((metric.depth for metric in self.metrics if not metric.on_subset), default=0)

    @property
    def lower_is_better(self) -> frozenset[str]:
        """Names of the metrics that count what is wrong."""
        return frozenset(metric.name for metric in self.metrics if metric.lower_is_better)

    def base(self, root: Path) -> Path:
        """Return the data set's folder, given that folder or the one above it."""
        return root / self.folder if (root / self.folder).is_dir() else root

    def read(self, root: Path, split: str | None = None) -> Benchmark:
        """Read a split, the first one if None.

        Raises ``SettingError`` for an unknown split, ``NotFoundError`` and ``RecordError`` for
        files that are missing or invalid.
        """
        split = split or next(iter(self.splits))
        if split not in self.splits:
            raise SettingError(
                f"{self.name} has no split {split!r}.", hint=f"Splits: {', '.join(self.splits)}."
            )
        reader = Reader(self.base(root), self.source)
        tasks = self.load(reader, split)
        return Benchmark(self, split, reader.root, tasks, reader.sources, tuple(reader.notes))
