"""Scoring a set of captions against a set of views, and the plan that explains the score.

Pure mathematics on cosines: no files, no models. Every scorer has the same scale: larger is better,
[−2, 2], and one caption against one view gives twice their cosine.

>>> import numpy as np
>>> query = PointSets.pack([np.eye(2, 4)])
>>> gallery = PointSets.pack([np.eye(3, 4), np.eye(4)[2:]])
>>> [round(float(score), 3) for score in score_sets(query, gallery)[0]]
[1.667, 0.0]
>>> plan = transport_plan(query, gallery.part(0, 1), ConditionalTransport(tau=0.001))
>>> plan.forward.round(3).tolist()
[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
"""

from stitch_cir import _exports
from stitch_cir.transport._assemble import Attention
from stitch_cir.transport._blocks import Block
from stitch_cir.transport._bounds import BoundedScorer, SetBound, member_bounds, member_floors
from stitch_cir.transport._calibrated import CalibratedScorer, CoarseScorer, RootedScorer
from stitch_cir.transport._conditional import ConditionalTransport
from stitch_cir.transport._directions import direction_weights
from stitch_cir.transport._exact import ExactTransport
from stitch_cir.transport._front import (
    SCORER_NAMES,
    score_sets,
    scorer_by_name,
    transport_plan,
)
from stitch_cir.transport._fusions import HarrisFusion, MixedViews, ProductFusion
from stitch_cir.transport._marginals import Marginal
from stitch_cir.transport._plan import TransportPlan
from stitch_cir.transport._roles import RoleScorer, Term, forward_look
from stitch_cir.transport._scorer import (
    BlockScorer,
    DeviceScorer,
    IterativeScorer,
    Scorer,
)
from stitch_cir.transport._sets import PointSets
from stitch_cir.transport._simple import Chamfer, MeanPooling, PointToPoint
from stitch_cir.transport._sinkhorn import Sinkhorn
from stitch_cir.transport._torch import TorchScorer, open_device, score_sets_torch

__all__ = [
    "SCORER_NAMES",
    "Attention",
    "Block",
    "BlockScorer",
    "BoundedScorer",
    "CalibratedScorer",
    "Chamfer",
    "CoarseScorer",
    "ConditionalTransport",
    "DeviceScorer",
    "ExactTransport",
    "HarrisFusion",
    "IterativeScorer",
    "Marginal",
    "MeanPooling",
    "MixedViews",
    "PointSets",
    "PointToPoint",
    "ProductFusion",
    "RoleScorer",
    "RootedScorer",
    "Scorer",
    "SetBound",
    "Sinkhorn",
    "Term",
    "TorchScorer",
    "TransportPlan",
    "direction_weights",
    "forward_look",
    "member_bounds",
    "member_floors",
    "open_device",
    "score_sets",
    "score_sets_torch",
    "scorer_by_name",
    "transport_plan",
]

_exports.publish(__name__, __all__)
