"""Tasks out of a file: a JSON object a line, with the names of the options of ``mainspring task add``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from mainspring.core.errors import InvalidInput

if TYPE_CHECKING:
    from mainspring.adapters.operations import TaskRequest
    from mainspring.app import Mainspring
    from mainspring.core.task import Call

MAX_LINE: Final = 2_000_000
"""How many characters a line has at most: a body of 1 MiB, and what JSON makes of it."""

_TEXTS: Final = ("at", "start_by", "name", "retry", "key", "on_clash", "idempotency_key")
_DURATIONS: Final = ("delay", "timeout")
_CALLS: Final = ("url", "body", "headers", "call", "args")
FIELDS: Final = (*_CALLS, "queue", "priority", *_DURATIONS, *_TEXTS)


def read_requests(source: str, app: Mainspring | None, most: int) -> list[TaskRequest]:
    """Read at most ``most`` tasks; ``InvalidInput`` names the line and the field."""
    try:
        if source == "-":
            return _requests(sys.stdin, app, most)
        with Path(source).open(encoding="utf-8") as file:
            return _requests(file, app, most)
    except OSError as error:
        what = f"{source} cannot be read ({error.strerror})"
        raise InvalidInput("file", what, "name a readable file, or - for standard input") from None
    except UnicodeDecodeError as error:
        raise InvalidInput("file", f"{source} is not UTF-8 (at byte {error.start})", "send UTF-8") from None


def _requests(file: TextIO, app: Mainspring | None, most: int) -> list[TaskRequest]:
    found: list[TaskRequest] = []
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
        if len(line) > MAX_LINE:
            raise InvalidInput(f"line {number}", f"it is longer than {MAX_LINE} characters", "send less")
        if not line.strip():
            continue
        if len(found) == most:
            raise InvalidInput(f"line {number}", f"there are more than {most} tasks", "load them in parts")
        found.append(_request(line, f"line {number}", app))
    return found


def _request(line: str, where: str, app: Mainspring | None) -> TaskRequest:
    from mainspring.adapters.operations import TaskRequest

    given = _object(line, where)
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise InvalidInput(f"{where}: {unknown[0]}", "there is no such field", f"use {', '.join(FIELDS)}")
    fields: dict[str, Any] = {}
    for name in ("queue", *_DURATIONS, *_TEXTS):
        if given.get(name) is not None:
            fields[name] = _text(given[name], f"{where}: {name}")
    priority = given.get("priority", 0)
    if type(priority) is not int:
        raise InvalidInput(f"{where}: priority", f"{priority!r} is no whole number", "use e.g. 3")
    try:
        return TaskRequest(call=_call(given, where, app), priority=priority, **fields)
    except InvalidInput as error:
        if error.field.startswith(where):
            raise
        raise InvalidInput(f"{where}: {error.field}", error.what, error.cure) from None


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(where, f"it is no JSON ({error})", "write one JSON object a line") from None
    if not isinstance(given, dict):
        raise InvalidInput(where, "it is no JSON object", 'write e.g. {"url": "https://example.com/hook"}')
    return cast("dict[str, Any]", given)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, f"{value!r} is no text", "write it in quotes")
    return value


def _call(given: dict[str, Any], where: str, app: Mainspring | None) -> Call:
    """Make the call of a line; a function's is checked against those that ``app`` registers."""
    from mainspring.core.task import FunctionCall, HttpCall

    url, function = given.get("url"), given.get("call")
    if (url is None) == (function is None):
        what = "there is nothing to call" if url is None else "there are url and call"
        raise InvalidInput(f"{where}: url", what, "give either url or call")
    foreign = [name for name in (("args",) if function is None else ("body", "headers")) if given.get(name) is not None]
    if foreign:
        what = "a function takes none" if function is not None else "a URL takes none"
        raise InvalidInput(f"{where}: {foreign[0]}", what, "leave it out")
    if url is not None:
        headers = _headers(given.get("headers") or {}, where)
        return HttpCall(url=_text(url, f"{where}: url"), headers=headers, body=_body(given.get("body")))
    arguments = json.dumps(given.get("args") or {}, ensure_ascii=False)
    call = FunctionCall(function=_text(function, f"{where}: call"), arguments=arguments)
    if app is None:
        what = f"{call.function!r} cannot be checked without the module that registers it"
        raise InvalidInput("import", what, "add --import MODULE")
    app.functions.check(call)
    return call


def _headers(given: object, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict):
        raise InvalidInput(f"{where}: headers", "they are no JSON object", 'write e.g. {"X-Order": "7"}')
    named = cast("dict[str, object]", given)
    return tuple((name, _text(value, f"{where}: headers.{name}")) for name, value in named.items())


def _body(given: object) -> str | None:
    """A text is sent as it is; anything else as JSON."""
    if given is None or isinstance(given, str):
        return given
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
