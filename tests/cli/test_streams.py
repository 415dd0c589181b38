"""Code pages, pipes that close, full disks, closed descriptors, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from stitch_cir.cli._streams import _OutputFile, transliterate
from stitch_cir.errors import SettingError
from tests.cli.runs import process, run_here
from tests.cli.test_cli import ENCODER, stitch

PAGES = ("cp1252", "cp437", "cp850", "cp1250", "cp1251", "cp932", "latin-1", "ascii")
NAMES = ("Größe.png", "赤い.png", "a→b.png")


@pytest.fixture
def indexed(folder: Path) -> Path:
    for name in NAMES:
        (folder / name).write_bytes((folder / "red.png").read_bytes())
    assert stitch("index", folder, "-q", *ENCODER).exit_code == 0
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_every_code_page_takes_every_text(
    indexed: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = (
        ("search", indexed, "red", "-k", 20),
        ("explain", indexed, "blue.png", "in blue", "-r", "red.png"),
        ("compose", indexed, "in blue", "-r", "red.png"),
        ("search", "--help"),
        ("search", indexed, "red", "-r", "赤.png"),
    )
    for command in commands:
        done = run_here(monkeypatch, *command, encoding=page)
        assert done.code == (3 if command[-1] == "赤.png" else 0), (command, done.err)
        assert "Traceback" not in done.err
    output = run_here(monkeypatch, *commands[0], encoding=page).out
    assert "2.000" in output
    assert output.count(".png") == 11


@pytest.mark.parametrize("page", [*PAGES, "utf-8"])
def test_json_is_valid_whatever_the_code_page(
    indexed: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_here(monkeypatch, "search", indexed, "in blue", "-k", 20, "--json", encoding=page)
    assert {*NAMES} < {hit["id"] for hit in json.loads(done.out)["hits"]}
    assert ("赤い" in done.out) == (page == "utf-8")
    failed = run_here(monkeypatch, "explain", indexed, "赤.gif", "red", "--json", encoding=page)
    assert failed.code == 3
    assert "'赤.gif'" in json.loads(failed.err)["error"]["message"]


def test_a_byte_that_is_no_text_is_valid_json_too(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    done = run_here(monkeypatch, "search", indexed, "-r", name, "--json")
    assert done.code == 3
    assert "caf" in json.loads(done.err)["error"]["message"]


def test_letters_are_spelled_in_others() -> None:
    def spelled(text: str) -> str:
        return transliterate(UnicodeEncodeError("ascii", text, 0, len(text), ""))[0]

    assert spelled("→α“…·") == '->alpha"...-'
    assert spelled("é赤👗") == "???"
    assert spelled("\udce9") == "\\udce9"
    with pytest.raises(UnicodeDecodeError):
        transliterate(UnicodeDecodeError("ascii", b"\xe9", 0, 1, ""))


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_left_is_no_failure(indexed: Path, unbuffered: str) -> None:
    commands: tuple[tuple[object, ...], ...] = (
        ("search", indexed, "red"),
        ("info", indexed, "--json"),
        ("search", "--help"),
        ("--version",),
    )
    started = []
    for command in commands:
        reading, writing = os.pipe()
        os.close(reading)
        started.append(process(*command, stdout=writing, env={"PYTHONUNBUFFERED": unbuffered}))
        os.close(writing)
    for command, reader in zip(commands, started, strict=True):
        _, err = reader.communicate(timeout=300)
        assert (reader.returncode, err) == (0, b""), command


def test_work_continues_when_the_reader_has_left(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    indexing = process("index", folder, "-q", *ENCODER, stdout=writing)
    os.close(writing)
    indexing.communicate(timeout=300)
    assert indexing.returncode == 7
    assert "8 unchanged" in stitch("index", folder, "-q", *ENCODER).output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_one_error(indexed: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        started = [process("info", indexed, *more, stdout=full) for more in ((), ("--json",))]
        for command in started:
            _, err = command.communicate(timeout=300)
            assert command.returncode == 2
            assert err.startswith(b"error: The output cannot be written: No space left")
            assert err.count(b"\n") == 2


def test_files_never_take_a_closed_standard_descriptor(indexed: Path) -> None:
    """Without stdout, the first file that is opened would be number 1, and be written over."""
    script = (
        "import os; os.close(0); os.close(1); os.close(2)\n"
        "import sys; sys.stdin = sys.stdout = sys.stderr = None\n"
        f"sys.argv = ['stitch', 'info', {str(indexed)!r}]\n"
        "from stitch_cir.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    ends = [os.readlink(f'/proc/self/fd/{n}') for n in range(3)]\n"
        "    os._exit(0 if not end.code and ends == ['/dev/null'] * 3 else 1)\n"
    )
    if not Path("/proc/self/fd").exists():
        pytest.skip("descriptors cannot be looked at here")
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_pipe_that_does_not_block_gets_everything() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    content = bytes(1 << 20)
    received = bytearray()

    def read() -> None:
        while chunk := os.read(reading, 65536):
            received.extend(chunk)

    reader = threading.Thread(target=read)
    file = _OutputFile(writing, required=True)
    left = memoryview(content)
    reader.start()
    while left:
        left = left[file.write(left) :]
    os.close(writing)
    reader.join()
    os.close(reading)
    assert bytes(received) == content


def test_what_cannot_be_written_is_raised_once_and_only_for_stdout() -> None:
    closed = os.open(os.devnull, os.O_RDONLY)  # every write fails
    required, optional = (_OutputFile(closed, required=each) for each in (True, False))
    with pytest.raises(SettingError, match="cannot be written"):
        required.write(b"abc")
    assert required.write(b"abc") == optional.write(b"abc") == 3
    os.close(closed)


_WITHOUT_SITE = "import sys; sys.path[:] = {path!r}\n"
"""Packages that run code at every start may import modules that the test waits for."""
_INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r} and sys.modules.get("done") is None:
            sys.modules["done"] = sys
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["stitch", *{arguments!r}]
{start}
"""
COMMAND = "from stitch_cir.cli import main; main()"
MODULE = "import runpy; runpy.run_module('stitch_cir', run_name='__main__', alter_sys=True)"


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("threading", COMMAND),
        ("rich.console", COMMAND),
        ("numpy", COMMAND),
        ("threading", MODULE),
    ],
)
def test_ctrl_c_at_any_moment_is_a_word_and_no_traceback(
    indexed: Path, name: str, start: str
) -> None:
    arguments = ["search", str(indexed), "red"]
    script = _INTERRUPTED.format(name=name, start=start, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WITHOUT_SITE.format(path=sys.path) + script]
        if name == "threading"
        else [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == "interrupted; what was finished is kept\n"
    assert done.returncode == 130


def test_ctrl_c_is_handled_before_anything_is_imported() -> None:
    script = (
        "import sys; before = set(sys.modules); import signal; from stitch_cir import cli\n"
        "print(*sorted(name for name in set(sys.modules) - before if 'stitch' in name))\n"
        "print('typing' in sys.modules, 'threading' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", _WITHOUT_SITE.format(path=sys.path) + script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "stitch_cir stitch_cir.cli stitch_cir.errors\nFalse False\n"


def test_ctrl_c_while_a_model_opens_at_the_end(indexed: Path) -> None:
    """The last thread is waited for where an interruption can still be caught."""
    script = (
        "import os, signal, sys, threading\n"
        "from stitch_cir.cli import _app, main\n"
        "def run(**options):\n"
        "    stop = threading.Event()\n"
        "    threading.Thread(target=stop.wait).start()\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "_app.app = run\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_job_in_the_background_keeps_ignoring_ctrl_c() -> None:
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "sys.argv = ['stitch', '--version']\n"
        "from stitch_cir.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
