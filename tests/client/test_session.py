"""The session of docs/client.md against a real server: another process, a real socket."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder

DOC = Path(__file__).parents[2] / "docs" / "client.md"
TOKEN = "a-token-for-tests-only"


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """Start ``stitch serve`` on any free port; give its address."""
    index_folder(folder, encoder=HashEncoder())
    command = [sys.executable, "-m", "stitch_cir", "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "STITCH_TOKEN": TOKEN}
    )
    assert process.stderr is not None
    output = ""
    while "http://" not in output:
        line = process.stderr.readline()
        assert line, f"the server stopped:\n{output}"
        output += line
    yield output[output.index("http://") :].split()[0]
    process.send_signal(signal.SIGINT)
    process.stderr.close()
    process.wait(timeout=300)


def test_the_documented_session_runs(
    server: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    Image.new("RGB", (40, 40), (120, 30, 160)).save("mine.jpg")
    Image.new("RGB", (40, 40), (250, 140, 0)).save("orange.jpg")
    Path("token.txt").write_text(TOKEN, encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.S)
    assert len(blocks) >= 3
    names: dict[str, object] = {}
    for block in blocks:
        session = block.replace("http://127.0.0.1:8000", server).replace("dress.jpg", "red.png")
        exec(compile(session, "client.md", "exec"), names)
    out = capsys.readouterr().out
    assert "8 images" in out
    assert "NotFoundError" in out
    assert Path("why.png").stat().st_size > 1000
    assert "<html" in Path("sheet.html").read_text(encoding="utf-8")
