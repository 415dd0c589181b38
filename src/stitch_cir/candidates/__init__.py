"""Candidate sources: a vector database that runs already names the images that are scored.

Its answer is a shortlist, by another score than ours: results made with it are not exact.
"""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.candidates._protocol import CandidateSource

if TYPE_CHECKING:
    from stitch_cir.candidates._qdrant import QdrantSource, make_qdrant_source

__all__ = ["CandidateSource", "QdrantSource", "make_qdrant_source"]

# an HTTP client takes a while to import, and hardly a search needs it
_exports.publish(
    __name__, __all__, lazy={"QdrantSource": "_qdrant", "make_qdrant_source": "_qdrant"}
)
