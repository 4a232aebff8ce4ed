"""The OpenAPI document as a page for people: rendered here, with no script and nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final, cast

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "code{font-family:ui-monospace,monospace;font-size:.92em}h2{margin-top:3rem}"
    "details{border:1px solid #ccc;border-radius:.4rem;margin:.5rem 0;padding:.4rem .8rem}"
    "summary{cursor:pointer}.m{display:inline-block;width:4.5rem;font-weight:700}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;"
    "border-top:1px solid #eee}"
)


def docs_page(document: Mapping[str, Any]) -> str:
    """Render the document as HTML."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(document['info']['title'])} API</title><style>{_STYLE}</style>",
        f"<h1>{escape(document['info']['title'])} API {escape(document['info']['version'])}</h1>",
        f"<p>{escape(document['info']['summary'])} For programs: <a href=/openapi.json>openapi.json</a>.</p>",
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        parts.extend(_operations(document, tag["name"]))
    parts.append("<h2>Models</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts.append(
            f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>{_model(schema)}</details>"
        )
    return "\n".join([*parts, "</html>"])


def _operations(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield _operation(path, method, operation)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = [
        (f"{one['in']} <code>{escape(one['name'])}</code>", type_text(one["schema"]))
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody")
    if body is not None:
        kinds = ", ".join(body["content"])
        rows.append((f"body ({escape(kinds)})", type_text(next(iter(body["content"].values()))["schema"])))
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        schema = next((one.get("schema") for one in content.values()), None)
        shown = (
            type_text(schema) if schema else response.get("description", response.get("$ref", "").rpartition("/")[2])
        )
        rows.append((f"answer {escape(status)}", shown))
    table = "".join(f"<tr><td>{name}<td>{_linked(text)}" for name, text in rows)
    title = f"<span class=m>{method.upper()}</span><code>{escape(path)}</code> {escape(operation['summary'])}"
    text = escape(operation.get("description", "")).replace("`", "")
    return f"<details><summary>{title}</summary><p>{text}</p><table>{table}</table></details>"


def _model(schema: Mapping[str, Any]) -> str:
    text = f"<p>{escape(schema.get('description', '')).replace('`', '')}</p>"
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{' (required)' if name in required else ''}<td>{_linked(type_text(one))}"
        for name, one in schema.get("properties", {}).items()
    )
    return f"{text}<table>{rows}</table>"


def _linked(text: str) -> str:
    """Escape; a word that names a model links to it."""
    return " ".join(
        f"<a href='#{escape(word)}'>{escape(word)}</a>" if word[:1].isupper() and word.isalpha() else escape(word)
        for word in text.split(" ")
    )


def type_text(schema: Mapping[str, Any]) -> str:
    """Write a schema in a line."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2] + _bounds(schema)
    if "anyOf" in schema:
        return " or ".join(type_text(one) for one in schema["anyOf"])
    kinds = schema.get("type", "any JSON")
    kind = " or ".join(cast("list[str]", kinds)) if isinstance(kinds, list) else str(kinds)
    if "enum" in schema:
        kind = " | ".join("null" if one is None else str(one) for one in schema["enum"])
    elif schema.get("type") == "array":
        kind = f"list of {type_text(schema['items'])}"
    elif "additionalProperties" in schema and "properties" not in schema:
        kind = f"{kind} of {type_text(schema['additionalProperties'])}"
    return kind + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    shown = [
        f"{label} {schema[name]}"
        for name, label in (
            ("format", "format"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
            ("minimum", "from"),
            ("maximum", "to"),
            ("pattern", "pattern"),
            ("maxItems", "at most"),
            ("maxProperties", "at most"),
            ("default", "default"),
        )
        if name in schema and abs(schema[name] if isinstance(schema[name], int) else 0) < 2**53
    ]
    return f" ({', '.join(shown)})" if shown else ""
