"""From the JSON of a query to a call of the library, and from results to JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stitch_cir.composers import (
    Caption,
    Composer,
    Composition,
    RecordedComposer,
    TemplateComposer,
    VerbatimComposer,
)
from stitch_cir.errors import NotFoundError, QueryError
from stitch_cir.gallery import Gallery
from stitch_cir.search import (
    Hit,
    Results,
    SearchSettings,
    Seen,
    View,
    compose,
    locate,
    look_at_upload,
    look_up,
    required_image_side,
    search,
)
from stitch_cir.server._errors import RequestError
from stitch_cir.server._keeper import Keeper
from stitch_cir.server._models import Ask, ByUpload
from stitch_cir.server._pictures import picture_url
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._shelf import Shelf
from stitch_cir.server._uploads import Uploads

__all__ = ["ComposerMaker", "Question", "Questions", "image_facts", "view_facts"]

ComposerMaker = Callable[[SearchSettings], Composer | None]

_SEEN_BYTES = 48 << 20
_AT_ONCE = (TemplateComposer, RecordedComposer, VerbatimComposer)
"""Composers that never wait for anybody."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query in the library's terms."""

    seen: Seen | None
    text: str
    captions: tuple[Caption, ...]
    less_like: tuple[str, ...]
    settings: SearchSettings
    composer: Composer | None

    def asked(self) -> dict[str, Any]:
        """Give what ``search`` and ``locate`` take."""
        return {
            "reference": self.seen,
            "text": self.text,
            "captions": self.captions,
            "less_like": self.less_like,
            "composer": self.composer,
            "settings": self.settings,
        }


class Questions:
    """Answers queries; every method may be called from several threads."""

    def __init__(
        self,
        keeper: Keeper,
        uploads: Uploads,
        settings: ServerSettings,
        make_composer: ComposerMaker,
    ) -> None:
        """Look references up in ``keeper``'s gallery and among ``uploads``."""
        self._keeper = keeper
        self._uploads = uploads
        self._settings = settings
        self._make_composer = make_composer
        self.seen: Shelf[Seen] = Shelf(_SEEN_BYTES)

    def compose(self, ask: Ask) -> Composition:
        """Write target captions; edited ones are ignored."""

        def run(gallery: Gallery) -> Composition:
            one = self._read(gallery, ask)
            return compose(
                gallery,
                reference=one.seen,
                text=one.text,
                composer=one.composer,
                settings=one.settings,
            )

        return run(self._keeper.gallery())

    def search(self, ask: Ask) -> tuple[Gallery, Question, Results]:
        """Rank the gallery."""

        def run(gallery: Gallery) -> tuple[Gallery, Question, Results]:
            one = self._read(gallery, ask)
            return gallery, one, search(gallery, **one.asked())

        return run(self._keeper.gallery())

    def locate(self, ask: Ask, id: str) -> tuple[Gallery, Results]:
        """Explain one image, with its true rank."""

        def run(gallery: Gallery) -> tuple[Gallery, Results]:
            one = self._read(gallery, ask)
            _must_hold(gallery, id)
            return gallery, locate(gallery, id, **one.asked())

        return run(self._keeper.gallery())

    def asks_model(self, ask: Ask, *, composing: bool = False) -> bool:
        """Say whether the answer waits for a composer that may ask a model.

        ``composing``: captions are to be written even where edited ones were sent.
        """
        if not ask.text.strip() or (ask.captions is not None and not composing):
            return False
        composer = self._make_composer(_settings_of(ask))
        if composer is None or isinstance(composer, _AT_ONCE):
            return False
        # without a reference there is nothing to show a model: the template composer writes
        return ask.reference is not None or not hasattr(composer, "chat")

    def _read(self, gallery: Gallery, ask: Ask) -> Question:
        self._check(ask)
        settings = _settings_of(ask)
        captions: tuple[Caption, ...] = ()
        if ask.captions is not None:
            captions = tuple(Caption(one.text, one.weight) for one in ask.captions if one.on)
            if not captions:
                raise QueryError(
                    "No target caption is switched on.", hint="Switch one on, or write one."
                )
        for id in ask.less_like:
            _must_hold(gallery, id)
        composer = self._make_composer(settings)
        seen = self._look(gallery, ask, required_image_side(composer))
        less_like = tuple(ask.less_like)
        return Question(seen, ask.text, captions, less_like, settings, composer)

    def _check(self, ask: Ask) -> None:
        limits = self._settings
        texts = [ask.text, *(one.text for one in ask.captions or ())]
        if max(map(len, texts)) > limits.text_characters:
            raise RequestError(
                f"A text has more than {limits.text_characters:,} characters.",
                hint="Say it shorter.",
            )
        if len(ask.captions or ()) > limits.most_captions:
            raise RequestError(
                f"There are more than {limits.most_captions} captions.", hint="Send fewer."
            )
        if (ask.settings.k or 0) > limits.most_hits:
            raise RequestError(f"k is larger than {limits.most_hits}.", hint="Ask for fewer hits.")

    def _look(self, gallery: Gallery, ask: Ask, side: int) -> Seen | None:
        """Look a reference up; the pictures of the last ones stay in memory."""
        reference = ask.named()
        if reference is None:
            return None
        named = reference.model_dump_json()
        key = (named, gallery.directory, gallery.generation, side)
        known = self.seen.get(key)
        if known is not None:
            return known
        if isinstance(reference, ByUpload):
            upload = self._uploads.get(reference.upload)
            most = self._uploads.max_pixels
            found = look_at_upload(gallery, "(upload)", upload.content, side=side, max_pixels=most)
        else:
            found = look_up(gallery, reference.id, side=side)
        if found.image is not None:
            self.seen.put(key, found, 3 * found.image.width * found.image.height + 1000)
        return found

    # -- to JSON -----------------------------------------------------------------------------------

    def results(self, gallery: Gallery, results: Results, prefix: str = "") -> dict[str, Any]:
        """Give a search as JSON-ready data, without the server's own paths.

        ``prefix`` is the path that the addresses of the images lie below.
        """
        data = results.to_dict()
        data["gallery"]["directory"] = self._keeper.name
        data["notes"] = self.notes(gallery, results)
        if results.query.composition is not None:
            data["composition"] = self.composition(results.query.composition)
        data["hits"] = [self.hit(hit, prefix) for hit in results]
        return data

    def composition(self, composition: Composition) -> dict[str, Any]:
        """Give target captions as JSON-ready data, without the server's own paths."""
        data = composition.to_dict()
        data["notes"] = [self._keeper.say(note) for note in composition.notes]
        return data

    def notes(self, gallery: Gallery, results: Results) -> list[str]:
        """Give the notes of a search and of its gallery, each once, without the server's paths."""
        notes = (self._keeper.say(note) for note in results.notes)
        return list(dict.fromkeys((*notes, *self._keeper.notes(gallery))))

    def hit(self, hit: Hit, prefix: str = "") -> dict[str, Any]:
        """Give one hit as JSON-ready data."""
        return {
            "rank": hit.rank,
            "score": round(hit.score, 6),
            "best_view": view_facts(hit.best_view),
            **image_facts(hit.id, hit.size, hit.captions, prefix),
        }


def image_facts(
    id: str, size: tuple[int, int] | None, captions: Sequence[str], prefix: str = ""
) -> dict[str, Any]:
    """Return what is shown of every image: its upright size in pixels, captions and addresses."""
    width, height = size or (None, None)
    return {
        "id": id,
        "width": width,
        "height": height,
        "captions": list(captions),
        "image": picture_url("files", id, prefix),
        "thumbnail": picture_url("thumbnails", id, prefix),
    }


def view_facts(view: View) -> dict[str, Any]:
    """Give one view, with its label."""
    return {**view.to_dict(), "label": view.label}


def _settings_of(ask: Ask) -> SearchSettings:
    """Make the settings of a query. Raises ``SettingError``."""
    changed = ask.settings.model_dump(exclude_none=True)
    for name in ("include", "exclude"):
        if name in changed:
            changed[name] = tuple(changed[name])
    return SearchSettings.from_preset(changed.pop("preset", "paper"), **changed)


def _must_hold(gallery: Gallery, id: str) -> None:
    if gallery.match(id) is None:
        raise NotFoundError(f"The gallery has no image {id!r}.", hint="See GET /api/images.")
