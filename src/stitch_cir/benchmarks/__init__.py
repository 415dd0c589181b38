"""The field's benchmarks: running the method on a data set, scoring, submitting, reporting."""

from stitch_cir import _exports
from stitch_cir.benchmarks._clusters import Clusters
from stitch_cir.benchmarks._compare import Comparison, Interval, compare, composition_gap, intervals
from stitch_cir.benchmarks._cost import estimate_benchmark_cost
from stitch_cir.benchmarks._options import RunOptions, sample
from stitch_cir.benchmarks._predictions import Predictions, read_predictions
from stitch_cir.benchmarks._run import run_benchmark
from stitch_cir.benchmarks._run_files import QueryHead, Run, VariantResult, read_run
from stitch_cir.benchmarks._score import Scores, score
from stitch_cir.benchmarks._submission import write_submission
from stitch_cir.benchmarks._variants import Variant, variants_of

__all__ = [
    "Clusters",
    "Comparison",
    "Interval",
    "Predictions",
    "QueryHead",
    "Run",
    "RunOptions",
    "Scores",
    "Variant",
    "VariantResult",
    "compare",
    "composition_gap",
    "estimate_benchmark_cost",
    "intervals",
    "read_predictions",
    "read_run",
    "run_benchmark",
    "sample",
    "score",
    "variants_of",
    "write_submission",
]

_exports.publish(__name__, __all__)
