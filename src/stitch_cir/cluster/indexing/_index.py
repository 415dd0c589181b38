"""Index a folder into a dataset, with encoders on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Unpack

from stitch_cir._scratch import scratch_folder
from stitch_cir.cluster.indexing._options import ClusterIndexOptions
from stitch_cir.cluster.indexing._run import BEFORE, ClusterRun
from stitch_cir.cluster.storage import ClusterIndexReport, address_text, import_lance
from stitch_cir.errors import GalleryMismatchError, StitchError
from stitch_cir.views import ViewRecipe

__all__ = ["index_on_cluster"]


def index_on_cluster(
    folder: Path | str,
    uri: Path | str,
    *,
    encoder: str | None = None,
    recipe: ViewRecipe | None = None,
    **options: Unpack[ClusterIndexOptions],
) -> ClusterIndexReport:
    """Bring a dataset in line with a folder of images, which every node sees under the same path.

    The rows are those of :func:`stitch_cir.gallery.index_folder` and
    :func:`stitch_cir.cluster.export_gallery`, bit for bit. Only new and changed files are read.
    Whatever is killed meanwhile, the next run goes on from what is committed; no id gets a second
    row.

    Parameters
    ----------
    folder, uri:
        Root of the images, and the dataset, which is made if there is none.
    encoder, recipe:
        Name of what makes the vectors, and the views: by default those of the dataset, or ``mini``
        and ten grid views.
    options:
        Everything else, see :class:`ClusterIndexOptions`.

    Raises
    ------
    ClusterError
        The cluster cannot be reached, or a node does not fit; the node and the cause are named.
    GalleryMismatchError
        The dataset was made by another encoder, with other views, or of another folder.
    GalleryError
        A node cannot see the images, its disk is full, or the storage refuses.
    """
    import_lance()
    uri = address_text(uri)
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder("index"))
        run = ClusterRun(Path(folder), uri, scratch, options)
        stack.callback(run.close)
        with _naming(scratch, uri):
            return run.run(encoder, recipe)


@contextmanager
def _naming(scratch: Path, uri: str) -> Iterator[None]:
    """Name the dataset in errors that would name the driver's own records of it."""
    try:
        yield
    except GalleryMismatchError as error:
        if str(scratch) not in error.message:
            raise
        raise GalleryMismatchError(
            error.message.replace(f"gallery {scratch}", f"dataset {uri}"),
            hint="Use the dataset's encoder and views and the folder that it was made of, index to "
            "another address, or encode everything anew: --switch-when-done for another encoder or "
            "other views, --rebuild for another folder.",
        ) from error
    except StitchError as error:
        if str(scratch) not in f"{error.message} {error.hint}":
            raise
        message, hint = (
            text.replace(str(scratch / BEFORE), str(scratch))
            .replace(f"gallery {scratch}", f"dataset {uri}")
            .replace(str(scratch), uri)
            for text in (error.message, error.hint)
        )
        raise type(error)(message, hint=hint) from error
