"""The HTTP API as its clients see it."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from signvip.data.provenance import NOTICE
from signvip.data.video import encode_video, read_comment, read_video
from signvip.origin.marking import Marker
from signvip.origin.record import Origin


def offline(studio, text, picture, seed=0, steps=None, language=None):
    """Frames as `signvip generate` makes them, before the mark."""
    generator = torch.Generator().manual_seed(seed)
    tokens = studio.pipe.translate([text], language=language, generator=[generator])[0]
    made = studio.pipe(
        text,
        Image.open(io.BytesIO(picture)),
        tokens=tokens,
        generator=generator,
        num_inference_steps=steps,
        output_type="stream",
    )
    return np.concatenate(list(made.frames))


def test_a_video_arrives_with_the_frames_that_a_file_would_have(serving, studio, picture):
    form = {"text": "rain", "seed": "7", "steps": "3", "language": "qaa"}
    with serving() as served:
        got = served.client.post("/v1/generate", data=form, files={"reference": ("a.png", picture)})
        assert (got.status_code, got.headers["content-type"]) == (200, "video/mp4"), got.text
        told = served.client.get(f"/v1/jobs/{got.headers['signvip-job']}").json()
    frames, fps = read_video(got.content)
    expected = offline(studio, "rain", picture, 7, 3)
    assert (len(frames), fps) == (len(expected), studio.pipe.config.fps)
    facts = told["facts"]
    origin = Origin("rain", "qaa", studio.weights, 7, facts["reference"])
    marked = Marker(origin.payload, fps).mark(expected)
    # the codec is what is left between them; one that does not look ahead takes a little more than in a file
    left = np.abs(frames.astype(float) - marked).mean()
    file = np.abs(read_video(encode_video(marked, fps))[0].astype(float) - marked).mean()
    assert left <= file * 1.5
    assert told["state"] == "done" and facts["frames"] == len(frames) and facts["generated"] is True
    assert facts["origin"]["mark"]["payload"] == f"{origin.payload:04x}"
    assert json.loads(got.headers["signvip-frames"]) == len(frames)
    assert read_comment(got.content) == NOTICE


def test_frames_before_the_codec_are_those_of_a_call(serving, studio, picture, monkeypatch):
    import signvip_serve.studio as module

    seen = []
    keep = module.stream_generated

    def spy(parts, *rest):
        return keep((seen.append(part) or part for part in parts), *rest)

    monkeypatch.setattr(module, "stream_generated", spy)
    with serving() as served:
        files = {"reference": ("a.png", picture)}
        assert served.client.post("/v1/generate", data={"text": "snow"}, files=files).status_code == 200
    assert np.array_equal(np.concatenate(seen), offline(studio, "snow", picture))


def test_a_picture_is_optional_where_some_ship(serving, studio):
    assert studio.references
    with serving() as served:
        listed = served.client.get("/v1/references").json()
        assert len(listed) == len(studio.references)
        shown = served.client.get(listed[1]["picture"])
        assert Image.open(io.BytesIO(shown.content)).size == (32, 32)
        made = [
            served.client.post("/v1/generate", data={"text": "rain", **signer}).content
            for signer in ({}, {"signer": listed[0]["name"]}, {"signer": listed[1]["name"]})
        ]
    assert made[0] == made[1] != made[2]


def test_it_says_what_it_is_and_what_it_knows(serving):
    with serving() as served:
        assert served.client.get("/v1/health").json()["status"] == "ok"
        named = {"code": "qaa", "name": "Toy Sign A (invented)", "own_name": "Toy Sign A"}
        assert served.client.get("/v1/languages").json() == [named]
        paths = served.client.get("/openapi.json").json()["paths"]
        assert {"/v1/generate", "/v1/languages", "/v1/health"} <= set(paths)
        assert served.client.get("/docs").status_code == 200


WRONG = {
    "no text": ({}, None, 422, "'text' is missing"),
    "blank": ({"text": "  "}, None, 422, "text is empty"),
    "long": ({"text": "a" * 2001}, None, 422, "2001 characters"),
    "language": ({"text": "a", "language": "xxx"}, None, 422, "'xxx' is not known here; choose qaa"),
    "steps": ({"text": "a", "steps": "101"}, None, 422, "from 1 to 100"),
    "no steps": ({"text": "a", "steps": "0"}, None, 422, "from 1 to 100"),
    "seed": ({"text": "a", "seed": "-1"}, None, 422, "seed is -1"),
    "word": ({"text": "a", "seed": "one"}, None, 422, "'seed' cannot be read"),
    "signer": ({"text": "a", "signer": "nobody"}, None, 422, "no picture 'nobody'"),
    "picture": ({"text": "a"}, b"no picture", 422, "damaged or no picture"),
    "no bytes": ({"text": "a"}, b"", 422, "empty file"),
    "name": ({"text": "a", "job": "../../x"}, None, 422, "'job' cannot be read"),
    "where": ({"text": "a", "where": "nowhere"}, None, 422, "'where' cannot be read"),
    "large": ({"text": "a"}, bytes(11 * 2**20), 413, "too large"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_made_is_refused_in_one_sentence(serving, name):
    form, content, status, words = WRONG[name]
    files = None if content is None else {"reference": ("a.png", content)}
    with serving() as served:
        got = served.client.post("/v1/generate", data=form, files=files)
    assert got.status_code == status
    assert words in got.json()["detail"] and got.json()["detail"].count("\n") == 0


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(serving):
    buffer = io.BytesIO()
    Image.new("L", (3000, 3000)).save(buffer, "PNG")
    with serving(picture_pixels=8_000_000) as served:
        files = {"reference": ("a.png", buffer.getvalue())}
        got = served.client.post("/v1/generate", data={"text": "a"}, files=files)
    assert got.status_code == 422 and "3000x3000" in got.json()["detail"]


def test_a_body_that_does_not_say_how_long_it_is_is_counted(serving):
    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="reference"; filename="a"\r\n\r\n'
        for _ in range(20):
            yield bytes(2**20)

    with serving() as served:
        kind = {"content-type": "multipart/form-data; boundary=x"}
        got = served.client.post("/v1/generate", content=endless(), headers=kind)
    assert got.status_code == 413


def test_the_page_of_the_api_has_every_route_and_loads_nothing_from_elsewhere(serving):
    with serving(words=True) as served:
        page = served.client.get("/docs")
        schema = served.client.get("/openapi.json").json()
        styles = [served.client.get(f"/static/{name}.css") for name in ("base", "docs")]
    assert all(path in page.text for path in schema["paths"])
    assert {name for name in schema["components"]["schemas"] if f'id="{name}"' not in page.text} == {
        name for name in schema["components"]["schemas"] if name.startswith("Body_")
    }
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert links and all(link.startswith(("/", "#", "data:")) and link[:2] != "//" for link in links)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert all(style.headers["content-type"].startswith("text/css") for style in styles)


def test_every_route_and_field_is_described(serving):
    with serving(words=True) as served:
        schema = served.client.get("/openapi.json").json()
    routes = [route for methods in schema["paths"].values() for route in methods.values()]
    assert all(route["description"] and "200" in route["responses"] for route in routes)
    forms = [form for name, form in schema["components"]["schemas"].items() if name.startswith("Body_")]
    assert len(forms) == 2
    assert all(field["description"] for form in forms for field in form["properties"].values())


def test_a_token_is_described_where_one_is_wanted(serving):
    for token in (None, "secret"):
        with serving(words=True, token=token) as served:
            schema = served.client.get("/openapi.json").json()
        assert ("securitySchemes" in schema["components"]) is (token is not None)
