"""The page at /docs: /openapi.json to read. FastAPI's own page loads its parts from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

Schema = dict[str, Any]
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: the HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/base.css">
<link rel="stylesheet" href="/static/docs.css">
</head>
<body>
<main>
<h1>{title}: the HTTP API</h1>
<p>{summary} Version {version}. For programs, the same is at <a href="/openapi.json">/openapi.json</a>; the page for
people is at <a href="/">/</a>. A server that others can reach wants the header
<code>Authorization: Bearer TOKEN</code>.</p>
<pre><code>curl -F text="snow on monday" -o snow.mp4 http://127.0.0.1:8000/v1/generate</code></pre>
"""


def render(schema: Schema) -> str:
    """Return HTML of an OpenAPI document: each route with its form, its answers, and the models that these name."""
    info = {name: escape(str(value)) for name, value in schema["info"].items()}
    routes = [
        line
        for path, methods in schema["paths"].items()
        for method, route in methods.items()
        for line in _route(method, path, route, schema)
    ]
    models = schema["components"]["schemas"]
    named = [line for name in models if not name.startswith("Body_") for line in _model(name, models[name])]
    body = "\n".join([*routes, "<h2>Answers in JSON</h2>", *named])
    return f"{_HEAD.format(**info)}{body}\n</main>\n</body>\n</html>\n"


def _route(method: str, path: str, route: Schema, schema: Schema) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield from (f"<p>{_words(part)}</p>" for part in route.get("description", "").split("\n\n"))
    for content in route.get("requestBody", {}).get("content", {}).values():
        form = schema["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        yield "<h3>Form</h3>"
        yield from _fields(form)
    rows = [
        (code, _kinds(answer.get("content", {})), escape(answer["description"]))
        for code, answer in sorted(route["responses"].items())
    ]
    yield "<h3>Answers</h3>"
    yield _table(("Status", "Kind", "Meaning"), rows)


def _words(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _model(name: str, model: Schema) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>'
    if words := model.get("description"):
        yield f"<p>{escape(words)}</p>"
    yield from _fields(model)


def _fields(model: Schema) -> Iterator[str]:
    required = model.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>{' (required)' if name in required else ''}",
            _kind(field),
            escape(field.get("description", "")),
        )
        for name, field in model.get("properties", {}).items()
    ]
    yield _table(("Name", "Kind", "Meaning"), rows)


def _kinds(content: Schema) -> str:
    return ", ".join(
        f"{escape(media)} {_kind(one['schema'])}" if one.get("schema") else escape(media)
        for media, one in content.items()
    )


def _kind(field: Schema) -> str:
    """Say in a few words what a field may be."""
    if "$ref" in field:
        name = escape(field["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in field or "const" in field:
        return ", ".join(escape(str(value)) for value in field.get("enum", [field.get("const")]))
    if "anyOf" in field:
        kinds = [_kind(one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}"
    if field.get("contentMediaType") or field.get("format") == "binary":
        return "file"
    return escape(str(field.get("type", "anything")))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
