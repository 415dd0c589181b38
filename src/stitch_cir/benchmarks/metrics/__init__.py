"""Metrics, one file each with its formula; every one gives a value for every query."""

from stitch_cir.benchmarks.metrics._average_precision import average_precision
from stitch_cir.benchmarks.metrics._recall import recall
from stitch_cir.benchmarks.metrics._subset import subset_recall

__all__ = ["average_precision", "recall", "subset_recall"]
