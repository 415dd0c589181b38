"""The same scores computed by torch, on a GPU where there is one; torch is imported when asked for.

Every formula is that of the NumPy scorer of the same name. Scores are float32 and agree with
NumPy's within ``TOLERANCE``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stitch_cir.errors import ModelError, SettingError, VectorError
from stitch_cir.hints import install_command
from stitch_cir.transport._conditional import SHARPEST, ConditionalTransport
from stitch_cir.transport._front import SIMILARITIES
from stitch_cir.transport._marginals import read_marginal
from stitch_cir.transport._scorer import Scorer
from stitch_cir.transport._sets import PointSets
from stitch_cir.transport._simple import Chamfer, MeanPooling, PointToPoint
from stitch_cir.transport._sinkhorn import Sinkhorn

__all__ = ["TOLERANCE", "TorchScorer", "open_device", "score_sets_torch"]

TOLERANCE = 1e-5
"""How far a score may be from NumPy's float32 score of the same sets."""

Tensor = Any
"""torch.Tensor; torch has to be no dependency of this module, types included."""


def open_device(name: str) -> str:
    """Give the torch device that ``cpu``, ``cuda``, ``cuda:N`` or ``auto`` stands for here.

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
            f"Scoring on {name} was asked for, but torch sees {count} CUDA devices here.",
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
    """Do what :func:`score_sets` does on a torch device: (B, N) float32.

    ``block`` gallery sets are on the device at a time. Raises what ``score_sets`` raises, and
    ``SettingError`` for a scorer that has no torch form.
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
        held = gallery.part(start, start + step)
        views, q = ready.send(held.vectors), held.marginals()
        for number, own in enumerate(queries.vectors):
            found = ready.score(views, own, None if p is None else p[number], q)
            scores[number, start : start + step] = found.cpu().numpy()
    return scores


class TorchScorer:
    """A built-in scorer on a torch device."""

    def __init__(self, scorer: Scorer, device: str) -> None:
        """Raise ``SettingError`` for a scorer without a form, ``ModelError`` without torch."""
        forms: dict[type, Callable[..., Tensor]] = {
            ConditionalTransport: self._conditional,
            Chamfer: self._chamfer,
            MeanPooling: self._mean,
            PointToPoint: self._point,
            Sinkhorn: self._sinkhorn,
        }
        if type(scorer) not in forms:
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
        self._scorer: Any = scorer
        self._form = forms[type(scorer)]

    def send(self, array: NDArray[Any]) -> Tensor:
        """Copy an array to the device."""
        return self._torch.tensor(np.ascontiguousarray(array), device=self._device)

    def join(self, parts: list[Tensor]) -> Tensor:
        """Join tensors along their first axis."""
        return self._torch.cat(parts)

    def free_bytes(self) -> int:
        """Free memory of a GPU, for vectors to stay in; 0 on the CPU, where they already are."""
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
            scores = self._form(s, at_p, at_q).to(torch.float32)
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

    def _conditional(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        sharpness = min(1.0 / self._scorer.tau, SHARPEST)
        found = []
        for axis, weights in ((2, q[:, None, :]), (1, p[:, :, None])):
            absent = weights == 0
            top = s.masked_fill(absent, -np.inf).amax(axis, keepdim=True)
            gap = (s - top).masked_fill(absent, 0.0)
            pull = self._torch.exp(gap * sharpness) * weights
            found.append(top.squeeze(axis) + (pull * gap).sum(axis) / pull.sum(axis))
        return (found[0] * p).sum(1) + (found[1] * q).sum(1)

    def _chamfer(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        captions = s.masked_fill((q == 0)[:, None, :], -np.inf).amax(2)
        views = s.masked_fill((p == 0)[:, :, None], -np.inf).amax(1)
        return (captions * p).sum(1) + (views * q).sum(1)

    def _mean(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        return 2.0 * ((s * q[:, None, :]).sum(2) * p).sum(1)

    def _point(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        if bool((q[:, 0] == 0).any()):
            raise VectorError(
                "Point-to-point scoring needs view 0, the original view, and a set lacks it.",
                hint="Give view 0 a weight above 0, or use another scorer.",
            )
        return 2.0 * (s[:, :, 0] * p).sum(1)

    def _sinkhorn(self, s: Tensor, p: Tensor, q: Tensor) -> Tensor:
        """Iterate all pairs until the last has converged, in float64; then round onto p and q."""
        torch, scorer = self._torch, self._scorer
        s, p, q = s.double(), p.double(), q.double()
        kernel = (s - 1.0) / scorer.epsilon
        log_p, log_q = torch.log(p), torch.log(q)
        found = torch.logsumexp(kernel + log_q[:, None, :], 2)
        for _ in range(scorer.max_iterations):
            u = log_p - found
            v = log_q - torch.logsumexp(kernel + u[:, :, None], 1)
            found = torch.logsumexp(kernel + v[:, None, :], 2)
            error = (torch.exp(u + found) - p).abs().sum(1)
            if bool((error <= scorer.tolerance).all()):
                break
        mass = torch.exp(kernel + u[:, :, None] + v[:, None, :])
        mass = mass * self._shrink(mass.sum(2), p)[:, :, None]
        mass = mass * self._shrink(mass.sum(1), q)[:, None, :]
        missing_p = (p - mass.sum(2)).clamp(min=0.0)
        missing_q = (q - mass.sum(1)).clamp(min=0.0)
        total = missing_p.sum(1)[:, None, None]
        total = torch.where(total > 0, total, torch.ones_like(total))
        mass = mass + missing_p[:, :, None] * missing_q[:, None, :] / total
        return 2.0 * (mass * s).sum((1, 2))

    def _shrink(self, sums: Tensor, wanted: Tensor) -> Tensor:
        ones = self._torch.ones_like(sums)
        return (wanted / self._torch.where(sums > 0, sums, ones)).clamp(max=1.0)
