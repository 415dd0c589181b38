"""The field's benchmarks: running the method on a data set, scoring, submitting, reporting."""

from stitch_cir import _exports
from stitch_cir.benchmarks._clusters import Clusters
from stitch_cir.benchmarks._compare import Comparison, Interval, compare, composition_gap, intervals
from stitch_cir.benchmarks._compare_runs import compare_runs
from stitch_cir.benchmarks._cost import estimate_benchmark_cost
from stitch_cir.benchmarks._methods import MethodRun, run_methods
from stitch_cir.benchmarks._options import RunOptions, sample
from stitch_cir.benchmarks._partition import Shard
from stitch_cir.benchmarks._predictions import Predictions, read_predictions
from stitch_cir.benchmarks._reproduce import (
    Expected,
    Reproduction,
    missing_files,
    reproduction,
    reproductions,
)
from stitch_cir.benchmarks._run import run_benchmark
from stitch_cir.benchmarks._run_files import (
    QueryHead,
    Run,
    VariantResult,
    composed_queries,
    is_run,
    read_run,
)
from stitch_cir.benchmarks._score import Scores, score
from stitch_cir.benchmarks._shards import run_shard
from stitch_cir.benchmarks._spread import paraphrase_spread
from stitch_cir.benchmarks._submission import write_submission
from stitch_cir.benchmarks._variants import Variant, variants_of

__all__ = [
    "Clusters",
    "Comparison",
    "Expected",
    "Interval",
    "MethodRun",
    "Predictions",
    "QueryHead",
    "Reproduction",
    "Run",
    "RunOptions",
    "Scores",
    "Shard",
    "Variant",
    "VariantResult",
    "compare",
    "compare_runs",
    "composed_queries",
    "composition_gap",
    "estimate_benchmark_cost",
    "intervals",
    "is_run",
    "missing_files",
    "paraphrase_spread",
    "read_predictions",
    "read_run",
    "reproduction",
    "reproductions",
    "run_benchmark",
    "run_methods",
    "run_shard",
    "sample",
    "score",
    "variants_of",
    "write_submission",
]

_exports.publish(__name__, __all__)
