"""Opening ONNX files: with as many threads as there are cores, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._cores import usable_cores
from stitch_cir.errors import ModelError

__all__ = ["open_session", "run_session"]

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


def open_session(
    file: Path,
    *,
    providers: Sequence[str | tuple[str, dict[str, Any]]] = ("CPUExecutionProvider",),
    quiet: bool = False,
    spinning: bool = True,
    extended: bool = False,
) -> Any:
    """Open an ONNX file as an inference session.

    ``quiet`` keeps the runtime's warnings off stderr; without ``spinning`` its threads sleep
    between calls; ``extended`` stops at the second level of optimisation, which loads faster.
    Raises ``ModelError`` for a file that is missing, damaged, or newer than this onnxruntime.
    """
    import onnxruntime  # only when something is encoded

    options = onnxruntime.SessionOptions()
    # left to itself the runtime pins a thread to every core of the machine, and says on stderr
    # which of them a container or a batch job refused
    options.intra_op_num_threads = usable_cores()
    if quiet:
        options.log_severity_level = 3
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if extended:
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_EXTENDED
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=list(providers))
    except Exception as error:  # onnxruntime's own classes are not public
        message = " ".join(str(error).split())
        raise ModelError(
            f"The model file {file} cannot be opened: {message[:300]}", hint=_advice(message, file)
        ) from error


def _advice(message: str, file: Path) -> str:
    low = message.lower()
    if "opset" in low or "ir version" in low or "ir_version" in low:
        return (
            "It is newer than this onnxruntime: update onnxruntime, or export with a lower opset."
        )
    if "external" in low or "_data" in low or ".data" in low:
        return (
            f"Its weights lie beside it in a second file (such as {file.name}_data), which is "
            "missing or cut short: fetch or copy it too."
        )
    return "It is damaged or cut short: fetch or export it again."


def run_session(
    session: Any, outputs: Sequence[str], feeds: dict[str, NDArray[Any]], what: str
) -> list[NDArray[Any]]:
    """Run a session, its inputs cast to the types it takes: float16 towers and int32 ids exist.

    Raises ``ModelError`` naming ``what`` was run, where the model cannot compute it.
    """
    types = {each.name: _TYPES.get(each.type) for each in session.get_inputs()}
    fed = {
        name: array if types.get(name) is None else array.astype(types[name], copy=False)
        for name, array in feeds.items()
    }
    try:
        return list(session.run(list(outputs), fed))
    except Exception as error:  # onnxruntime's own classes are not public
        message = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{what} cannot be run: {message}",
            hint="Its files do not belong together, or memory ran out. Try: stitch models check",
        ) from error
