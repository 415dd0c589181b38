"""One search as a command runs it: options in, an open gallery and its results out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _options as o
from stitch_cir.cli._files import refuse_inputs
from stitch_cir.cli._methods import MethodOption, models_of
from stitch_cir.cli._models import ModelOptions
from stitch_cir.cli._open import chosen_composed, chosen_composer
from stitch_cir.cli._setting_options import SEARCHING, SettingOptions

if TYPE_CHECKING:
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Results

__all__ = ["PageOptions", "SearchRun"]


@dataclass(frozen=True)
class PageOptions:
    """From which hit on."""

    offset: Annotated[
        int, typer.Option("--offset", metavar="N", help="Leave out the best N hits. [0]")
    ] = 0
    cursor: Annotated[
        str,
        typer.Option(
            "--cursor",
            metavar="TEXT",
            help="Go on after an earlier page: its next_cursor (--json), with the same query.",
        ),
    ] = ""


@dataclass(frozen=True)
class ComposedOptions:
    """Which published method is used, and what reads reference and text together."""

    method: MethodOption = None
    composed: o.ComposedOption = None


@dataclass(frozen=True)
class SearchRun:
    """What a search needs besides its gallery; nothing is opened yet."""

    query: o.QueryOptions
    settings: Annotated[SettingOptions, SEARCHING]
    page: PageOptions
    composed: ComposedOptions
    candidates: o.CandidateOptions
    reranker: o.RerankerOptions
    models: ModelOptions

    def run(
        self,
        gallery: Path,
        encoder: str | None,
        *,
        facets: list[str] | None = None,
        outputs: tuple[Path | None, ...] = (),
    ) -> tuple[Gallery, Results]:
        """Open the gallery and search it; ``outputs`` are written later, and may be no input."""
        from stitch_cir.errors import SettingError
        from stitch_cir.searcher import Searcher, method_by_name

        name = self.composed.method
        method = None if name is None else method_by_name(name)
        chosen = self.settings.build(method)
        models = self.models if method is None else models_of(method, self.models)
        if chosen.rerank:
            self._check_reranker(chosen.rerank)
        elif chosen.verify_mode != "each":
            raise SettingError(
                f"--verify-mode {chosen.verify_mode} is how hits are reranked, and none are.",
                hint="Say how many: --rerank 10.",
            )
        source = self.candidates.make()
        opened = self.query.open(gallery, encoder, texts=True)
        for output in outputs:
            if output is not None:
                refuse_inputs(output, opened, self.query.reference)
        second = self.reranker
        searcher = Searcher(
            opened,
            composer=chosen_composer(models, chosen),
            reranker=(
                models.make_reranker(second.reranker, second.rerank_model, second.rerank_samples)
                if chosen.rerank
                else None
            ),
            composed=chosen_composed(self.composed.composed, chosen, opened.encoder),
            candidates=source,
            settings=chosen,
        )
        results = searcher.search(
            replace(
                self.query.query(),
                facets=facets or (),
                offset=self.page.offset,
                cursor=self.page.cursor,
            )
        )
        if method is not None:
            results = replace(results, notes=(*results.notes, method.note(chosen)))
        return opened, results

    def _check_reranker(self, count: int) -> None:
        """Raise ``SettingError`` where a second opinion is requested of no model."""
        from stitch_cir.errors import SettingError
        from stitch_cir.plugins import RERANKERS

        needs_model = "model" in RERANKERS.options(self.reranker.reranker)
        if needs_model and not (self.reranker.rerank_model or self.models.model):
            raise SettingError(
                f"--rerank {count} asks a model about {count} hits, and no model is named.",
                hint="Add --rerank-model NAME, with --base-url where it does not run at OpenAI.",
            )
