"""Write what is derived from the declarations of the settings and from the models of the wire.

    python scripts/generate.py           # make generated
    python scripts/generate.py --check   # a part of make lint

That is ``wire/_query_settings.py``, the types of a request's settings; the table of
``docs/settings.md``; the types of the page, by ``scripts/wire_types.py``; and the reference with
the manual page, by ``scripts/reference.py``. With ``--check`` nothing is written, and the exit code
is 1 where one of them is not current.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from stitch_cir._schema import SETTINGS, Setting
from stitch_cir.wire._declared import NOT_IN_REQUESTS

ROOT = Path(__file__).parents[1]
TYPED = ROOT / "src" / "stitch_cir" / "wire" / "_query_settings.py"
DOCS = ROOT / "docs" / "settings.md"
TYPES = {
    "number": "Number",
    "whole": "int",
    "flag": "bool",
    "name": "Name",
    "patterns": "Patterns",
    "options": "Options",
}
SOURCE = '''\
"""The settings of a request: written by scripts/generate.py from stitch_cir._schema."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict
from typing_extensions import TypedDict

from stitch_cir.wire._declared import {names}

__all__ = ["QuerySettings"]


class QuerySettings(TypedDict, total=False):
    """What changes the ranking; a setting that is left out has the preset's value."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]

{fields}
'''
TABLE = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)
HEAD = "| setting | default | values | what it is | used by |\n|---|---|---|---|---|\n"


def type_of(setting: Setting) -> str:
    """Return the name of the type of a setting's field."""
    return "Condition" if setting.longest > 64 else TYPES[setting.kind]


def typed_source() -> str:
    """Return the source of the module with the types of a request's settings."""
    sent = [each for each in SETTINGS if each.name not in NOT_IN_REQUESTS]
    fields = "\n".join(
        f'    {each.name}: Annotated[{type_of(each)} | None, declared("{each.name}")]'
        for each in sent
    )
    names = sorted({type_of(each) for each in sent} - {"int", "bool"})
    return SOURCE.format(names=", ".join([*names, "declared"]), fields=fields)


def documented(text: str) -> str:
    """Return the page of the settings with its table as declared."""
    return TABLE.sub(lambda _: HEAD + "".join(map(row, SETTINGS)), text)


def row(setting: Setting) -> str:
    """Return the table's row of one setting."""
    name = f"`{setting.name}`" + (f" {setting.symbol}" if setting.symbol else "")
    values = setting.expected().replace("a finite number of any sign", "a finite number")
    users = ", ".join(setting.used_by) or {
        "transition_options": "a transition of another package",
        "scorer_options": "sinkhorn (`max_iterations`, `tolerance`); a scorer of another package",
    }.get(setting.name, "every search")
    cells = (name, setting.shown_default(), values, setting.help, users)
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    """Write everything, or name the files that are not current."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    is_check = parser.parse_args().check
    page = DOCS.read_text(encoding="utf-8")
    texts = {TYPED: typed_source(), DOCS: documented(page)}
    stale = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        if is_check:
            print(f"{path.relative_to(ROOT)} is not current: make generated", file=sys.stderr)
        else:
            path.write_text(texts[path], encoding="utf-8")
    # in processes of their own, which import the module that was just written
    options = ["--check"] if is_check else []
    commands = [ROOT / "scripts" / name for name in ("wire_types.py", "reference.py")]
    codes = [subprocess.run([sys.executable, each, *options]).returncode for each in commands]
    return max(codes) or int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
