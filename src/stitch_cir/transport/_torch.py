"""Scores computed by torch, on a GPU where there is one; torch is imported when it is needed.

Scores are float32 and agree with those of NumPy within ``TOLERANCE``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir._hints import install_command
from stitch_cir.errors import ModelError, SettingError, VectorError
from stitch_cir.transport._conditional import ConditionalTransport
from stitch_cir.transport._front import SIMILARITIES
from stitch_cir.transport._marginals import read_marginal
from stitch_cir.transport._scorer import DeviceScorer, Scorer, Tensor
from stitch_cir.transport._sets import PointSets

__all__ = ["TOLERANCE", "TorchScorer", "open_device", "score_sets_torch"]

TOLERANCE = 1e-5
"""How far a score may be from NumPy's float32 score of the same sets."""


def open_device(name: str) -> str:
    """Return the torch device that ``cpu``, ``cuda``, ``cuda:N`` or ``auto`` stands for here.

    ``auto`` is ``cuda`` where torch sees one, else ``cpu``; without torch it is ``cpu`` too.
    Raises ``SettingError`` for another name, ``ModelError`` when torch or the device is missing.
    """
    kind, _, number = name.partition(":")
    if not re.fullmatch(r"cpu|auto|cuda(:\d+)?", name):
        raise SettingError(
            f"There is no device {name!r}.", hint="Devices: cpu, cuda, cuda:N, auto."
        )
    if kind == "cpu":
        return "cpu"
    try:
        import torch
    except ImportError as error:
        if kind == "auto":
            return "cpu"
        raise ModelError(
            f"Scoring on {name} needs torch, which is not installed.",
            hint=f"Install the extra: {install_command('torch')}, or leave --device out.",
        ) from error
    count = int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
    if kind == "auto":
        return "cuda" if count else "cpu"
    if int(number or 0) >= count:
        raise ModelError(
            f"Scoring on {name} was requested, but torch sees {count} CUDA devices here.",
            hint="Leave --device out, or install a build of torch with CUDA.",
        )
    return name


def score_sets_torch(
    queries: PointSets,
    gallery: PointSets,
    scorer: Scorer | None = None,
    *,
    device: str = "cuda",
    block: int | None = None,
) -> NDArray[np.float32]:
    """Score every query set against every gallery set on a torch device: (B, N) float32.

    ``block`` gallery sets are on the device at a time. Raises what ``score_sets`` raises, and
    ``SettingError`` for a scorer that is no :class:`DeviceScorer`.
    """
    if queries.dim != gallery.dim:
        raise VectorError(
            f"Queries have {queries.dim} dimensions, the gallery {gallery.dim}.",
            hint="Both must come from the same encoder.",
        )
    ready = TorchScorer(scorer or ConditionalTransport(), device)
    p = queries.marginals()
    step = block or max(1, SIMILARITIES // (gallery.size * gallery.dim))
    scores = np.empty((len(queries), len(gallery)), np.float32)
    for start in range(0, len(gallery), step):
        part = gallery.part(start, start + step)
        views, q = ready.send(part.vectors), part.marginals()
        for number, captions in enumerate(queries.vectors):
            scored = ready.score(views, captions, None if p is None else p[number], q)
            scores[number, start : start + step] = scored.cpu().numpy()
    return scores


class TorchScorer:
    """A scorer on a torch device."""

    def __init__(self, scorer: Scorer, device: str) -> None:
        """Raise ``SettingError`` unless it is a ``DeviceScorer``, ``ModelError`` without torch."""
        if not isinstance(scorer, DeviceScorer):
            raise SettingError(
                f"The scorer {scorer.name} cannot be computed on {device}.",
                hint="Use conditional, chamfer, mean, point or sinkhorn, or --device cpu.",
            )
        try:
            import torch
        except ImportError as error:
            raise ModelError(
                f"Scoring on {device} needs torch, which is not installed.",
                hint=f"Install the extra: {install_command('torch')}",
            ) from error
        self._torch: Any = torch
        self._device = torch.device(device)
        self._scorer = scorer

    def send(self, array: NDArray[Any]) -> Tensor:
        """Copy an array to the device."""
        return self._torch.tensor(np.ascontiguousarray(array), device=self._device)

    def keep(self, array: NDArray[Any]) -> Tensor | None:
        """Copy an array to the device to stay there; ``None`` where its memory does not suffice.

        It may be free when it is looked at, and taken by another process when it is asked for.
        """
        try:
            return self.send(array)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            return None

    @contextmanager
    def memory_errors(self) -> Iterator[None]:
        """Turn what torch raises where the device's memory is full into ``ModelError``."""
        try:
            yield
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            raise ModelError(
                f"The memory of {self._device} is full, and the scores need more of it.",
                hint="End what else uses the device, or score on the processor: --device cpu",
            ) from error

    def join(self, parts: list[Tensor]) -> Tensor:
        """Join tensors along their first axis."""
        return self._torch.cat(parts)

    def free_bytes(self) -> int:
        """Return the free memory of a GPU, for vectors to stay in; 0 on the CPU, where they are."""
        if self._device.type != "cuda":
            return 0
        return int(self._torch.cuda.mem_get_info(self._device)[0])

    def score(
        self,
        views: Tensor,
        captions: NDArray[np.float32],
        p: ArrayLike | None = None,
        q: NDArray[Any] | None = None,
    ) -> Tensor:
        """Score n view sets against one caption set.

        Parameters
        ----------
        views:
            (n, M, d) float32 on the device.
        captions:
            (K, d) float32.
        p, q:
            (K,) and (n, M), weights ≥ 0 of any sum or bool masks, as scorers take them; ``None``:
            evenly weighted.

        Returns (n,) float32 on the device. Raises ``VectorError`` as scorers do.
        """
        torch = self._torch
        count, members, _ = views.shape
        weights = read_marginal("p", p, len(captions), (), np.dtype(np.float32)).weights[:, 0]
        masses = read_marginal("q", q, members, (count,), np.dtype(np.float32)).weights.T
        with torch.inference_mode():
            s = self._product(views, self.send(captions)).transpose(1, 2)
            at_p = self.send(weights).expand(count, -1)
            at_q = self.send(masses).expand(count, -1)
            absent = ((at_p == 0)[:, :, None]) | ((at_q == 0)[:, None, :])
            s = s.masked_fill(absent, 0.0)
            scores = self._scorer.score_tensors(s, at_p, at_q).to(torch.float32)
            if not bool(torch.isfinite(scores).all()):
                raise VectorError(
                    "The similarities of a pair hold NaN or infinity.",
                    hint="Check the vectors they were computed from.",
                )
        return scores

    def _product(self, views: Tensor, captions: Tensor) -> Tensor:
        """Multiply in true float32: TensorFloat-32 would be off by more than ranking allows."""
        torch = self._torch
        precision = torch.get_float32_matmul_precision()
        if precision == "highest":
            return views @ captions.T
        torch.set_float32_matmul_precision("highest")
        try:
            return views @ captions.T
        finally:
            torch.set_float32_matmul_precision(precision)


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether it is torch's allocator or CUDA itself that has no more memory."""
    return "out of memory" in str(error)
