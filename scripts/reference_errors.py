"""The errors with their exit codes and HTTP statuses as a page of the reference."""

from __future__ import annotations

from collections.abc import Iterator

from stitch_cir import errors
from stitch_cir.cli._exit import EPILOG, exit_code
from stitch_cir.errors import StitchError
from stitch_cir.server import _errors as server_errors

__all__ = ["page"]

HEAD = """\
# Errors

<!-- Written by scripts/generate.py from the classes: do not edit. -->

Everything that the library refuses raises a subclass of `stitch_cir.StitchError`. It has a
`message`, which says what is wrong and where, and a `hint`, which says what to do next. The command
line prints both and ends with the class's exit code; the server answers with its status and
`{"error": {"type": …, "message": …, "hint": …}}`; `--json` prints the same object on stderr.
"""


def page() -> str:
    """Return the page: the tree of classes, the exit codes, and errors of the server alone."""
    rows = [
        f"| {'&emsp;' * depth}`{kind.__name__}` | {first_line(kind)} "
        f"| {exit_code(made(kind))} | {server_errors.status_of(made(kind))} |"
        for depth, kind in tree(StitchError, 0)
    ]
    codes = [
        "| {} | {} |".format(*code.rstrip(".").split(" ", 1))
        for code in EPILOG.removeprefix("Exit codes: ").split(" · ")
    ]
    served = [
        f"| `{kind.__name__}` | {first_line(kind)} | {kind.status} |"
        for kind in server_errors.ServerError.__subclasses__()
    ]
    blocks = [
        HEAD.rstrip(),
        "| class | raised when | exit code | HTTP status |\n|---|---|---|---|\n" + "\n".join(rows),
        "## Exit codes",
        "| code | meaning |\n|---|---|\n" + "\n".join(codes),
        "## Errors of the HTTP exchange",
        "These are answered by the server only, in the same shape.",
        "| type | answered when | status |\n|---|---|---|\n" + "\n".join(served),
    ]
    return "\n\n".join(blocks) + "\n"


def tree(kind: type[StitchError], depth: int) -> Iterator[tuple[int, type[StitchError]]]:
    """Yield a class and those below it that the library exports."""
    yield depth, kind
    for below in kind.__subclasses__():
        if below.__name__ in errors.__all__:
            yield from tree(below, depth + 1)


def made(kind: type[StitchError]) -> StitchError:
    """Return an error of a class."""
    return kind("")


def first_line(kind: type[StitchError]) -> str:
    """Return the first line of a class's docstring."""
    return (kind.__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
