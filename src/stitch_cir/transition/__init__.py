"""Moving caption vectors (or their scores) toward the modification the user asked for.

Pure mathematics on unit vectors: no files, no models.

>>> import numpy as np
>>> captions, modification = np.eye(2, 3, dtype=np.float32), np.eye(3, dtype=np.float32)[2]
>>> Linear(alpha=0.5).refine(captions, modification).round(3).tolist()
[[0.7070000171661377, 0.0, 0.7070000171661377], [0.0, 0.7070000171661377, 0.7070000171661377]]
"""

from stitch_cir.transition._away import Away
from stitch_cir.transition._feedback import step_away
from stitch_cir.transition._increment import SemanticIncrement
from stitch_cir.transition._linear import Linear, NoTransition, TextOnly
from stitch_cir.transition._pdv import PDV
from stitch_cir.transition._protocol import Transition
from stitch_cir.transition._registry import TRANSITION_NAMES, transition_by_name

__all__ = [
    "PDV",
    "TRANSITION_NAMES",
    "Away",
    "Linear",
    "NoTransition",
    "SemanticIncrement",
    "TextOnly",
    "Transition",
    "step_away",
    "transition_by_name",
]
