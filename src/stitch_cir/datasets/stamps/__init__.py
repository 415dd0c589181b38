"""A compositional benchmark with known truth, made of captioned cut-outs of Tux Paint's stamps."""

from stitch_cir.datasets.stamps._catalogue import load_catalogue
from stitch_cir.datasets.stamps._dataset import STAMPS
from stitch_cir.datasets.stamps._design import SIZES, Size
from stitch_cir.datasets.stamps._make import StampsReport, make_stamps_benchmark, plan
from stitch_cir.datasets.stamps._scene import COLOURS, COUNTS, KINDS, RELATIONS

__all__ = [
    "COLOURS",
    "COUNTS",
    "KINDS",
    "RELATIONS",
    "SIZES",
    "STAMPS",
    "Size",
    "StampsReport",
    "load_catalogue",
    "make_stamps_benchmark",
    "plan",
]
