"""One tiny real HEIC file; the packages here can read the format, but not write it."""

from __future__ import annotations

import base64
import zlib

import pytest

_HEIC = (
    "eNpjYGCQSCupLMhIzUxmAILczDRDCJtRNTe1JJEBAhQzUnKKoGyGgszkEgY0wFeQWZILZjECsVxmTj7YOBcQnxEi"
    "yugKxN1AtnJmZl4aXK0okJPKBOVllCUbgpgrMwuKCoB0d2ZBcj6QTgNKODMyg4QmgHXKfWD48/fHDwYGfuYFQI3i"
    "Dow8jP//gxQwg1Qwg5DcB5WFQDkpJ0ZGNIkFHa5/88VLDy4CSrO7MB4obFjSADRUJLO4IBXqIQEo5swsyi8BuVMs"
    "syAXFhxAPzE3MjUDGZNzUxKBgcHYrsa4vq1hCxQEQMFI46dQCE4QAFEEwL8GABmQ/Rg="
)
"""A single 16 × 16 block of raw samples, with a rotation by 90° in the container."""


@pytest.fixture
def heic() -> bytes:
    return zlib.decompress(base64.b64decode(_HEIC))
