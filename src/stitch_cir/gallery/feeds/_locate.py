"""Products whose images change, in order: their files located ahead, then decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from stitch_cir.gallery.feeds._compare import ProductChange, failure_of
from stitch_cir.gallery.feeds._fields import UnusableRowError
from stitch_cir.gallery.feeds._images import ImageSource
from stitch_cir.gallery.feeds._read import RowFailure
from stitch_cir.gallery.feeds._write import LocatedImage
from stitch_cir.gallery.index import facts_of
from stitch_cir.gallery.index._decode import ChangedFile, Decoded, Decoder
from stitch_cir.gallery.store import to_path
from stitch_cir.gallery.store._products import ProductImage

__all__ = ["ProductImages"]


@dataclass(slots=True)
class _Located:
    """A product whose images have files; those that are to be read are decoded one by one.

    ``images`` are as they are stored, or the link and the file of one that is to be read.
    """

    change: ProductChange
    images: list[ProductImage | tuple[str, ChangedFile]] = field(default_factory=list)
    decoded: list[Decoded] = field(default_factory=list)

    @property
    def files(self) -> list[ChangedFile]:
        return [image[1] for image in self.images if not isinstance(image, ProductImage)]

    @property
    def is_complete(self) -> bool:
        return len(self.decoded) == len(self.files)


class ProductImages:
    """Locates and decodes the images of products a few ahead of who writes them.

    ``fail`` is called with each image that cannot be used; ``located`` counts the links that were
    looked up.
    """

    def __init__(
        self,
        root: Path,
        source: ImageSource,
        decoder: Decoder,
        fail: Callable[[RowFailure], None],
    ) -> None:
        """Look up links in ``source``; files lie below ``root``."""
        self._root = root
        self._source = source
        self._decoder = decoder
        self._fail = fail
        self.located = 0

    def run(
        self, changes: Iterable[ProductChange]
    ) -> Generator[tuple[ProductChange, list[LocatedImage]]]:
        """Yield products with their images, in order; those without a main image are left out."""
        expected: deque[_Located] = deque()

        def files() -> Iterator[ChangedFile]:
            for product in self._locate(changes):
                expected.append(product)
                yield from product.files

        with closing(self._decoder.run(files())) as stream:
            for decoded in stream:
                while expected[0].is_complete:
                    yield from self._parts(expected.popleft())
                expected[0].decoded.append(decoded)
        while expected:
            yield from self._parts(expected.popleft())

    def _locate(self, changes: Iterable[ProductChange]) -> Iterator[_Located]:
        waiting: deque[tuple[ProductChange, dict[str, Future[bytes]]]] = deque()
        pool = ThreadPoolExecutor(self._source.concurrency, thread_name_prefix="locate")
        try:
            for change in changes:
                links = [each for each in change.images if isinstance(each, str)]
                paths = {link: pool.submit(self._source.locate, link) for link in links}
                waiting.append((change, paths))
                if len(waiting) > 2 * self._source.concurrency:
                    yield from self._located(*waiting.popleft())
            while waiting:
                yield from self._located(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _located(
        self, change: ProductChange, paths: Mapping[str, Future[bytes]]
    ) -> Iterator[_Located]:
        """Yield the product with the files of its images, unless the main one is nowhere."""
        product = _Located(change)
        for number, image in enumerate(change.images):
            if isinstance(image, ProductImage):
                product.images.append(image)
                continue
            try:
                path = paths[image].result()
                facts = facts_of((self._root / to_path(path)).stat())
            except (UnusableRowError, OSError) as error:
                self._fail(failure_of(change.product, number, str(error).rstrip(".")))
                if number == 0:
                    return
                continue
            self.located += 1
            name = path.decode("utf-8", "backslashreplace")
            product.images.append((image, ChangedFile(name, path, facts)))
        yield product

    def _parts(self, product: _Located) -> Iterator[tuple[ProductChange, list[LocatedImage]]]:
        """Yield the product with what was decoded, unless its main image cannot be used."""
        parts: list[LocatedImage] = []
        decoded = iter(product.decoded)
        for number, image in enumerate(product.images):
            if isinstance(image, ProductImage):
                parts.append(LocatedImage(image))
                continue
            link, file = image
            content = next(decoded)
            if content.hash is None or content.problem is not None:
                reason = "it cannot be read" if content.problem is None else content.problem.reason
                reason = reason.replace("the file", f"the image {link[:200]!r}", 1)
                self._fail(failure_of(product.change.product, number, reason.rstrip(".")))
                if number == 0:
                    for each in decoded:
                        each.without_image()
                    return
                continue
            facts = content.candidate.facts
            stored = ProductImage(
                link, file.path, facts.size, facts.mtime_ns, facts.mark, content.hash
            )
            parts.append(LocatedImage(stored, content))
        yield product.change, parts
