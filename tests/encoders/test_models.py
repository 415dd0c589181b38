"""The catalogue, fetching from a hub, and ``stitch models``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.encoders import catalogue, check_model, encoder_names, load_encoder, pull_model
from stitch_cir.errors import ModelError, SettingError
from tests.command import invoke
from tests.encoders.fake_hub import COMMIT, Hub, serve
from tests.encoders.tiny_towers import DIM, write_towers

XENOVA = "Xenova/clip-vit-base-patch32"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    with serve() as hub:
        monkeypatch.setenv("STITCH_MODEL_HUB", hub.url)
        folder = write_towers(tmp_path / "hub")
        (folder / "model.safetensors").write_bytes(bytes(200))
        (folder / "README.md").write_text("not needed")
        (folder / "onnx" / "model_quantized.onnx").write_bytes(bytes(5))
        hub.repositories[XENOVA] = folder
        yield hub


def run(*arguments: str) -> tuple[int, str]:
    result = invoke(["models", *arguments])
    return result.exit_code, result.output


def test_every_entry_of_the_catalogue_names_its_source() -> None:
    for name, entry in catalogue().items():
        assert entry.name == name
        assert entry.source.count("/") == 1
        assert entry.dim in (512, 768, 1024, 1152, 1280)
        assert entry.licence
        assert entry.size > 10**8


def test_the_list_shows_the_columns_and_what_is_here() -> None:
    code, shown = run()
    assert code == 0
    for word in (
        "ViT-bigG-14-laion2b-hf",
        "1280",
        "laion2b_s39b_b160k",
        "MIT",
        "10.2 GB",
        "mini",
        "openai/clip-vit-large-patch14",
    ):
        assert word in shown
    data = json.loads(run("list", "--json")[1])
    assert data["models"][0]["name"] == "mini"


def test_a_model_that_was_not_fetched_names_file_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STITCH_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"ViT-L-14/stitch-model\.json") as raised:
        load_encoder("ViT-L-14")
    assert "stitch models pull ViT-L-14" in str(raised.value.hint)
    with pytest.raises(ModelError) as raised:
        load_encoder("onnx:some/model")
    assert "stitch models pull some/model" in str(raised.value.hint)


def test_pulls_what_is_needed_and_opens_it_by_name(hub: Hub, tmp_path: Path) -> None:
    pulled = pull_model("ViT-B-32", quiet=True)
    assert set(pulled.files) == {
        "config.json",
        "preprocessor_config.json",
        "tokenizer.json",
        "onnx/text_model.onnx",
        "onnx/vision_model.onnx",
    }
    assert pulled.commit == COMMIT
    assert "ViT-B-32" in encoder_names()
    encoder = load_encoder("ViT-B-32")
    assert (encoder.name, encoder.weights_tag, encoder.dim) == ("ViT-B-32", "openai", DIM)
    direct = load_encoder(str(hub.repositories[XENOVA]))
    assert direct.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(direct.encode_texts(["a dog"]), encoder.encode_texts(["a dog"]))
    assert check_model("ViT-B-32")["files"] == "5 checked"
    hub.requests.clear()
    pull_model("ViT-B-32", quiet=True)
    assert not [
        request for request in hub.requests if request[0] == "GET" and "/resolve/" in request[1]
    ]  # nothing fetched again


def test_an_interrupted_download_resumes(hub: Hub) -> None:
    file = hub.repositories[XENOVA] / "onnx" / "vision_model.onnx"
    content = file.read_bytes()
    file.write_bytes(content + bytes(24_000_000))
    hub.cut = {"onnx/vision_model.onnx": 12_000_000}
    pull_model("ViT-B-32", quiet=True)
    ranges = [
        headers
        for method, path, headers in hub.requests
        if method == "GET" and path.endswith("vision_model.onnx")
    ]
    assert any(header and int(header.split("=")[1].split("-")[0]) >= 500_000 for header in ranges)


def test_a_wrong_checksum_is_refused_and_leaves_no_model(hub: Hub) -> None:
    hub.lie_about = {"onnx/text_model.onnx"}
    with pytest.raises(ModelError, match="checksum"):
        pull_model("ViT-B-32", quiet=True)
    with pytest.raises(ModelError, match="not on this machine"):
        load_encoder("ViT-B-32")
    hub.lie_about = set()
    pull_model("ViT-B-32", quiet=True)
    load_encoder("ViT-B-32")


def test_an_altered_file_is_found_by_check(hub: Hub, tmp_path: Path) -> None:
    pull_model(f"onnx:{XENOVA}", quiet=True)
    file = tmp_path / "home" / "models" / XENOVA.replace("/", "--") / "tokenizer.json"
    file.write_text(file.read_text() + " ")
    code, shown = run("check", f"onnx:{XENOVA}")
    assert code != 0
    assert "tokenizer.json was altered" in shown


def test_a_hub_id_with_a_checkpoint_pulls_the_checkpoint(hub: Hub) -> None:
    assert "model.safetensors" in pull_model(XENOVA, quiet=True).files


def test_the_command_pulls_and_reports(hub: Hub) -> None:
    code, shown = run("pull", "ViT-B-32", "--quiet")
    assert code == 0
    assert "ViT-B-32: 5 files" in shown
    data = json.loads(run("pull", "ViT-B-32", "--json")[1])
    assert data["commit"] == COMMIT


def test_unknown_and_unreachable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="has no model"):
        pull_model("nobody/nothing", quiet=True)
    with pytest.raises(SettingError, match="no model 'nothing'"):
        pull_model("nothing", quiet=True)
    hub.repositories["a/b"] = hub.repositories[XENOVA] / "onnx"
    with pytest.raises(ModelError, match=r"no config\.json"):
        pull_model("a/b", quiet=True)
    monkeypatch.setenv("STITCH_MODEL_HUB", "http://127.0.0.1:9")
    code, shown = run("pull", "ViT-B-32")
    assert code != 0
    assert "cannot be fetched from http://127.0.0.1:9" in shown
    assert "Traceback" not in shown
