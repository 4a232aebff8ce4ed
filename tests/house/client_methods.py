"""The methods of the client follow from the API's table of operations.

Run this file after a change of the table, then ``colours.py``; ``test_client_methods`` fails while they are stale.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import attrs

from mainspring.adapters.api.operation import Operation
from mainspring.adapters.api.table import OPERATIONS

HOME = Path(__file__).resolve().parents[2] / "adapters" / "mainspring" / "client"
ROUTES = HOME / "routes.py"
CALLS = HOME / "asynchronous" / "calls.py"

SINGLE = frozenset(
    {
        *("requeueTask", "requeueTasks"),
        *("createSchedule", "runSchedule", "skipSchedule", "backfillSchedule"),
        *("createProject", "rotateSecret", "createKey"),
    }
)
"""Operations that do more when they are asked for twice, soon or (as a run of a schedule) after some seconds."""

_SNAKE = re.compile(r"(?<=[a-z])([A-Z])")


def snake(name: str) -> str:
    """``listTasks`` in Python's way."""
    return _SNAKE.sub(r"_\1", name).lower()


def type_text(kind: Any) -> str:
    """The type as it is written."""
    if kind is None:
        return "None"
    if get_origin(kind) is list:
        return f"list[{get_args(kind)[0].__name__}]"
    return str(kind.__name__)


def element(kind: Any) -> str:
    """The type of what a list holds."""
    return str(get_args(kind)[0].__name__)


def models(of: Any) -> Iterator[str]:
    """The classes that a type names."""
    if of is not None:
        yield element(of) if get_origin(of) is list else of.__name__


def routes() -> str:
    """The module of the routes."""
    views = sorted({name for one in OPERATIONS for name in models(one.gives)})
    lines = [
        '"""Where each operation is (made from the API\'s table by tests/house/client_methods.py)."""',
        "from __future__ import annotations",
        "from typing import Final",
        f"from mainspring.adapters.api.views import {', '.join(views)}",
        "from mainspring.client.wire import Route",
    ]
    for one in OPERATIONS:
        keyed = "Idempotency-Key" in one.hears
        repeatable = one.id not in SINGLE and not keyed
        gives = "type(None)" if one.gives is None else type_text(one.gives)
        lines.append(
            f'{snake(one.id).upper()}: Final = Route(method="{one.method}", path="{one.path}", gives={gives}, '
            f"repeatable={repeatable}{', keyed=True' if keyed else ''})"
        )
    return "\n".join(lines) + "\n"


def calls() -> str:
    """The module of the methods, awaited."""
    bodies = {name for one in OPERATIONS for kind in (one.takes, one.query) for name in models(kind)}
    views = {name for one in OPERATIONS for name in models(one.gives)}
    lines = [
        '"""A method for each operation, awaited; made by tests/house/client_methods.py."""',
        "from __future__ import annotations",
        "import uuid",
        "from abc import ABC, abstractmethod",
        "from collections.abc import AsyncIterator, Iterable, Mapping, Sequence",
        "from typing import Any",
        "from attrs import evolve",
        f"from mainspring.adapters.api.models import {', '.join(sorted(bodies))}",
        f"from mainspring.adapters.api.views import {', '.join(sorted(views))}",
        "from mainspring.client import routes",
        "from mainspring.client.streams import Message",
        "from mainspring.client.wire import IDEMPOTENCY_KEY, Created, Listed, Reply, Route",
        "from mainspring.client.wire import created_of, decode, page_of",
        "class AsyncCalls(ABC):",
        '    """The operations of the API, over ``send`` and ``stream``."""',
        SENDING,
    ]
    for one in OPERATIONS:
        lines.extend(_method(one))
    return "\n".join(lines) + "\n"


SENDING = '''
    @abstractmethod
    async def send(
        self, route: Route[Any], parts: Iterable[str] = (), *, body: object = None, query: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Carry out an operation; raises what its answer says."""

    @abstractmethod
    def stream(
        self, route: Route[Any], parts: Iterable[str] = (), *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Message]:
        """Follow a stream of events until the server ends it."""
'''


def _method(one: Operation) -> Iterator[str]:
    """The lines of a method; for a list in pages, an iterator over all of them too."""
    name, route = snake(one.id), f"routes.{snake(one.id).upper()}"
    places = [part[1:-1] for part in one.path.split("/") if part.startswith("{")]
    names = {"id": "id_"}
    arguments = [f"{names.get(place, place)}: str" for place in places]
    parts = f", ({''.join(names.get(place, place) + ', ' for place in places)})" if places else ""
    doc = f'        """{one.summary}."""'
    if one.events:
        last = ", *, after: str | None = None" if one.hears else ""
        yield f"    def {name}(self{''.join(', ' + one for one in arguments)}{last}) -> AsyncIterator[Message]:"
        yield doc
        headers = ', headers=None if after is None else {"Last-Event-ID": after}' if one.hears else ""
        yield f"        return self.stream({route}{parts}{headers})"
        return
    given = ""
    if one.takes is not None:
        kind = f"Sequence[{element(one.takes)}]" if get_origin(one.takes) is list else one.takes.__name__
        arguments.append(f"body: {kind}" if one.needs_body else f"body: {kind} | None = None")
        given += ", body=body"
    if one.query is not None:
        arguments.append(f"query: {one.query.__name__} | None = None")
        given += ", query=query"
    if "Idempotency-Key" in one.hears:
        arguments.append("*, idempotency_key: str | None = None")
        given += ", headers={IDEMPOTENCY_KEY: idempotency_key or str(uuid.uuid4())}"
    listed = "X-Cursor-After" in one.sends
    gives = f"Listed[{element(one.gives)}]" if listed else type_text(one.gives)
    gives = f"Created[{element(one.gives)}]" if one.batch else gives
    yield f"    async def {name}(self{''.join(', ' + one for one in arguments)}) -> {gives}:"
    yield doc
    sent = f"await self.send({route}{parts}{given})"
    reader = "page_of" if listed else "created_of" if one.batch else "decode"
    yield f"        {sent}" if one.gives is None else f"        return {reader}({sent}, {route}.gives)"
    if listed:
        assert one.query is not None
        yield from _pages(one, name)


def _pages(one: Operation, name: str) -> Iterator[str]:
    model = one.query
    assert model is not None
    assert {"after", "limit"} <= {field.name for field in attrs.fields(model)}
    yield f"    async def each_{name.removeprefix('list_').removesuffix('s')}("
    yield f"        self, query: {model.__name__} | None = None"
    yield f"    ) -> AsyncIterator[{element(one.gives)}]:"
    yield f'        """{one.summary}: all of them, page by page (``limit`` at a time)."""'
    yield f"        wanted = query or {model.__name__}()"
    yield "        seen: str | None = None"
    yield "        while True:"
    yield f"            page = await self.{name}(wanted)"
    yield "            for item in page.items:"
    yield "                yield item"
    yield "            if page.cursor is None or page.cursor == seen:"
    yield "                return"
    yield "            seen = page.cursor"
    yield "            wanted = evolve(wanted, after=page.cursor, cursor=None)"


def write() -> None:
    """Write both modules, laid out."""
    for path, text in ((ROUTES, routes()), (CALLS, calls())):
        path.write_text(text)
        for command in (["format", "-q"], ["check", "-q", "--fix"], ["format", "-q"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, str(path)], check=True)


if __name__ == "__main__":
    write()
