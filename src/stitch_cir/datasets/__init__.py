"""Benchmark data sets, each an object in a separate file, and what they are read into."""

from stitch_cir import _exports
from stitch_cir.datasets._circus import CLEAN_SUBSETS, clean_subset
from stitch_cir.datasets._data import Benchmark, BenchmarkQuery, Box, GalleryKind, Task
from stitch_cir.datasets._dataset import (
    DataSet,
    GroupRole,
    SubmissionFile,
    image_set_of,
    reference_of,
)
from stitch_cir.datasets._load import (
    LayoutEntry,
    check_benchmark,
    load_benchmark,
    load_dataset,
)
from stitch_cir.datasets._published import (
    DISCLAIMER,
    PublishedAblation,
    PublishedFigures,
    PublishedRow,
)
from stitch_cir.datasets._reader import Reader, parse_json
from stitch_cir.datasets._soft import several_targets
from stitch_cir.datasets.metrics import (
    Metric,
    average_precision,
    average_precisions,
    hits,
    negative_rate,
    negative_rates,
    precisions,
    recall,
    recalls,
    subset_recall,
    subset_recalls,
    trapezoid_average_precision,
)

__all__ = [
    "CLEAN_SUBSETS",
    "DISCLAIMER",
    "Benchmark",
    "BenchmarkQuery",
    "Box",
    "DataSet",
    "GalleryKind",
    "GroupRole",
    "LayoutEntry",
    "Metric",
    "PublishedAblation",
    "PublishedFigures",
    "PublishedRow",
    "Reader",
    "SubmissionFile",
    "Task",
    "average_precision",
    "average_precisions",
    "check_benchmark",
    "clean_subset",
    "hits",
    "image_set_of",
    "load_benchmark",
    "load_dataset",
    "negative_rate",
    "negative_rates",
    "parse_json",
    "precisions",
    "recall",
    "recalls",
    "reference_of",
    "several_targets",
    "subset_recall",
    "subset_recalls",
    "trapezoid_average_precision",
]

_exports.publish(__name__, __all__)
