from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import DualEncoder, HashEncoder, encoder_names, load_encoder
from stitch_cir.errors import SettingError
from stitch_cir.views import ViewBox


def test_built_in_encoders_are_also_registered_as_plug_ins() -> None:
    registered = {point.name: point for point in metadata.entry_points(group="stitch_cir.encoders")}
    assert {"mini", "test"} <= set(registered)
    for name, point in registered.items():
        encoder = point.load()()
        assert isinstance(encoder, DualEncoder)
        assert encoder.name == name


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'nope'.*mini, test"):
        load_encoder("nope")
    assert set(encoder_names()) >= {"mini", "test"}


def test_the_test_encoder_means_colours() -> None:
    encoder = HashEncoder()
    images = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    views = encoder.encode_views(images, [[ViewBox()]] * 2)[:, 0]
    texts = encoder.encode_texts(["something red", "something blue", "nothing"])
    np.testing.assert_array_equal((texts[:2] @ views.T).argmax(axis=1), [0, 1])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-6)


def test_importing_loads_no_model_library() -> None:
    code = (
        "import sys, stitch_cir; "
        "heavy = {'onnxruntime', 'tokenizers', 'torch', 'transformers', 'jinja2', 'typer', "
        "'pydantic', 'pi_heif'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
