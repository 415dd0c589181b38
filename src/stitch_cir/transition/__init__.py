"""Moving caption vectors (or the images' scores) toward the modification.

Pure mathematics on unit vectors: no files, no models.

>>> import numpy as np
>>> captions, modification = np.eye(2, 3, dtype=np.float32), np.eye(3, dtype=np.float32)[2]
>>> Linear(alpha=0.5).refine(captions, modification).round(3).tolist()
[[0.7070000171661377, 0.0, 0.7070000171661377], [0.0, 0.7070000171661377, 0.7070000171661377]]
"""

from stitch_cir import _exports
from stitch_cir.transition._anchor import AnchorDebias
from stitch_cir.transition._fusions import ByWeights, ByZScores, Fusion, fuse, fusion_by_name
from stitch_cir.transition._originals import (
    NearestViews,
    OriginalsInBlocks,
    OriginalViews,
    sum_of,
    whole_sum,
)
from stitch_cir.transition._parts import ImageText, Parts
from stitch_cir.transition._projection import (
    LearnsFromGallery,
    ProjectedParts,
    contrastive_projection,
)
from stitch_cir.transition._protocol import (
    TRANSITION_NAMES,
    CalibratedMembers,
    Calibrates,
    QueryPart,
    Transition,
    TransitionBase,
    WeighsParts,
    transition_by_name,
)
from stitch_cir.transition._scores import SemanticIncrement
from stitch_cir.transition._vectors import (
    PDV,
    Linear,
    NoTransition,
    ReferenceSubtraction,
    TextOnly,
    rocchio_step,
)

__all__ = [
    "PDV",
    "TRANSITION_NAMES",
    "AnchorDebias",
    "ByWeights",
    "ByZScores",
    "CalibratedMembers",
    "Calibrates",
    "Fusion",
    "ImageText",
    "LearnsFromGallery",
    "Linear",
    "NearestViews",
    "NoTransition",
    "OriginalViews",
    "OriginalsInBlocks",
    "Parts",
    "ProjectedParts",
    "QueryPart",
    "ReferenceSubtraction",
    "SemanticIncrement",
    "TextOnly",
    "Transition",
    "TransitionBase",
    "WeighsParts",
    "contrastive_projection",
    "fuse",
    "fusion_by_name",
    "rocchio_step",
    "sum_of",
    "transition_by_name",
    "whole_sum",
]

_exports.publish(__name__, __all__)
