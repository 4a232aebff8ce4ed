"""Write the pages, pictures and lines that follow from the code: run it after a change of the task machine.

``tests/docs/test_generated.py`` fails while a file is stale.

* ``reference/states.md``: every state, event and transition, from ``mainspring.core``.
* ``_static/task-machine.svg``: the same as a picture. The places are drawn by hand (``PLACES``, ``ROUTES``), the
  arrows and their names come from ``TRANSITIONS``: an arrow without a route, or a route without an arrow, is an error.
* The lines that name statuses elsewhere (``LINES``): the checks of the SQL schemas, the API's enumeration, the choices
  of the command line. A schema that was released gets its new line by a further step, not here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final, get_args

import attrs

from mainspring.core.commands import Command
from mainspring.core.events import EVENTS, UNRECORDED, Event, LeaseExtended, RunStarted, TaskRequeued
from mainspring.core.machine import TRANSITIONS
from mainspring.core.states import (
    API_STATUS,
    STATES,
    TERMINAL,
    Cancelled,
    Cancelling,
    Expired,
    Failed,
    Pending,
    Running,
    State,
    Succeeded,
)

HERE: Final = Path(__file__).resolve().parent
ADAPTERS: Final = HERE.parent / "adapters" / "mainspring" / "adapters"
CLI: Final = HERE.parent / "cli" / "mainspring" / "cli"

COMMANDS: Final[tuple[type, ...]] = get_args(Command)

# --- the picture ---------------------------------------------------------------------------------------------------

WIDTH: Final = 940
HEIGHT: Final = 424
BOX: Final = (150, 46)
"""Width and height of a state's box."""

PLACES: Final[dict[type[State], tuple[int, int]]] = {
    Pending: (150, 140),
    Running: (470, 140),
    Cancelling: (470, 286),
    Failed: (778, 90),
    Succeeded: (778, 180),
    Cancelled: (778, 286),
    Expired: (778, 382),
}
"""The centre of each state's box."""

COLOURS: Final[dict[type[State], tuple[str, str]]] = {
    Pending: ("#e8f0fe", "#2b5fb3"),
    Running: ("#e3f4f4", "#0f7173"),
    Cancelling: ("#fdf1dc", "#a86a08"),
    Failed: ("#fde8e6", "#b3352b"),
    Succeeded: ("#e6f4e8", "#2a7a38"),
    Cancelled: ("#eeeeee", "#5a5a5a"),
    Expired: ("#f1eafa", "#6b46a8"),
}
"""Fill and line of each state's box."""

ROUTES: Final[dict[tuple[type[State], type[State]], tuple[str, int, int, str]]] = {
    (Pending, Running): ("M225,130 H391", 308, 121, "middle"),
    (Running, Pending): ("M395,150 H229", 308, 167, "middle"),
    (Running, Failed): ("M545,130 H600 Q610,130 610,120 V100 Q610,90 620,90 H699", 656, 81, "middle"),
    (Running, Succeeded): ("M545,150 H600 Q610,150 610,160 V162 Q610,172 620,172 H699", 656, 163, "middle"),
    (Running, Cancelling): ("M470,163 V259", 478, 216, "start"),
    (Cancelling, Succeeded): ("M545,276 H600 Q610,276 610,266 V198 Q610,188 620,188 H699", 656, 205, "middle"),
    (Cancelling, Cancelled): ("M545,286 H699", 622, 302, "middle"),
    (Pending, Cancelled): ("M170,163 V326 Q170,336 180,336 H768 Q778,336 778,326 V313", 190, 328, "start"),
    (Pending, Expired): ("M130,163 V372 Q130,382 140,382 H699", 190, 374, "start"),
    (Pending, Pending): ("M75,130 H58 Q48,130 48,140 T58,150 H71", 48, 176, "middle"),
    (Running, Running): ("M460,117 V100 Q460,90 470,90 T480,100 V113", 488, 97, "start"),
    (Cancelling, Cancelling): ("M395,276 H378 Q368,276 368,286 T378,296 H391", 361, 284, "end"),
    (Expired, Pending): (
        "M853,382 H892 Q902,382 902,372 V40 Q902,30 892,30 H180 Q170,30 170,40 V113",
        536,
        22,
        "middle",
    ),
    (Failed, Pending): ("M853,90 H902", 536, 22, "middle"),  # these three join the line of Expired
    (Succeeded, Pending): ("M853,180 H902", 536, 22, "middle"),
    (Cancelled, Pending): ("M853,286 H902", 536, 22, "middle"),
}
"""For each pair of states: the arrow's path, and where its text stands (first line, SVG's ``text-anchor``)."""

STYLE: Final = """
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
    .state { font-size: 15px; font-weight: 600; text-anchor: middle; }
    .status { font-size: 10.5px; text-anchor: middle; fill: #444; }
    .event { font-size: 11.5px; fill: #333; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
    .arrow { fill: none; stroke: #666; stroke-width: 1.4; marker-end: url(#head); }
    .again { stroke-dasharray: 5 4; stroke: #999; marker-end: url(#head-again); }
    .joins { marker-end: none; }
"""


def arrows() -> dict[tuple[type[State], type[State]], tuple[type[Event], ...]]:
    """Gather the events of ``TRANSITIONS`` that lead from one state to another, in the table's order."""
    found: dict[tuple[type[State], type[State]], tuple[type[Event], ...]] = {}
    for source, edges in TRANSITIONS.items():
        for event, target in edges.items():
            if event not in changing_nothing():
                found[source, target] = (*found.get((source, target), ()), event)
    return found


def changing_nothing() -> tuple[type[Event], ...]:
    """Name the events that may happen in every state and leave it as it is: they are noted, not drawn."""
    rows = list(TRANSITIONS.items())
    return tuple(event for event in EVENTS if all(edges.get(event) is state for state, edges in rows))


def picture() -> str:
    """Draw the task machine."""
    pairs = arrows()
    if pairs.keys() != ROUTES.keys() or PLACES.keys() != TRANSITIONS.keys():
        differing = sorted(f"{a.__name__} → {b.__name__}" for a, b in pairs.keys() ^ ROUTES.keys())
        raise SystemExit(
            f"docs/generate.py: the picture has to be drawn anew for {', '.join(differing) or 'the states'}"
        )
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        '  <title id="title">The states of a task and the events that lead from one to another</title>',
        f"  <style>{STYLE}  </style>",
        "  <defs>",
        *(f"    {_head(name, fill)}" for name, fill in (("head", "#666"), ("head-again", "#999"))),
        "  </defs>",
        f'  <rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="10" fill="#fff" stroke="#ddd"/>',
        '  <circle cx="130" cy="66" r="5" fill="#666"/>',
        '  <path class="arrow" d="M130,66 V113"/>',
        '  <text class="event" x="120" y="70" text-anchor="end">created</text>',
        *_drawn_arrows(pairs),
        *(line for state, (x, y) in PLACES.items() for line in _drawn_state(state, x, y)),
        *_drawn_note(),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, fill: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="8" markerHeight="8"'
        f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0.5 L8,4 L0,7.5 z" fill="{fill}"/></marker>'
    )


def _drawn_arrows(pairs: dict[tuple[type[State], type[State]], tuple[type[Event], ...]]) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    for (source, target), events in pairs.items():
        path, x, y, anchor = ROUTES[source, target]
        joins = path.endswith("H902")
        kind = "arrow" + (" again" if source in TERMINAL else "") + (" joins" if joins else "")
        yield f'  <path class="{kind}" d="{path}"/>'
        if (x, y) in seen:  # arrows that share a line share its text
            continue
        seen.add((x, y))
        for number, event in enumerate(events):
            yield (
                f'  <text class="event" x="{x}" y="{y + 14 * number}" text-anchor="{anchor}">'
                f"{escape(event.__name__)}</text>"
            )


def _drawn_state(state: type[State], x: int, y: int) -> Iterator[str]:
    fill, line = COLOURS[state]
    width, height = BOX
    weight = 2.4 if state in TERMINAL else 1.4
    yield (
        f'  <rect x="{x - width // 2}" y="{y - height // 2}" width="{width}" height="{height}" rx="8"'
        f' fill="{fill}" stroke="{line}" stroke-width="{weight}"/>'
    )
    yield f'  <text class="state" x="{x}" y="{y - 1}" fill="{line}">{state.__name__}</text>'
    yield f'  <text class="status" x="{x}" y="{y + 15}">API: {escape(API_STATUS[state.status])}</text>'


def _drawn_note() -> Iterator[str]:
    y = HEIGHT - 14
    if changing_nothing():
        yield f'  <text class="event" x="440" y="{y}" text-anchor="end">In every state, changing nothing:</text>'
    for number, event in enumerate(changing_nothing()):
        yield f'  <text class="event" x="{447 + 120 * number}" y="{y}">{escape(event.__name__)}</text>'


# --- the page ------------------------------------------------------------------------------------------------------


OPENING: Final = """What a task can be, and what can happen to it. This page, its picture and the exhaustive tests of
the task machine come from one table, `mainspring.core.machine.TRANSITIONS`. An event that the table does not allow in
a state is never applied: it raises `CorruptHistory`."""


def page() -> str:
    """Write the reference page of states, events, commands and transitions."""
    unrecorded = _names(sorted(event.__name__ for event in UNRECORDED))
    parts = [
        "<!-- Written by docs/generate.py from mainspring.core; do not edit by hand. -->",
        "# States and transitions",
        OPENING,
        "![The states of a task and the events that lead from one to another](../_static/task-machine.svg)",
        "*Due* is not a state: a pending task is due once its `due` instant has come. Dashed arrows are requeues.",
        "## States",
        _table(("state", "stored as", "API status", "ended", "meaning"), _state_rows()),
        *(text for state in STATES for text in _state_section(state)),
        "## Events",
        f"What has happened; each is one record of the task's history, but {unrecorded}: it changes the state only.",
        _table(("event", "meaning", "fields"), _value_rows(EVENTS)),
        "## Commands",
        "What somebody wants. `decide` answers with events, or refuses with `IllegalTransition` or `StaleRun`.",
        _table(("command", "meaning", "fields"), _value_rows(COMMANDS)),
        "## Transitions",
        _table(("in this state", "this event", "leads to"), _transition_rows()),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _prose(value: type) -> str:
    """Give a docstring as one Markdown paragraph."""
    text = " ".join((inspect.getdoc(value) or "").split())
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _fields(value: type) -> str:
    return _names([field.name for field in attrs.fields(value)])


def _state_rows() -> Iterator[tuple[str, ...]]:
    for state in STATES:
        ended = "yes" if state in TERMINAL else "no"
        yield (f"`{state.__name__}`", f"`{state.status}`", f"`{API_STATUS[state.status]}`", ended, _prose(state))


def _state_section(state: type[State]) -> Iterator[str]:
    edges = [(a, b, f"`{e.__name__}`") for a, row in TRANSITIONS.items() for e, b in row.items()]
    into = _grouped("from", [(event, a) for a, b, event in edges if b is state and a is not state])
    out = _grouped("to", [(event, b) for a, b, event in edges if a is state and b is not state])
    within = [event for a, b, event in edges if a is b is state]
    yield f"### {state.__name__}"
    yield _prose(state)
    rows = [("Holds", _fields(state)), ("In", ", ".join(into)), ("Stays", ", ".join(within)), ("Out", ", ".join(out))]
    if state is Pending:
        rows[1] = ("In", f"created; {rows[1][1]}")
    yield "\n".join(f"- {head}: {text}" for head, text in rows if text)


def _grouped(word: str, edges: list[tuple[str, type[State]]]) -> list[str]:
    """Name each event once, with all the states that it leads from (or to)."""
    states: dict[str, list[str]] = {}
    for event, state in edges:
        states.setdefault(event, []).append(state.__name__)
    return [f"{event} ({word} {_names(names)})" for event, names in states.items()]


def _value_rows(values: tuple[type, ...]) -> Iterator[tuple[str, ...]]:
    for value in values:
        yield (f"`{value.__name__}`", _prose(value), _fields(value))


def _transition_rows() -> Iterator[tuple[str, ...]]:
    for source, edges in TRANSITIONS.items():
        for event, target in edges.items():
            yield (f"`{source.__name__}`", f"`{event.__name__}`", f"`{target.__name__}`")


# --- lines of other files ------------------------------------------------------------------------------------------


def statuses(event: type[Event] | None = None) -> tuple[str, ...]:
    """Name the statuses in which ``event`` may happen (None: all), as stored, in the table's order."""
    return tuple(state.status for state, edges in TRANSITIONS.items() if event is None or event in edges)


def _listed(names: tuple[str, ...], quote: str = "'") -> str:
    return ", ".join(f"{quote}{name}{quote}" for name in dict.fromkeys(names))


def lines() -> dict[Path, list[tuple[str, tuple[str, ...], str]]]:
    """Say of each file which lines follow from the table: how each begins, what it names, how it ends.

    What is waiting can be started, what is held can be held on to, what has ended can be requeued.
    """
    waiting, held, ended = statuses(RunStarted), statuses(LeaseExtended), statuses(TaskRequeued)
    shown = _listed(tuple(API_STATUS[name] for name in statuses()), '"')
    due, lease = "    CHECK ((due IS NOT NULL) = (status ", "    CHECK ((lease_until IS NOT NULL) = (status "
    return {
        ADAPTERS / "storages" / "sqlite" / "schema" / "0001.sql": [
            ("        CHECK (status IN (", (_listed(statuses()),), ")),"),
            (due, (f"= {_listed(waiting)}",), " AND quarantined IS NULL)),"),
            (lease, (f"IN ({_listed(held)})",), " AND quarantined IS NULL)),"),
            ("    CHECK ((ended_at IS NOT NULL) = (status ", (f"IN ({_listed(ended)})",), "))"),
        ],
        ADAPTERS / "storages" / "postgres" / "schema" / "0001.sql": [
            ("    status text NOT NULL CHECK (status IN (", (_listed(waiting + held), _listed(ended)), ")),"),
            (due, (f"= {_listed(waiting)}",), " AND NOT quarantined)),"),
            (lease, (f"<> {_listed(waiting)}",), " AND NOT quarantined))"),
        ],
        ADAPTERS / "api" / "models.py": [("Status: TypeAlias = Literal[", (shown,), "]")],
        CLI / "commands" / "task.py": [("STATUSES: Final = (", (_listed(statuses(), '"'),), ")")],
    }


def relined(path: Path) -> str:
    """Give the text of a file with its lines as they should be."""
    text = path.read_text(encoding="utf-8")
    for start, names, end in lines()[path]:
        parts = re.split(rf"(?m)^{re.escape(start)}.*{re.escape(end)}$", text)
        if len(parts) != len(names) + 1:
            raise SystemExit(f"docs/generate.py: {path.name} has {len(parts) - 1} lines {start!r}, not {len(names)}")
        made = [f"{start}{named}{end}" for named in names]
        text = "".join(piece for pair in zip(parts, [*made, ""], strict=True) for piece in pair)
    return text


def files() -> dict[Path, str]:
    """Give every generated file with the text that it should have."""
    return {
        HERE / "reference" / "states.md": page(),
        HERE / "reference" / "api.md": api_page(),
        HERE / "_static" / "task-machine.svg": picture(),
        **{path: relined(path) for path in lines()},
    }


def api_page() -> str:
    """Give the reference of the HTTP API, from its OpenAPI document."""
    from mainspring.adapters.api import openapi_document
    from mainspring.adapters.api.reference import reference_page

    return API_HEAD + reference_page(openapi_document())


API_HEAD = """# The HTTP API

`mainspring serve` answers at `/v2`: Mergent's API, and more. This page is made from the OpenAPI 3.1 document that the
server gives at `/openapi.json`; it shows the same at `/docs`.

* **Keys**: `Authorization: Bearer KEY`, or HTTP Basic with the key as the user and an empty password. A key belongs
  to a project, and nothing of another project is there for it: an id of somebody else's is answered as one that
  does not exist. Scopes: `read`, `write` (includes it), `admin` (includes both).
* **Bodies** are JSON, at most 1 MiB (16 MiB for `batch-create`), nested at most 64 deep, without duplicate names,
  NaN, NUL and lone surrogates. `POST /v2/tasks` and `POST /v2/schedules` also take a form:
  `request[url]=…&delay=5s`. Unknown fields and unknown parameters of a query string are refused.
* **A `request.body`** that is no text (an object, say) is kept, and delivered, as its JSON text.
* **Secrets**: the values of headers whose name tells that they hold one (`Authorization`, `Cookie`, `X-Api-Key` …)
  are read back as `[redacted]`.
* **Pages**: newest first, 100 unless `limit` says otherwise; `X-Cursor-After` names the next page, `?after=…` asks
  for it.
* **Errors** are JSON with a `message`, and with `errors` that each name a `param` and a `hint`: 400 (no JSON), 401
  (no key), 403 (its scope), 404, 405, 409 (conflict), 413 (too large), 415 (neither JSON nor a form), 422 (a
  value), 429 (too many requests), 503 (the storage is away). Input never makes a 5xx.
* **Limits**: 100 requests a second and key unless the server is told otherwise; every answer has
  `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (seconds since 1970).
* **Repeating a creation is safe**: with an `Idempotency-Key`, for 24 hours, exactly. Without one, a task with a
  `name` that is created again by the same request within ten seconds, and has not ended, is answered as the first
  time; and a request whose sender had gone before the answer was sent is remembered for ten seconds. Otherwise two
  equal requests make two tasks: they may well be meant. `/run` is safe to repeat within ten seconds.
* **`batch-create`** is not atomic: those that were created are answered with 201, the newest first. Those that were
  refused are named in the header `Mainspring-Refused`: JSON, `{"count": N, "tasks": [{"index": I, "message": …},
  …]}`, with as many of them as 4 KiB hold. If none was created, the answer is 422 with all reasons.

"""


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
