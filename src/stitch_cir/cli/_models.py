"""The options of models and of requests to them, shared by every command that composes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli._endpoint_options import (
    BaseUrlOption,
    CacheOption,
    ConcurrencyOption,
    ModelOption,
    ModelRetriesOption,
    ModelTimeoutOption,
    OfflineOption,
    PromptOption,
    SeedOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    endpoint_options,
    set_options,
)

if TYPE_CHECKING:
    from stitch_cir.chat import Sampling
    from stitch_cir.composers import Composer
    from stitch_cir.reranker import Reranker

__all__ = ["ModelOptions"]


@dataclass(frozen=True)
class ModelOptions:
    """Everything a user can set about composer and models; ``None`` means "not set"."""

    composer: Annotated[
        str | None,
        typer.Option(
            "--composer",
            help="Who writes the target captions: verbatim, chat, two-stage, local. [verbatim]",
        ),
    ] = None
    recorded: Annotated[
        Path | None,
        typer.Option("--recorded", metavar="FILE", help="Take compositions from this file."),
    ] = None
    model: ModelOption = None
    base_url: BaseUrlOption = None
    captioner: Annotated[
        str | None,
        typer.Option(
            "--captioner",
            metavar="NAME",
            help="Model that describes the reference image, for two-stage without captions.",
        ),
    ] = None
    prompt: PromptOption = None
    temperature: TemperatureOption = None
    top_p: TopPOption = None
    top_k: TopKOption = None
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="New tokens a caption. [the preset's]")
    ] = None
    seed: SeedOption = None
    concurrency: ConcurrencyOption = 4
    model_timeout: ModelTimeoutOption = 120.0
    model_retries: ModelRetriesOption = 4
    cache: CacheOption = None
    offline: OfflineOption = False

    def make_composer(
        self,
        preset: str = "paper",
        *,
        num_reference_captions: int = 0,
        roles: bool = False,
        reranking: bool = False,
        total_timeout: float | None = None,
    ) -> Composer | None:
        """Make the selected composer; ``None`` is the default one.

        ``roles``: the model writes them, too. ``reranking``: a reranker uses options of models too.
        ``total_timeout``: the most seconds that all answers to one query may take. Raises
        ``SettingError`` when options contradict each other.
        """
        from stitch_cir.errors import SettingError
        from stitch_cir.plugins import COMPOSERS

        name = self.composer
        if name is None and self.recorded is not None:
            name = "recorded"
        taken = () if name is None else COMPOSERS.options(name)
        if self.recorded is not None and "path" not in taken:
            raise SettingError(
                f"--recorded reads captions from a file, but --composer is {name!r}.",
                hint="Give one of the two.",
            )
        if self.recorded is None and "path" in taken:
            raise SettingError(
                f"The composer {name!r} needs a file.", hint="Add --recorded FILE.jsonl"
            )
        if "model" not in taken and self.recorded is None:
            self._refuse_unused(reranking=reranking)
        if name is None:
            return None
        default = COMPOSERS.default(name, "sampling")
        composer: Composer = COMPOSERS.make_from(
            name,
            set_options(
                path=self.recorded,
                model=self.model,
                captioner=self.captioner,
                prompt=self.prompt,
                sampling=self._sampling(preset, default) if "sampling" in taken else None,
                num_reference_captions=num_reference_captions,
                roles=roles,
                total_timeout=total_timeout,
                **endpoint_options(self),
            ),
        )
        return composer

    def make_reranker(self, name: str, model: str | None, samples: int) -> Reranker:
        """Make the reranker ``name``; without ``model``, ``chat`` uses the composer's."""
        from stitch_cir.plugins import RERANKERS

        shared = set_options(
            model=model or self.model,
            samples=samples,
            seed=self.seed,
            max_tokens=self.max_tokens,
            **endpoint_options(self),
        )
        reranker: Reranker = RERANKERS.make_from(name, shared)
        return reranker

    def _sampling(self, preset: str, default: Sampling | None) -> Sampling:
        """Return the sampling of the options, else of the preset.

        A composer with a sampling of its own by default keeps the temperature of that.
        """
        from stitch_cir.chat import Sampling

        names = ("temperature", "top_p", "top_k", "max_tokens", "seed")
        options = {name: getattr(self, name) for name in names}
        if options["temperature"] is None and default is not None:
            options["temperature"] = default.temperature
        return Sampling.from_preset(preset, **options)

    def _refuse_unused(self, *, reranking: bool) -> None:
        """Raise ``SettingError`` for an option of models where no model is used."""
        from stitch_cir.errors import SettingError

        names = ["prompt", "captioner", "temperature", "top_p", "top_k"]
        if not reranking:
            names.append("max_tokens")
        unused = [name for name in names if getattr(self, name) is not None]
        if unused:
            raise SettingError(
                f"--{unused[0].replace('_', '-')} is for composers that ask a model, not for "
                f"{self.composer or 'verbatim'!r}.",
                hint="Add --composer local, or chat or two-stage with --model.",
            )
