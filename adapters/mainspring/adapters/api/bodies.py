"""Bodies: read with bounds, and strictly.

* JSON (RFC 8259): one value, at most ``MAX_DEPTH`` deep; no NaN or infinity, no duplicate keys, no NUL and no lone
  surrogate in any text. Each of them means something else to every reader, or nothing.
* Form (where an operation takes one): ``request[url]=…``, names in brackets make objects, values are texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from mainspring.adapters.api.refusals import Refusal, refuse

MAX_DEPTH: Final = 64
MAX_FIELDS: Final = 1_000
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]+\])*)")
_PART: Final = re.compile(r"\[([^\[\]]+)\]")
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def read_json(raw: bytes) -> Any:
    """Read one JSON value; ``Refusal`` (400) says what is wrong with it."""
    if _depth(raw) > MAX_DEPTH:
        raise refuse(400, f"the body is nested more than {MAX_DEPTH} deep")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise refuse(400, f"the body is not UTF-8: byte {error.start} is wrong") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise refuse(400, f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except (ValueError, RecursionError):
        raise refuse(400, "the body is not JSON that can be read: a number is too long") from None
    if _SUSPECT.search(raw):
        for found in _texts(value):
            check_text(found)
    return value


def check_text(text: str) -> None:
    """Refuse a text with a NUL or a lone surrogate in it."""
    if "\0" in text:
        raise refuse(400, "the body holds a text with a NUL character (\\u0000)")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refuse(400, "the body holds half of a surrogate pair, which is no character") from None


def read_form(raw: bytes) -> dict[str, Any]:
    """Read a form whose names nest by brackets."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS, separator="&"
        )
    except ValueError:
        raise refuse(400, f"the body is no form: use name=value&… in UTF-8, at most {MAX_FIELDS} fields") from None
    document: dict[str, Any] = {}
    for name, value in pairs:
        check_text(name)
        check_text(value)
        _put(document, name, value)
    return document


def _put(document: dict[str, Any], name: str, value: str) -> None:
    found = _NAME.fullmatch(name)
    if found is None:
        raise refuse(400, "the body is no form: write a nested name as outer[inner]")
    *outer, last = [found[1], *_PART.findall(found[2])]
    if len(outer) >= MAX_DEPTH:
        raise refuse(400, f"the body is nested more than {MAX_DEPTH} deep")
    place = document
    for part in outer:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise _twice(name)
        place = cast("dict[str, Any]", inner)
    if last in place:
        raise _twice(name)
    place[last] = value


def _twice(name: str) -> Refusal:
    shown = "".join(char for char in name if char.isprintable())[:100]
    return refuse(400, f"the body names {shown} twice")


def _depth(raw: bytes) -> int:
    """How deep a text nests; not counted if it has not that many brackets at all."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return 0
    depth = most = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        most = max(most, depth)
    return most


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _twice(name)
            seen.add(name)
    return made


def _constant(name: str) -> Any:
    raise refuse(400, f"the body is not JSON: {name} is no number")


def _texts(value: Any) -> Iterator[str]:
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            document = cast("dict[str, Any]", one)
            waiting.extend(document)
            waiting.extend(document.values())
        elif isinstance(one, list):
            waiting.extend(cast("Iterable[Any]", one))
