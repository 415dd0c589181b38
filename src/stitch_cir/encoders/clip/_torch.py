"""What both torch back ends need: device, precision, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stitch_cir._hints import install_command
from stitch_cir.errors import ModelError, SettingError, StitchError

__all__ = ["DEVICES", "PRECISIONS", "TorchTowers", "check_choices", "loading", "placed"]

DEVICES = ("cpu", "cuda")
PRECISIONS = ("fp32", "bf16")


def check_choices(device: str | None, precision: str | None) -> tuple[str | None, str]:
    """Check what the user chose; fp32 by default. Raises ``SettingError``."""
    if device is not None and device.split(":")[0] not in DEVICES:
        raise SettingError(
            f"There is no device {device!r}.", hint=f"Devices: {', '.join(DEVICES)}."
        )
    if precision not in (None, *PRECISIONS):
        raise SettingError(
            f"There is no precision {precision!r}.", hint=f"Precisions: {', '.join(PRECISIONS)}."
        )
    return device, precision or "fp32"


def placed(device: str | None, precision: str) -> tuple[Any, Any]:
    """Return torch's device and dtype; CUDA where there is one, unless another was asked for.

    On a GPU, convolutions in float32 are float32 from then on: torch would otherwise compute them
    in TensorFloat-32, which moves the vectors by about 1e-4 and so makes them another machine's.

    Raises ``ModelError`` when CUDA was asked for and there is none.
    """
    import torch

    cuda = bool(torch.cuda.is_available())
    if device is not None and device.startswith("cuda") and not cuda:
        raise ModelError(
            "CUDA was asked for, but torch sees no CUDA device here.",
            hint="Leave --device out, or install a build of torch with CUDA.",
        )
    chosen = device or ("cuda" if cuda else "cpu")
    if chosen != "cpu":
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(chosen), torch.bfloat16 if precision == "bf16" else torch.float32


@contextmanager
def loading(what: str, extra: str, expected: str) -> Iterator[None]:
    """Turn whatever a model library raises while loading into one ``ModelError``."""
    try:
        yield
    except ImportError as error:
        raise ModelError(
            f"{what} needs a package that is not installed: {error}.",
            hint=f"Install the extra: {install_command(extra)}",
        ) from error
    except StitchError:
        raise
    except Exception as error:  # each library below has classes of its own
        said = " ".join(str(error).split())[:300]
        raise ModelError(f"{what} cannot be loaded: {said}", hint=expected) from error


class TorchTowers:
    """Base of the towers of a torch model: what an export needs of them."""

    _model: Any
    _tokenizer: Any

    @property
    def model(self) -> Any:
        """The torch model itself, for export."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """The tokenizer itself, for export."""
        return self._tokenizer
