"""What every command that searches does first: open the gallery and make the composer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir._hints import shell_word, similar_path
from stitch_cir.errors import GalleryMissingError, StitchError

if TYPE_CHECKING:
    from stitch_cir.cli._models import ModelOptions
    from stitch_cir.composers import Composer
    from stitch_cir.encoders import ComposedEncoder, DualEncoder
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import SearchSettings

__all__ = ["ComposedMaker", "chosen_composed", "chosen_composer", "composer_choice", "open_gallery"]


def open_gallery(
    path: Path,
    encoder: str | None,
    *,
    texts: bool,
    text: str | None = None,
    reference: str | None = None,
) -> Gallery:
    """Open a gallery; with ``texts`` its text model opens meanwhile.

    ``text`` and ``reference`` are the other arguments: where there is no gallery, they may show
    what was meant.
    """
    from stitch_cir.encoders import WarmUp, load_encoder
    from stitch_cir.gallery import Gallery

    loaded = None if encoder is None else load_encoder(encoder)
    try:
        gallery = Gallery.open(path, encoder=loaded)
    except GalleryMissingError as error:
        hint = _meant(path, text, reference)
        raise GalleryMissingError(error.message, hint=hint or error.hint) from None
    if texts and isinstance(gallery.encoder, WarmUp):
        # The text model opens while the reference is read and encoded. The thread is no daemon:
        # leaving the process while a model is being opened would abort it.
        threading.Thread(target=_quietly, args=(gallery.encoder.warm_up,)).start()
    return gallery


def _meant(path: Path, text: str | None, reference: str | None) -> str:
    """Return what was probably meant by a path that is no gallery, or ""."""
    if text is not None and _is_gallery(Path(text)) and not path.exists():
        return (
            "Gallery and text have changed places: the gallery comes first, as in "
            f"{shell_word(text)} {shell_word(path)}"
        )
    spelled = similar_path(path)
    if spelled is not None and _is_gallery(spelled):
        return f"Did you mean {shell_word(spelled)}?"
    if text is None and reference is None and not path.exists() and " " in str(path):
        return f"The gallery comes first: GALLERY {shell_word(path)}"
    return ""


def _is_gallery(path: Path) -> bool:
    from stitch_cir.gallery import Gallery

    try:
        Gallery.open(path).close()
    except (StitchError, OSError, ValueError):
        return False
    return True


def _quietly(warm_up: Callable[..., None]) -> None:
    """Warm up; a faulty model is reported where it is used."""
    with suppress(StitchError):
        warm_up(texts=True, images=False)


def chosen_composer(models: ModelOptions, settings: SearchSettings) -> Composer | None:
    """Make the composer; it also describes the reference where the transition needs that."""
    sampled_as, num_reference_captions, roles = composer_choice(settings)
    return models.make_composer(
        sampled_as,
        num_reference_captions=num_reference_captions,
        roles=roles,
        reranking=settings.rerank > 0,
    )


def chosen_composed(
    name: str | None, settings: SearchSettings, encoder: DualEncoder
) -> ComposedEncoder | None:
    """Make the composed-query encoder that was named; ``None`` is the default one.

    Raises ``SettingError`` where one is named that has no weight.
    """
    from stitch_cir.encoders import load_composed, load_encoder
    from stitch_cir.errors import SettingError

    if name is None:
        return None
    if not settings.composed_weight:
        raise SettingError(
            f"--composed {name} has no weight, and would change nothing.",
            hint="Add --composed-weight 0.5 (half of the query), or 1 for that vector alone.",
        )
    return load_composed(name, encoder, load_encoder)


class ComposedMaker:
    """Loads the composed-query encoder that was named once for each encoder of a gallery."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._made: tuple[DualEncoder, ComposedEncoder] | None = None

    def __call__(self, encoder: DualEncoder) -> ComposedEncoder:
        from stitch_cir.encoders import load_composed, load_encoder

        with self._lock:
            # a gallery that was indexed anew may have another encoder
            if self._made is None or self._made[0] is not encoder:
                self._made = encoder, load_composed(self._name, encoder, load_encoder)
            return self._made[1]


def composer_choice(settings: SearchSettings) -> tuple[str, int, bool]:
    """Return what a composer depends on: sampling preset, number of reference captions, roles."""
    described = settings.transition.needs_reference_captions
    # only the published presets determine how a model samples
    sampled_as = "public-code" if settings.preset == "public-code" else "paper"
    return sampled_as, settings.num_captions if described else 0, settings.scores_roles
