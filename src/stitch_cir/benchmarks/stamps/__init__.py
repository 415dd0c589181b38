"""A compositional benchmark with known truth, made of captioned cut-outs of Tux Paint's stamps."""

from stitch_cir.benchmarks.stamps._design import SIZES, Size
from stitch_cir.benchmarks.stamps._make import FOLDER, IMAGES, INFO, Made, make_stamps_benchmark
from stitch_cir.benchmarks.stamps._scene import COLOURS, COUNTS, KINDS, RELATIONS

__all__ = [
    "COLOURS",
    "COUNTS",
    "FOLDER",
    "IMAGES",
    "INFO",
    "KINDS",
    "RELATIONS",
    "SIZES",
    "Made",
    "Size",
    "make_stamps_benchmark",
]
