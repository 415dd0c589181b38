"""Model files that were altered, folders that are not there, and machines that share their cores."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir import _cores as cores
from stitch_cir.encoders import MiniEncoder, ModelFile, load_encoder, models_folder
from stitch_cir.encoders.mini import data_file, load_vocabulary
from stitch_cir.encoders.store import file_sha256, is_installed
from stitch_cir.errors import ModelError, SettingError
from stitch_cir.views import ViewBox
from tests.command import invoke
from tests.conftest import noise
from tests.encoders.mini_files import copy_files
from tests.encoders.tiny_towers import write_towers

SHIPPED = (
    "concept-vectors.npy",
    "concepts.json",
    "efficientnet-lite2.onnx",
    "manifest.json",
    "mini-head.npz",
    "minilm-tokenizer.json.gz",
    "prompted-vectors.npy",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for what is remembered of files."""
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 4
    file.write_bytes(content)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of mini in a folder where they may be damaged; they are read anew."""
    return copy_files(tmp_path / "data", monkeypatch)


def test_every_shipped_file_is_recorded(copied: Path) -> None:
    recorded = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))["files"]
    assert sorted(recorded) == sorted(set(SHIPPED) - {"manifest.json"})


@pytest.mark.parametrize("position", [40, 9_999])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_flipped_bit_is_one_error_that_names_the_file(
    copied: Path, name: str, position: int
) -> None:
    load_vocabulary()  # remembered as sound
    flip(copied / name, position)
    opened = "concepts.json" if name == "manifest.json" else name
    with pytest.raises(ModelError, match=f"{name} was altered: its checksum differs") as raised:
        data_file(opened)
    assert "pip install --force-reinstall" in raised.value.hint


def test_a_flip_under_the_old_size_and_time_is_detected(copied: Path) -> None:
    file = copied / "concepts.json"
    before = file.stat()
    data_file("concepts.json")
    flip(file, 3000)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelError, match="altered"):
        data_file("concepts.json")


def test_a_file_is_hashed_once_for_each_state(
    copied: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = Path.open

    def counted(self: Path, *arguments: object, **named: object) -> object:
        if arguments == ("rb",):
            hashed.append(self.name)
        return real(self, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", counted)
    for _ in range(3):
        data_file("concepts.json")
    assert hashed == ["concepts.json"]
    os.utime(copied / "concepts.json")
    data_file("concepts.json")
    assert hashed == ["concepts.json"] * 2
    digests = json.loads((home / "digests.json").read_text())
    assert len(digests) == 1  # nothing is kept of states that are gone


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "\x00", "[" * 100_000])
def test_what_is_remembered_may_be_damaged(copied: Path, home: Path, content: str) -> None:
    home.mkdir()
    (home / "digests.json").write_text(content)
    data_file("concepts.json")
    assert len(json.loads((home / "digests.json").read_text())) == 1


def test_a_model_with_a_record_is_checked_when_it_is_loaded(tmp_path: Path) -> None:
    folder = write_towers(tmp_path / "model")
    names = ("onnx/text_model.onnx", "onnx/vision_model.onnx", "tokenizer.json")
    files = {name: file_sha256(folder / name) for name in names}
    ModelFile(name="m", weights_tag="t", source="s", files=files).write(folder)
    load_encoder(str(folder))
    content = bytearray((folder / names[1]).read_bytes())
    content[-20] ^= 1
    (folder / names[1]).write_bytes(content)
    with pytest.raises(ModelError, match=r"vision_model\.onnx was altered") as raised:
        load_encoder(str(folder))
    assert "again" in raised.value.hint


# -- no home, somebody else's home --------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STITCH_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_error_names_what_to_set() -> None:
    with pytest.raises(SettingError, match="no home folder") as raised:
        models_folder()
    assert "STITCH_HOME" in raised.value.hint
    assert "--cache" in raised.value.hint
    with pytest.raises(SettingError, match="STITCH_HOME"):
        load_encoder("ViT-L-14")


@pytest.mark.usefixtures("homeless")
def test_without_a_home_mini_works() -> None:
    encoder = load_encoder("mini")
    assert encoder.encode_texts(["a dog"]).shape == (1, 384)
    with pytest.raises(SettingError, match="no encoder 'nothing'"):
        load_encoder("nothing")


def refuse(folder: Path) -> Callable[..., object]:
    def refused(self: Path, *arguments: object, **named: object) -> object:
        raise PermissionError(13, "Permission denied", str(folder))

    return refused


def test_the_home_of_another_user_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", refuse(home))
    with pytest.raises(ModelError, match=r"models cannot be read: Permission denied") as raised:
        is_installed("ViT-L-14")
    assert "STITCH_HOME" in raised.value.hint


def test_a_home_that_cannot_be_written_only_costs_time(
    copied: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "mkdir", refuse(home))
    monkeypatch.setattr(Path, "unlink", refuse(home))
    data_file("concepts.json")
    assert not home.exists()


# -- cores ------------------------------------------------------------------------------------------


def test_cores_are_those_of_the_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_quota", lambda: 99)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert cores.usable_cores() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 3, 5}, raising=False)
    assert cores.usable_cores() == 3
    for text, expected in (("2", 2), (" 9 ", 3), ("", 3)):
        monkeypatch.setenv(cores.THREADS, text)
        assert cores.usable_cores() == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_number_of_threads_that_is_none_is_an_error(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cores.THREADS, text)
    with pytest.raises(SettingError, match=f"STITCH_THREADS is '{text}'") as raised:
        cores.usable_cores()
    assert "at least 1" in raised.value.hint


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        (
            "3:cpu,cpuacct:/j\n",
            {"cpu/j/cpu.cfs_quota_us": "400000\n", "cpu/j/cpu.cfs_period_us": "100000\n"},
            4,
        ),
        ("3:cpu:/j\n", {"cpu/j/cpu.cfs_quota_us": "x", "cpu/j/cpu.cfs_period_us": "0"}, None),
        (
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
        (
            "5:cpu:/a/b\n",
            {
                "cpu/a/b/cpu.cfs_quota_us": "-1\n",
                "cpu/a/b/cpu.cfs_period_us": "100000\n",
                "cpu/a/cpu.cfs_quota_us": "250000\n",
                "cpu/a/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        ("nonsense\n", {}, None),
    ],
)
def test_a_quota_of_the_control_group_counts(
    tmp_path: Path, lines: str, files: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "cgroup").write_text(lines)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    quota = cores._quota(tmp_path / "cgroup", tmp_path)
    assert quota == (1 << 16 if expected is None else expected)


def test_every_session_has_a_thread_for_each_usable_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_quota", lambda: 99)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 3, 5}, raising=False)
    folder = write_towers(tmp_path / "model")
    encoder = load_encoder(str(folder))
    mini = MiniEncoder()
    sessions = [
        encoder.towers._text,  # type: ignore[attr-defined]
        encoder.towers._vision,  # type: ignore[attr-defined]
        mini._text.open()[0],
        mini._vision.open(),
    ]
    for session in sessions:
        assert session.get_session_options().intra_op_num_threads == 3


def test_mini_and_test_refuse_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mini", "test"):
        with pytest.raises(SettingError, match=f"encoder {name} runs on the CPU only") as raised:
            load_encoder(name, device="cuda")
        assert "--device" in raised.value.hint
        load_encoder(name, device="cpu")
    monkeypatch.setenv("STITCH_DEVICE", "cuda")  # meant for the models that can
    load_encoder("mini", device="cuda")


def test_commands_report_it_too(tmp_path: Path) -> None:
    noise(1, 20, 20).save(tmp_path / "a.png")
    result = invoke(["index", str(tmp_path), "--encoder", "test", "--device", "cuda"])
    assert result.exit_code == 2
    assert "runs on the CPU only" in " ".join(result.output.split())
    assert not (tmp_path / ".stitch").exists()


@pytest.mark.usefixtures("homeless")
def test_commands_without_a_home_name_what_to_set() -> None:
    result = invoke(["models"])
    assert result.exit_code == 2
    assert "STITCH_HOME" in result.output


def test_nothing_changed_for_a_sound_model() -> None:
    views = load_encoder("mini").encode_views([noise(1, 40, 30)], [(ViewBox(),)])
    assert views.shape == (1, 1, 384)
