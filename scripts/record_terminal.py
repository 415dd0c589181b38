"""Record a session in a terminal as text: ``python scripts/record_terminal.py [FOLDER]``.

FOLDER holds the images of ``make demo``, of which the vehicles and birds are used. The commands run
in a terminal of 88 columns; what they write becomes ``docs/images/terminal.cast`` (asciicast 2, for
``asciinema play``) and the block of text in ``docs/look.md``. ``make recordings`` runs it.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import struct
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from marked import write_block

CAST = Path("docs/images/terminal.cast")
PAGE = Path("docs/look.md")
MARK = "the screen of images/terminal.cast"
COLUMNS, ROWS = 88, 40
LONGEST_PAUSE = 0.6
"""Seconds: waiting is not worth watching."""
KINDS = ("vehicles", "animals/birds")
REFERENCE = "photos/vehicles/auto/sedan.png"
COMMANDS = (
    "stitch index photos",
    f'stitch search photos "a truck instead" -r {REFERENCE} -k 4',
    'stitch search photos -c "a red fire engine" -k 3',
    f'stitch explain photos vehicles/auto/truck.png "a truck instead" -r {REFERENCE} -o why.png',
)
Event = tuple[float, str]
PARTS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\].*?(?:\x07|\x1b\\)|[\r\n]|[^\x1b\r\n]+")
"""Sequences for the terminal, ends of lines, and text."""


def main() -> int:
    """Record, and write both files; return the exit code."""
    images = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/stamps").resolve()
    events: list[Event] = []
    with tempfile.TemporaryDirectory() as home:
        for kind in KINDS:
            shutil.copytree(images / kind, Path(home) / "photos" / kind)
        for command in COMMANDS:
            typed(events, command)
            if run(events, command, Path(home)) != 0:
                print(f"{command} failed:\n{screen(events)}", file=sys.stderr)
                return 1
    header = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "STiTch"}
    lines = [header, *([round(at, 3), "o", data] for at, data in events)]
    CAST.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    write_block(PAGE, MARK, screen(events))
    print(f"{CAST}: {events[-1][0]:.0f} s, {CAST.stat().st_size:,} bytes")
    return 0


def typed(events: list[Event], command: str) -> None:
    """Add a command as somebody types it."""
    at = events[-1][0] + 1.0 if events else 0.0
    events.append((at, "$ "))
    for character in command:
        at += 0.03
        events.append((at, character))
    events.append((at + 0.4, "\r\n"))


def run(events: list[Event], command: str, home: Path) -> int:
    """Run a command in a terminal of its own, add what it writes, and return its exit code."""
    stitch = str(Path(sys.executable).with_name("stitch"))
    words = [stitch, *shlex.split(command)[1:]]
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(home)
        os.execve(words[0], words, variables)
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    at, last, rest = events[-1][0], time.monotonic(), b""
    while True:
        select.select([terminal], [], [])
        try:
            data = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end was closed
            break
        if not data:
            break
        now = time.monotonic()
        at += min(now - last, LONGEST_PAUSE)
        last = now
        text, rest = decoded(rest + data)
        events.append((at, text))
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def decoded(data: bytes) -> tuple[str, bytes]:
    """Return the whole characters at the beginning of bytes, and the bytes that are left."""
    for cut in range(min(4, len(data) + 1)):
        try:
            return data[: len(data) - cut].decode(), data[len(data) - cut :]
        except UnicodeDecodeError:
            continue
    return data.decode(errors="replace"), b""


def screen(events: list[Event]) -> str:
    """Return what stands on the screen in the end: without colours, and without what was erased."""
    lines, row, column = [""], 0, 0
    output = "".join(data for _, data in events)
    for part in PARTS.findall(output):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.startswith("\x1b"):
            count = int(re.sub(r"\D", "", part) or 1)
            if part[-1] == "A":
                row = max(0, row - count)
            elif part[-1] == "K":
                lines[row] = "" if count == 2 else lines[row][:column]
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return "\n".join(line.rstrip() for line in lines).strip("\n")


if __name__ == "__main__":
    sys.exit(main())
