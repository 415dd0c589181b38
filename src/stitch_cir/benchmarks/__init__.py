"""The field's benchmarks: reading them, running the method on them, scoring, reporting."""

from stitch_cir.benchmarks._compare import Comparison, Interval, compare, intervals
from stitch_cir.benchmarks._data import Benchmark, Query, Task
from stitch_cir.benchmarks._load import (
    BENCHMARKS,
    Place,
    check_benchmark,
    load_benchmark,
    where_to_get,
)
from stitch_cir.benchmarks._predictions import Predictions, read_predictions
from stitch_cir.benchmarks._price import price_benchmark
from stitch_cir.benchmarks._run import run_benchmark, sample
from stitch_cir.benchmarks._run_files import Run, Top, VariantResult, read_run
from stitch_cir.benchmarks._score import Scores, score
from stitch_cir.benchmarks._submission import write_submission
from stitch_cir.benchmarks._variants import Variant, variants_of
from stitch_cir.benchmarks.stamps import make_stamps_benchmark

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "Comparison",
    "Interval",
    "Place",
    "Predictions",
    "Query",
    "Run",
    "Scores",
    "Task",
    "Top",
    "Variant",
    "VariantResult",
    "check_benchmark",
    "compare",
    "intervals",
    "load_benchmark",
    "make_stamps_benchmark",
    "price_benchmark",
    "read_predictions",
    "read_run",
    "run_benchmark",
    "sample",
    "score",
    "variants_of",
    "where_to_get",
    "write_submission",
]
