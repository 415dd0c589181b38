"""Caption every image of a gallery: concurrent, resumable, and never by halves."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Unpack

from stitch_cir.captioning._answers import Answer, is_answer, read_answer
from stitch_cir.captioning._images import GalleryImage, gallery_images, kept_captions
from stitch_cir.captioning._report import CaptionReport
from stitch_cir.captioning._run import CaptionRun, Described
from stitch_cir.chat import (
    Chat,
    ChatOptions,
    Estimate,
    FittingPrompt,
    ImagePart,
    MalformedReplyError,
    Message,
    Prompt,
    Sampling,
    estimate,
    load_prompt,
    make_chat,
)
from stitch_cir.errors import EndpointError, ImageError, ModelError, SettingError
from stitch_cir.gallery import (
    WRITTEN_ATTRIBUTES,
    Gallery,
    ImageCaptions,
    Progress,
    write_captions,
)

if TYPE_CHECKING:
    from stitch_cir.chat import ChatBackend

__all__ = ["GalleryCaptioner", "caption_gallery"]

_PATIENCE = 5
"""End-point failures in a row, without an answer between them, after which a run stops."""


class GalleryCaptioner:
    """Has a multimodal model describe images: captions, and attributes to filter by.

    The model answers with one JSON object an image. A malformed answer is requested again, at most
    ``retries`` times; an image without a whole answer is reported and stays as it was. Neither the
    names of files nor earlier captions are sent.

    Parameters
    ----------
    chat:
        The model and its cache.
    prompt:
        Name of a shipped prompt of kind ``describe``, or the path of another.
    sampling:
        How answers are drawn; 400 new tokens by default.
    retries:
        How often a malformed answer is requested again, ≥ 0.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        prompt: str = "describe-1",
        sampling: Sampling | None = None,
        retries: int = 2,
    ) -> None:
        if retries < 0:
            raise SettingError(f"retries is {retries}.", hint="It must be at least 0.")
        self.chat = chat
        self._prompt = FittingPrompt(load_prompt(prompt, "describe"))
        self._sampling = sampling or Sampling.from_preset("paper", max_tokens=400)
        self._tries = retries + 1
        self._usable = partial(is_answer, max_words=self._prompt.full.max_words)

    def settings(self) -> Mapping[str, Any]:
        """Return model, prompt and sampling."""
        return {
            **self.chat.settings(),
            **self._prompt.form.to_dict(),
            "sampling": self._sampling.to_dict(),
            "retries": self._tries - 1,
        }

    def caption(
        self, gallery: Gallery, *, weight: int = 1, progress: Progress | None = None
    ) -> CaptionReport:
        """Caption the images that have no captions by this model and prompt yet.

        Captions are written into the gallery every few images, and what was finished is written
        when the run is interrupted; each becomes ``weight`` views of its image's set (0: none). An
        image of the same content is described once.

        Raises
        ------
        SettingError
            The weight is none, or the gallery holds no images.
        EndpointError
            The model failed for several images in a row; what was finished is kept.
        ModelError
            Not a single image could be captioned.
        GalleryBusyError, GalleryError, CacheError
            What was finished before is kept.
        """
        started, before = time.perf_counter(), self.chat.usage()
        follow: Progress = progress or (lambda event: None)
        write_captions(gallery, [], weight=weight)  # a wrong weight is refused before any request
        images = gallery_images(gallery)
        kept, waiting = self._split(gallery, images, weight)
        run = CaptionRun(gallery, weight, follow, len(images), len(images) - len(waiting))
        try:
            with closing(self._describe_all(waiting)) as described:
                for each in described:
                    run.add(each)
        except BaseException:
            run.write()
            raise
        run.write()
        if not kept and not run.written and run.failed:
            raise ModelError(
                f"None of {len(run.failed):,} images could be captioned. {run.failed[0][0]}: "
                f"{run.failed[0][1]}",
                hint="Check that the model takes images and keeps to JSON, or name another one.",
            )
        return CaptionReport(
            written=tuple(sorted([*kept, *run.written], key=lambda each: each.id)),
            kept=len(kept),
            failed=tuple(run.failed),
            malformed=run.malformed,
            weight=weight,
            usage=self.chat.usage() - before,
            seconds=time.perf_counter() - started,
            notes=(*_kind_notes(gallery), *self._prompt.notes(), *self.chat.notes()),
        )

    def estimate(self, gallery: Gallery) -> Estimate:
        """Return what :meth:`caption` would request, unless answers must be requested again.

        No image is opened: each counts as the largest that is sent.
        """
        _, waiting = self._split(gallery, gallery_images(gallery), None)
        total = Estimate(queries=len(waiting))
        for image in waiting:
            if self._cached(image) is not None:
                total += Estimate(cached=1)
            else:
                messages = self._messages(self._prompt.form, image.part())
                total += replace(estimate(self.chat, messages, 1, self._sampling), cached=0)
        return total

    def close(self) -> None:
        """Cancel the model's requests under way."""
        self.chat.close()

    def _split(
        self, gallery: Gallery, images: Sequence[GalleryImage], weight: int | None
    ) -> tuple[list[ImageCaptions], list[GalleryImage]]:
        """Return the captions that earlier runs wrote, and the images that have none.

        Those of another weight are written again with this one.
        """
        recorded = gallery.written_captions()
        kept: list[ImageCaptions] = []
        waiting = []
        for image in images:
            answers = {
                self.chat.key(self._messages(form, image.part()), self._sampling)
                for form in self._prompt.forms
            }
            captions = kept_captions(gallery, image, recorded, answers)
            if captions is None:
                waiting.append(image)
            else:
                kept += captions
        if weight is not None:
            other = [each for each in kept if recorded[each.id].weight != weight]
            write_captions(gallery, other, weight=weight)
        return kept, waiting

    def _describe_all(self, images: Sequence[GalleryImage]) -> Generator[Described]:
        """Yield what becomes of each image, as many under way as the end point takes.

        Raises the last ``EndpointError`` of ``_PATIENCE`` in a row.
        """
        concurrency = max(1, self.chat.backend.concurrency)
        pool = ThreadPoolExecutor(concurrency, thread_name_prefix="caption")
        failures = 0
        try:
            upcoming = iter(images)
            first = islice(upcoming, concurrency + 1)
            pending: deque[Future[Described]] = deque(pool.submit(self._try, e) for e in first)
            while pending:
                described = pending.popleft().result()
                pending.extend(pool.submit(self._try, each) for each in islice(upcoming, 1))
                failures = failures + 1 if described.error is not None else 0
                yield described
                if described.error is not None and failures >= _PATIENCE:
                    raise described.error
        except EndpointError:
            raise
        except BaseException:
            self.chat.close()  # before the pool waits for its threads
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _try(self, image: GalleryImage) -> Described:
        try:
            return self._describe(image)
        except ImageError as error:
            return Described(image, reason=error.message)
        except EndpointError as error:
            return Described(image, reason=error.message, error=error)

    def _describe(self, image: GalleryImage) -> Described:
        cached = self._cached(image)
        if cached is not None:
            return cached
        part = image.open()
        send = partial(self._request, image=image, part=part)
        described, _, _ = self._prompt.run(send, lambda prompt: False)
        return described

    def _cached(self, image: GalleryImage) -> Described | None:
        """Return what the cache has of an image, without opening it."""
        for form in self._prompt.forms:
            messages = self._messages(form, image.part())
            for number in range(self._tries):
                replies = self.chat.peek(messages, 1, self._sampling, number)
                if replies and self._usable(replies[0]):
                    # drawn once more, now from the cache, so that it is counted
                    self.chat.samples(messages, 1, self._sampling, number, usable=self._usable)
                    answer = read_answer(replies[0], form.max_words)
                    return self._described(image, form, messages, answer, 0)
        return None

    def _request(self, form: Prompt, image: GalleryImage, part: ImagePart) -> Described:
        messages = self._messages(form, part)
        reason = ""
        for number in range(self._tries):
            (reply,) = self.chat.samples(messages, 1, self._sampling, number, usable=self._usable)
            try:
                answer = read_answer(reply, form.max_words)
            except MalformedReplyError as error:
                reason = str(error)
                continue
            return self._described(image, form, messages, answer, number)
        more = ": allow more with --max-tokens" if reason == "cut off" else ""
        reason = f"{self._tries} malformed answers, the last: {reason}{more}"
        return Described(image, reason=reason, malformed=self._tries)

    def _described(
        self,
        image: GalleryImage,
        form: Prompt,
        messages: Sequence[Message],
        answer: Answer,
        malformed: int,
    ) -> Described:
        key = self.chat.key(messages, self._sampling)
        facts = (answer.captions, answer.attributes, self.chat.model, form.name, key)
        written = tuple(ImageCaptions(id, image.content, *facts) for id in image.ids)
        return Described(image, written, malformed=malformed)

    def _messages(self, form: Prompt, part: ImagePart) -> tuple[Message, ...]:
        return form.messages(image=part)


def caption_gallery(
    gallery: Gallery,
    model: str | ChatBackend,
    *,
    weight: int = 1,
    progress: Progress | None = None,
    **options: Unpack[ChatOptions],
) -> CaptionReport:
    """Have a model caption a gallery; ``options`` are those of :func:`~stitch_cir.chat.make_chat`.

    ``weight`` and ``progress`` are those of :meth:`GalleryCaptioner.caption`, which says what is
    raised.
    """
    chat = make_chat(model, role="captioner", **options)
    return GalleryCaptioner(chat).caption(gallery, weight=weight, progress=progress)


def _kind_notes(gallery: Gallery) -> list[str]:
    """Return notes about attributes that the gallery has with another kind."""
    kinds = {each["name"].casefold(): each["kind"] for each in gallery.info()["attributes"]}
    return [
        f"The model's {name} is left out: the gallery's {name} is a {kinds[name]}, and no list."
        for name in WRITTEN_ATTRIBUTES
        if kinds.get(name, "list") != "list"
    ]
