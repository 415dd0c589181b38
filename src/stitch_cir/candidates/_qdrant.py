"""A collection of Qdrant as a candidate source, by its REST interface."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray

from stitch_cir._endpoints import check_address, host_of
from stitch_cir.errors import EndpointError, GalleryMismatchError, NotFoundError, SettingError

__all__ = ["KEY_VARIABLE", "QdrantSource", "make_qdrant_source"]

KEY_VARIABLE = "QDRANT_API_KEY"
_BLOCK = 256
_NAMESPACE = uuid.UUID("5a4e7ab4-6f0e-5e0e-9a55-0b3c9e1d7c11")


class QdrantSource:
    """Names images by a collection that holds a vector of each, or several.

    A point's payload holds the gallery id in the field ``id_field``. Where the collection holds one
    vector an image, it is compared with the weighted mean of the query's captions; where it holds
    several (multivectors), the captions are sent as they are, and Qdrant sums the best match of
    each (MaxSim, which knows no weights). Safe to share between threads.

    Parameters
    ----------
    url, collection:
        The server's address and the collection's name. The key is read from the environment
        variable ``QDRANT_API_KEY``.
    vector:
        The name of the vector, where the collection has named ones.
    id_field:
        The field of the payload that holds the gallery id.
    exact:
        Have Qdrant compare with every vector, without its approximate index.
    timeout:
        Seconds to wait for an answer.
    transport:
        Sends the requests instead of the network, as httpx2 defines it.

    Raises ``SettingError`` for an address or a name that cannot be one.
    """

    def __init__(
        self,
        url: str,
        collection: str,
        *,
        vector: str = "",
        id_field: str = "id",
        exact: bool = False,
        timeout: float = 10.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Keep the address; nothing is sent yet."""
        if not collection or "/" in collection:
            raise SettingError(
                f"{collection!r} is not the name of a collection.",
                hint="Give the one that holds the gallery: --candidate-option collection=NAME",
            )
        if not 0 < timeout < float("inf"):
            raise SettingError(f"timeout is {timeout!r}.", hint="Give seconds above 0, e.g. 10.")
        self._url = check_address(url) or ""
        self._host = host_of(self._url)
        self._collection, self._vector, self._id_field = collection, vector, id_field
        self._exact = exact
        self._multiple: bool | None = None
        key = os.environ.get(KEY_VARIABLE, "").strip()
        self._http = httpx2.Client(
            base_url=self._url,
            headers={"api-key": key} if key else {},
            timeout=timeout,
            transport=transport,
        )

    def settings(self) -> dict[str, Any]:
        """Return what shapes the answers."""
        return {
            "source": "qdrant",
            "host": self._host,
            "collection": self._collection,
            "vector": self._vector,
            "exact_search": self._exact,
        }

    def nearest(
        self, vectors: NDArray[np.float32], weights: NDArray[np.float32], count: int
    ) -> list[str]:
        """Return the ids of up to ``count`` images, the nearest first.

        Raises
        ------
        EndpointError
            The server cannot be reached, refuses the key, or answers with something else.
        NotFoundError
            There is no such collection, or no such vector in it.
        GalleryMismatchError
            The collection's vectors have another dimension, or points have no gallery id.
        """
        if self._multiple is None:
            self._multiple = self._check_collection(vectors.shape[1])
        query: Any = vectors.tolist() if self._multiple else (weights @ vectors).tolist()
        body = {
            "query": query,
            "limit": count,
            "with_payload": [self._id_field],
            "params": {"exact": self._exact},
            **({"using": self._vector} if self._vector else {}),
        }
        result = self._send("POST", "/points/query", body)
        points = result.get("points") if isinstance(result, Mapping) else None
        if not isinstance(points, list):
            raise self._strange("no list of points")
        return list(dict.fromkeys(map(self._id_of, points)))

    def fill(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> int:
        """Write one vector for each image, and make the collection where there is none.

        ``vectors``: (n, d) float32 unit rows, the normalised mean view of each image
        (``gallery.matrix().means``). Points are called by their ids, so that writing again replaces
        them; images that have left the gallery stay in the collection. Returns how many were
        written. Raises as :meth:`nearest` does.
        """
        size = vectors.shape[1]
        field = {"size": size, "distance": "Cosine"}
        try:
            self._check_collection(size)
        except NotFoundError:
            named = {self._vector: field} if self._vector else field
            self._send("PUT", "", {"vectors": named})
        for start in range(0, len(ids), _BLOCK):
            block = zip(ids[start : start + _BLOCK], vectors[start : start + _BLOCK], strict=True)
            points = [
                {
                    "id": str(uuid.uuid5(_NAMESPACE, id)),
                    "vector": {self._vector: row.tolist()} if self._vector else row.tolist(),
                    "payload": {self._id_field: id},
                }
                for id, row in block
            ]
            self._send("PUT", "/points?wait=true", {"points": points})
        return len(ids)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- the server --------------------------------------------------------------------------------

    def _check_collection(self, dim: int) -> bool:
        """Check the collection's vectors, and return whether an image has several."""
        result = self._send("GET", "")
        try:
            vectors = result["config"]["params"]["vectors"]
            named = {"": vectors} if "size" in vectors else dict(vectors)
            sizes = {name: int(each["size"]) for name, each in named.items()}
        except (TypeError, KeyError, ValueError) as error:
            raise self._strange("no description of its vectors") from error
        if self._vector not in sizes:
            names = ", ".join(repr(name) for name in sizes)
            raise NotFoundError(
                f"The collection {self._collection!r} has no vector {self._vector!r}.",
                hint=f"It has {names}: --candidate-option vector=NAME",
            )
        if sizes[self._vector] != dim:
            raise GalleryMismatchError(
                f"The vectors of the collection {self._collection!r} have {sizes[self._vector]} "
                f"numbers, those of the gallery's encoder {dim}.",
                hint="The collection has to hold vectors of the same encoder; QdrantSource.fill "
                "writes them.",
            )
        return bool(named[self._vector].get("multivector_config"))

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request about the collection, and return the ``result`` of the answer."""
        try:
            answer = self._http.request(method, f"/collections/{self._collection}{path}", json=body)
        except httpx2.HTTPError as error:
            raise EndpointError(
                f"Qdrant at {self._host} cannot be reached: {error or type(error).__name__}.",
                hint="Start it, or correct --candidate-option url=…; without --candidates the "
                "search is exact and needs no other server.",
            ) from error
        if answer.status_code in (401, 403):
            raise EndpointError(
                f"Qdrant at {self._host} refuses the key.",
                hint=f"Set {KEY_VARIABLE} in the environment.",
            )
        try:
            data = answer.json()
            status = data["status"]
        except (ValueError, TypeError, KeyError) as error:
            raise self._strange(f"HTTP {answer.status_code}") from error
        if answer.status_code == 404:
            raise NotFoundError(
                f"Qdrant at {self._host} has no collection {self._collection!r}.",
                hint="Correct --candidate-option collection=NAME, or fill one: docs/candidates.md.",
            )
        if answer.status_code != 200:
            reason = status.get("error") if isinstance(status, Mapping) else status
            raise self._strange(f"HTTP {answer.status_code}, {str(reason)[:200]}")
        return data.get("result")

    def _id_of(self, point: Any) -> str:
        payload = point.get("payload") if isinstance(point, Mapping) else None
        id = payload.get(self._id_field) if isinstance(payload, Mapping) else None
        if not isinstance(id, str):
            raise GalleryMismatchError(
                f"A point of the collection {self._collection!r} has no gallery id in the field "
                f"{self._id_field!r} of its payload.",
                hint="Name the field that holds it: --candidate-option id_field=NAME",
            )
        return id

    def _strange(self, what: str) -> EndpointError:
        return EndpointError(
            f"Qdrant at {self._host} gave an answer that cannot be used: {what}.",
            hint="Check that the address is that of its REST interface, mostly port 6333.",
        )


def make_qdrant_source(
    url: str = "http://localhost:6333",
    collection: str = "",
    vector: str = "",
    id_field: str = "id",
    exact: bool = False,
    timeout: float = 10.0,
) -> QdrantSource:
    """Return a collection of a Qdrant server as a candidate source: the plug-in ``qdrant``."""
    return QdrantSource(
        url, collection, vector=vector, id_field=id_field, exact=exact, timeout=timeout
    )
