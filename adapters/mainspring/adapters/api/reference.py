"""The OpenAPI document as a page of the reference, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mainspring.adapters.api.page import type_text

_ORDINARY: Final = frozenset({"400", "401", "403", "413", "415", "422", "429", "503"})


def reference_page(document: Mapping[str, Any]) -> str:
    """Write every operation and every model."""
    parts: list[str] = []
    for tag in document["tags"]:
        parts.append(f"## {tag['name']}")
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    parts.extend(_operation(path, method, operation))
    parts.append("## Models")
    for name, schema in document["components"]["schemas"].items():
        parts.extend(_model(name, schema))
    return "\n\n".join(parts) + "\n"


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    text = operation.get("description", "")
    yield f"{operation['summary']}. {text}".rstrip()
    rows = [
        (f"{one['in']} `{one['name']}`", type_text(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody")
    if body is not None:
        schema = next(iter(body["content"].values()))["schema"]
        kinds = " or ".join(f"`{kind}`" for kind in body["content"])
        rows.append(("body" if body["required"] else "body (optional)", type_text(schema), kinds))
    for status, response in operation["responses"].items():
        if status not in _ORDINARY or "$ref" not in response:
            rows.append((f"answer {status}", *_answer(response)))
    yield _table(("", "type", ""), rows)


def _answer(response: Mapping[str, Any]) -> tuple[str, str]:
    if "$ref" in response:
        return "ErrorView", ""
    content = response.get("content", {})
    schema = next((one.get("schema") for one in content.values()), None)
    headers = "; ".join(f"`{name}`: {header['description']}" for name, header in response.get("headers", {}).items())
    return type_text(schema) if schema else response["description"], headers


def _model(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {name}"
    if schema.get("description"):
        yield schema["description"]
    if "properties" not in schema:
        yield f"{type_text(schema)}; for example {', '.join(f'`{one}`' for one in schema.get('examples', ()))}"
        return
    required = schema.get("required", ())
    rows = [
        (f"`{field}`", type_text(one), "required" if field in required else one.get("description", ""))
        for field, one in schema["properties"].items()
    ]
    yield _table(("field", "type", ""), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)
