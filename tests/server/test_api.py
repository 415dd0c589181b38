from __future__ import annotations

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

import stitch_cir as st
from stitch_cir import wire
from stitch_cir.encoders import HashEncoder
from tests.server.conftest import jpeg

BLUE = {"reference": {"id": "red.png"}, "text": "in blue instead", "settings": {"k": 3}}


def test_health_and_gallery(client: TestClient, folder: Path) -> None:
    health = client.get("/health").json()
    assert (health["status"], health["version"], health["images"]) == ("ok", st.__version__, 8)
    about = client.get("/api/gallery").json()
    wire.GalleryInfo.model_validate(about)
    assert about["name"] == folder.name
    assert about["images"] == 8
    assert about["encoder"] == "test"
    assert about["writable"] is False
    settings = {each["name"]: each for each in about["settings"]}
    assert settings["alpha"]["default"] == st.SearchSettings().to_dict()["alpha"]
    assert (settings["alpha"]["minimum"], settings["alpha"]["maximum"]) == (0, 1)
    assert "conditional" in settings["scorer"]["choices"]
    assert about["composer"]["composer"] == "verbatim"


def test_images_by_page_and_by_words(client: TestClient) -> None:
    page = client.get("/api/images?offset=2&limit=3").json()
    wire.ImagePage.model_validate(page)
    assert page["total"] == 8
    assert [image["id"] for image in page["images"]] == [
        "green.png",
        "pairs/green-yellow.png",
        "pairs/red-blue.png",
    ]
    answer = client.get("/api/images", params={"q": "RED"}).json()
    assert [image["id"] for image in answer["images"]] == ["pairs/red-blue.png", "red.png"]
    assert client.get("/api/images", params={"q": "%"}).json()["total"] == 0
    detail = client.get(page["images"][1]["image"].replace("/files/", "/images/")).json()
    wire.ImageDetail.model_validate(detail)
    assert len(detail["views"]) == 10
    assert detail["views"][0]["box"] == [0, 0, 1, 1]


def test_search_agrees_with_the_library(client: TestClient, folder: Path) -> None:
    answer = client.post("/api/search", json=BLUE).json()
    wire.SearchResponse.model_validate(answer)
    gallery = st.Gallery.open(folder, encoder=HashEncoder())
    expected = st.search(
        gallery, reference="red.png", text="in blue instead", settings=st.SearchSettings(k=3)
    )
    hits = answer["results"]["hits"]
    assert [(h["rank"], h["id"], h["score"]) for h in hits] == [
        (h.rank, h.id, round(h.score, 6)) for h in expected
    ]
    assert hits[0]["id"] == "blue.png"
    assert hits[0]["width"] == 40
    assert answer["results"]["composition"] == expected.to_dict()["composition"]
    assert str(folder) not in str(answer)


def test_compose_edit_and_search_again(client: TestClient) -> None:
    composed = client.post("/api/compose", json=BLUE).json()["composition"]
    edited = [{**caption, "on": number == 0} for number, caption in enumerate(composed["captions"])]
    edited[0]["text"], edited[0]["weight"] = "a yellow square", 2.5
    results = client.post("/api/search", json={**BLUE, "captions": edited}).json()["results"]
    assert results["query"]["labels"] == ["a yellow square"]
    assert results["composition"]["captions"][0]["weight"] == 2.5
    assert results["hits"][0]["id"] in ("yellow.png", "pairs/green-yellow.png")
    off = client.post("/api/search", json={**BLUE, "captions": [{"text": "x", "on": False}]})
    assert off.status_code == 422
    assert off.json()["error"]["type"] == "QueryError"


def test_less_like_this(client: TestClient) -> None:
    ask = {"text": "red", "settings": {"k": 3, "negative_weight": 0.5}}
    before = client.post("/api/search", json=ask).json()["results"]
    best = before["hits"][0]["id"]
    after = client.post("/api/search", json={**ask, "negatives": [best]}).json()["results"]
    assert best not in [hit["id"] for hit in after["hits"]]
    assert after["query"]["negatives"] == [best]
    assert after["settings"]["negative_weight"] == 0.5
    unknown = client.post("/api/search", json={**ask, "negatives": ["nope"]})
    assert unknown.status_code == 404


def test_explain_and_its_images(client: TestClient) -> None:
    answer = client.post("/api/explain", json={**BLUE, "id": "yellow.png"}).json()
    wire.Explanation.model_validate(answer)
    rows, columns = len(answer["captions"]), len(answer["views"])
    for name in ("forward", "backward", "joint", "similarities"):
        assert len(answer["plan"][name]) == rows
        assert {len(row) for row in answer["plan"][name]} == {columns}
    assert sum(answer["shares"]) == pytest.approx(answer["plan"]["score"])
    assert answer["matches"] == sorted(answer["matches"], key=lambda match: -match["mass"])
    assert answer["hit"]["rank"] > 1
    for kind in ("matches", "heatmap", "contributions"):
        drawn = client.post("/api/explain/image", json={**BLUE, "id": "blue.png", "kind": kind})
        assert drawn.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(drawn.content)).width > 300
    left_out = client.post("/api/explain", json={**BLUE, "id": "red.png"})
    assert left_out.status_code == 404


def test_a_sheet_needs_no_other_file(client: TestClient) -> None:
    sheet = client.post("/api/sheet", json=BLUE)
    assert sheet.headers["content-type"].startswith("text/html")
    assert "sandbox" in sheet.headers["content-security-policy"]
    assert "blue.png" in sheet.text
    assert 'src="data:image/jpeg' in sheet.text
    assert "http" not in sheet.text.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_thumbnails_are_upright_small_and_without_metadata(
    client: TestClient, folder: Path
) -> None:
    answer = client.get("/api/thumbnails/pairs/red-blue.png")
    assert answer.headers["content-type"] == "image/jpeg"
    image = Image.open(io.BytesIO(answer.content))
    assert image.size == (40, 40)  # never scaled up
    assert not image.getexif()
    again = client.get(
        "/api/thumbnails/pairs/red-blue.png", headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    (folder / "pairs" / "red-blue.png").unlink()
    gone = client.get("/api/files/pairs/red-blue.png")
    assert gone.status_code == 410
    assert gone.json()["error"]["type"] == "GoneError"
    assert client.get("/api/files/nothing.png").status_code == 404
    assert client.get("/api/files/red.png?side=5000").status_code == 422


def test_an_upload_is_a_reference(client: TestClient, folder: Path) -> None:
    sent = client.post(
        "/api/uploads", files={"file": ("a.jpg", jpeg(size=(300, 200)), "image/jpeg")}
    )
    kept = sent.json()
    wire.UploadInfo.model_validate(kept)
    assert (kept["width"], kept["height"], kept["gallery_id"]) == (300, 200, None)
    shown = client.get(f"/api/uploads/{kept['upload']}")
    assert Image.open(io.BytesIO(shown.content)).size == (300, 200)
    ask = {"reference": {"upload": kept["upload"]}, "text": "in blue instead", "settings": {"k": 2}}
    assert client.post("/api/search", json=ask).json()["results"]["hits"][0]["id"] == "blue.png"
    upload = client.post("/api/uploads", files={"file": (folder / "red.png").read_bytes()}).json()
    assert upload["gallery_id"] == "red.png"
    like = {"reference": {"upload": upload["upload"]}, "settings": {"k": 7}}
    hits = client.post("/api/search", json=like).json()["results"]["hits"]
    assert "red.png" not in [hit["id"] for hit in hits]
    assert client.get("/api/uploads/unknown").status_code == 404


def test_a_gallery_of_captions(tmp_path: Path) -> None:
    from stitch_cir.server import create_app

    file = tmp_path / "c.jsonl"
    file.write_text(
        '{"id": "../a", "captions": ["a red dress", "cloth"]}\n{"id": "b", "caption": "a blue hat"}\n'
    )
    st.index_captions(file, tmp_path / "g", encoder=HashEncoder())
    with TestClient(create_app(tmp_path / "g", encoder=HashEncoder())) as client:
        first = client.get("/api/images").json()["images"][0]
        assert (first["id"], first["width"], first["captions"]) == (
            "../a",
            None,
            ["a red dress", "cloth"],
        )
        assert first["thumbnail"] == "/api/thumbnails/..%2Fa"
        card = Image.open(io.BytesIO(client.get(first["thumbnail"]).content))
        assert card.size == (256, 256)
        ask = {"reference": {"id": "../a"}, "text": "in blue", "settings": {"k": 1}}
        hit = client.post("/api/search", json=ask).json()["results"]["hits"][0]
        assert hit["best_view"]["caption"] == "a blue hat"


def test_the_page_and_its_headers(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; script-src 'self'"
    )
    for answer in (
        page,
        client.get("/health"),
        client.get("/nothing"),
        client.get("/api/files/no"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert len(answer.headers["x-request-id"]) == 16
    assert client.get("/static/../__init__.py").status_code == 404
    again = client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert again.status_code == 304


def test_openapi_holds_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["schemas"]["QueryRequest"]["examples"]
    assert {"/api/search", "/api/images/{id}", "/api/uploads"} <= set(document["paths"])
    assert document["paths"]["/api/images"]["post"]["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert client.get("/docs").status_code == 200  # from files of our own


def test_metrics_count_without_naming(client: TestClient) -> None:
    client.post("/api/search", json=BLUE)
    client.get("/api/images/red.png")
    text = client.get("/metrics").text
    assert 'stitch_requests_total{method="POST",route="/api/search",status="200"} 1.0' in text
    assert 'route="/api/images/{id}"' in text
    assert "stitch_gallery_images 8.0" in text
    assert 'stitch_encoder_calls_total{kind="texts"}' in text
    assert "red.png" not in text
