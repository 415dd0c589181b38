"""For the tests of plug-ins: a contract suite for each kind, and back ends without a model.

An author runs one line; a broken rule raises :class:`ContractError`, an ``AssertionError`` that
names it::

    from stitch_cir.testing import check_scorer

    def test_soft_chamfer_keeps_the_contract():
        check_scorer(SoftChamfer())

``HashEncoder``, ``FixedComposer``, ``FixedReranker`` and ``ScriptedChat`` are deterministic and
need neither files nor a network.
"""

from stitch_cir import _exports
from stitch_cir.chat import ScriptedChat
from stitch_cir.encoders import HashEncoder
from stitch_cir.testing._candidates import check_candidate_source
from stitch_cir.testing._composed import check_composed_encoder
from stitch_cir.testing._contract import ContractError
from stitch_cir.testing._encoder import check_encoder
from stitch_cir.testing._fixed import FixedComposer, FixedReranker
from stitch_cir.testing._fusion import check_fusion
from stitch_cir.testing._language import check_composer, check_reranker
from stitch_cir.testing._scorer import check_scorer
from stitch_cir.testing._transition import check_transition

__all__ = [
    "ContractError",
    "FixedComposer",
    "FixedReranker",
    "HashEncoder",
    "ScriptedChat",
    "check_candidate_source",
    "check_composed_encoder",
    "check_composer",
    "check_encoder",
    "check_fusion",
    "check_reranker",
    "check_scorer",
    "check_transition",
]

_exports.publish(__name__, __all__)
