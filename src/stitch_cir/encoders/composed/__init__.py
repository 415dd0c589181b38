"""One vector, or a set of them, from a reference image and a text together.

What such a model makes of a query is one more member of the query's set, with a weight of its own,
or is searched with alone. :func:`load_composed` finds the encoder by name.
"""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.encoders.composed._load import (
    default_composed,
    load_composed,
    load_gallery_model,
)
from stitch_cir.encoders.composed._protocol import (
    ComposedEncoder,
    ComposedInput,
    check_composed,
)
from stitch_cir.encoders.composed._sum import SumEncoder

if TYPE_CHECKING:
    from stitch_cir.encoders.composed._endpoint import EmbeddingEndpoint
    from stitch_cir.encoders.composed._remote import load_remote
    from stitch_cir.encoders.composed._sentences import load_sentence_transformers

__all__ = [
    "ComposedEncoder",
    "ComposedInput",
    "EmbeddingEndpoint",
    "SumEncoder",
    "check_composed",
    "default_composed",
    "load_composed",
    "load_gallery_model",
    "load_remote",
    "load_sentence_transformers",
]

# few searches use another model than the gallery's
_exports.publish(
    __name__,
    __all__,
    lazy={
        "EmbeddingEndpoint": "_endpoint",
        "load_remote": "_remote",
        "load_sentence_transformers": "_sentences",
    },
)
