"""Reference and text together as one vector: their sum, and a server of embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import (
    ComposedInput,
    HashEncoder,
    SumEncoder,
    default_composed,
    load_composed,
    load_encoder,
)
from stitch_cir.encoders.composed import EmbeddingEndpoint
from stitch_cir.errors import EndpointError, QueryError, SettingError, VectorError
from stitch_cir.testing import ContractError, check_composed_encoder, check_encoder
from stitch_cir.views import ViewBox
from tests.chat.fake_server import Answer, breaks_off, fails, first, serving
from tests.encoders.embedding_server import embeds, ignores_images, vectors

RED = Image.new("RGB", (40, 40), (220, 30, 30))
FORMS = ["messages", "content", "fields"]


@pytest.fixture(autouse=True)
def without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STITCH_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def at(url: str, model: str = "tiny") -> st.encoders.DualEncoder:
    return load_encoder(f"{url}#{model}")


def test_the_sum_keeps_the_contract() -> None:
    check_composed_encoder(SumEncoder(HashEncoder()), HashEncoder.dim)


def test_the_sum_is_image_plus_text_of_unit_length() -> None:
    encoder = HashEncoder()
    image = encoder.encode_views([RED], [[ViewBox()]])[0, 0]
    text = encoder.encode_texts(["blue"])[0]
    expected = (image + text) / np.linalg.norm(image + text)
    of_image, of_vectors = SumEncoder(encoder).encode_composed(
        [ComposedInput(RED, "blue"), ComposedInput(None, "blue", "", image, text)]
    )
    np.testing.assert_allclose(of_image, expected[None], atol=1e-6)
    np.testing.assert_allclose(of_vectors, expected[None], atol=1e-6)


def test_vectors_that_cancel_and_inputs_without_an_image_are_errors() -> None:
    encoder = SumEncoder(HashEncoder())
    text = HashEncoder().encode_texts(["red"])[0]
    with pytest.raises(VectorError, match="cancel out"):
        encoder.encode_composed([ComposedInput(None, "red", image_vector=-text)])
    with pytest.raises(VectorError, match="neither an image nor its vector"):
        encoder.encode_composed([ComposedInput(None, "red")])


@pytest.mark.parametrize("form", FORMS)
def test_a_server_of_embeddings_is_an_encoder_in_each_form_of_request(form: str) -> None:
    with serving(embeds(form)) as server:
        encoder = at(server.url)
        check_encoder(encoder, tolerance=0.01)
        assert isinstance(encoder, st.encoders.ComposedEncoder)
        check_composed_encoder(encoder, HashEncoder.dim, tolerance=0.01)
        assert "cannot be checked" in st.encoders.encoder_notes(encoder)[0]


def test_the_form_that_a_server_takes_is_found_out_once() -> None:
    with serving(embeds("fields")) as server:
        encoder = at(server.url)
        encoder.encode_views([RED], [[ViewBox()] * 3])
        kinds = [
            "messages"
            if "messages" in body
            else "content"
            if "content" in body["input"][0]
            else "f"
            for body in server.requests
            if not isinstance((body.get("input") or [None])[0], str)
        ]
        assert kinds == ["messages", "content", "f", "f", "f", "f", "f"]


def test_an_instruction_goes_before_the_text_in_every_form() -> None:
    both = [ComposedInput(RED, "blue", "find the edited image")]
    sent = []
    for form in FORMS:
        with serving(embeds(form)) as server:
            encoder = load_composed("model", at(server.url), load_encoder)
            encoder.encode_composed(both)
            sent += [body for body in server.requests if "find the" in str(body)]
    system, user = sent[0]["messages"]
    assert (system["role"], system["content"][0]["text"]) == ("system", both[0].instruction)
    assert [part["type"] for part in user["content"]] == ["image_url", "text"]
    assert sent[1]["input"][0]["content"][1]["text"] == "find the edited image\nblue"
    assert sent[2]["input"][0]["text"] == "find the edited image\nblue"


def test_texts_are_sent_together_and_returned_in_their_order() -> None:
    texts = [f"word {number}" for number in range(70)]
    with serving(embeds("messages")) as server:
        encoded = at(server.url).encode_texts(texts)
        assert [len(body["input"]) for body in server.requests] == [64, 6, 1]
    np.testing.assert_allclose(encoded, HashEncoder().encode_texts(texts), atol=1e-6)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (embeds("none"), "takes no images for the model 'tiny': messages: 400 input must be"),
        (ignores_images, "ignores images: a black and a white one have the same vector"),
        (fails(401, "bad key"), "refuses to embed an image with the model 'tiny': 401 bad key"),
        (fails(404, "no such model"), "404 no such model .*usually ending in /v1"),
        (lambda handler, body: handler.send(200, b"<html>"), "no embedding: JSONDecodeError"),
        (lambda handler, body: handler.send(200, {"data": []}), r"shape \(0,\) for 1 inputs"),
        (lambda handler, body: handler.send(200, vectors(np.zeros((1, 4)))), "finite, or zero"),
    ],
)  # fmt: skip
def test_what_a_server_cannot_do_is_one_clear_error(answer: Answer, message: str) -> None:
    with serving(answer) as server, pytest.raises(EndpointError, match=message):
        at(server.url).encode_views([RED], [[ViewBox()]])


def test_a_request_that_fails_for_a_moment_is_sent_again() -> None:
    quick = {"retries": 2, "pause": 0.001}
    with serving(first(fails(503), breaks_off, embeds("messages"))) as server:
        assert EmbeddingEndpoint(server.url, "tiny", **quick).texts(["red"]).shape == (1, 64)  # type: ignore[arg-type]
        assert len(server.requests) == 3
    with serving(fails(503, "loading")) as server:
        with pytest.raises(EndpointError, match="503 loading .*failed each time"):
            EmbeddingEndpoint(server.url, "tiny", **quick).texts(["red"])  # type: ignore[arg-type]
        assert len(server.requests) == 3
    with pytest.raises(EndpointError, match="gave no answer: .*is its address"):
        EmbeddingEndpoint(server.url, "tiny", **quick).texts(["red"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://localhost:1/v1", "names no embedding model"),
        ("http://#tiny", "names no embedding model"),
        ("http://user:secret@localhost/v1#tiny", "user, a password or a query"),
        ("http://localhost/v1?key=secret#tiny", "user, a password or a query"),
    ],
)
def test_an_address_that_names_no_model_or_holds_a_secret_is_refused(
    address: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        load_encoder(address)
    assert "secret" not in str(caught.value).replace(address, "") or message.startswith("names")


def test_another_model_at_the_same_address_is_an_error() -> None:
    other = np.eye(1, 8, dtype=np.float32)
    with serving(first(embeds("messages"), lambda h, body: h.send(200, vectors(other)))) as server:
        encoder = at(server.url)
        assert encoder.dim == 64
        with pytest.raises(EndpointError, match="returned 8 dimensions, and 64 before"):
            encoder.encode_texts(["red"])


def test_a_query_without_an_image_is_refused_before_anything_is_sent() -> None:
    with serving(embeds("messages")) as server:
        encoder = load_composed("model", at(server.url), load_encoder)
        server.requests.clear()
        with pytest.raises(QueryError, match="needs the reference's image"):
            encoder.encode_composed([ComposedInput(None, "blue")])
        assert server.requests == []


def test_names_of_composed_query_encoders() -> None:
    encoder = HashEncoder()
    assert isinstance(load_composed("sum", encoder, load_encoder), SumEncoder)
    assert isinstance(default_composed(encoder), SumEncoder)
    with pytest.raises(SettingError, match="no composed-query encoder 'summ'.*'sum'"):
        load_composed("summ", encoder, load_encoder)
    with pytest.raises(SettingError, match="encodes images and texts apart"):
        load_composed("model", encoder, load_encoder)


class WrongLength(SumEncoder):
    def encode_composed(self, inputs):  # type: ignore[no-untyped-def]
        return [2 * rows for rows in super().encode_composed(inputs)]


class Deaf(SumEncoder):
    def encode_composed(self, inputs):  # type: ignore[no-untyped-def]
        return super().encode_composed(
            [ComposedInput(each.image, "always this", "", each.image_vector) for each in inputs]
        )


@pytest.mark.parametrize(
    ("broken", "rule"), [(WrongLength, "unit length"), (Deaf, "another text gives another vector")]
)
def test_the_contract_finds_what_is_wrong(broken: type[SumEncoder], rule: str) -> None:
    with pytest.raises(ContractError, match=rule):
        check_composed_encoder(broken(HashEncoder()), HashEncoder.dim)


def test_the_contract_finds_another_dimension() -> None:
    with serving(embeds("messages")) as server:
        encoder = load_composed("model", at(server.url), load_encoder)
        with pytest.raises(ContractError, match="64 dimensions, the gallery has 8"):
            check_composed_encoder(encoder, 8)
