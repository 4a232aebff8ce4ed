"""The options that say what to call and how, the same for tasks and schedules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

import click

from mainspring.core.errors import InvalidInput

if TYPE_CHECKING:
    from mainspring.app import Mainspring
    from mainspring.core.task import Call

F = TypeVar("F", bound=Callable[..., Any])


class CallParts(TypedDict):
    """What says what to call."""

    url: str | None
    body: str | None
    header: tuple[str, ...]
    call: str | None
    args: str | None


class CallOptions(CallParts):
    """What ``call_options`` hands to a command."""

    import_: str | None
    queue: str
    priority: int
    retry: str | None
    timeout: str | None


import_option: Final = click.option(
    "--import",
    "import_",
    metavar="MODULE[:APP]",
    envvar="MAINSPRING_IMPORT",
    show_envvar=True,
    help="The module that registers the functions; its Mainspring is used.",
)

call_parts: Final = (
    click.argument("url", required=False),
    click.option("--body", metavar="TEXT|@FILE|-", help="What to send: a text, a file, or standard input (-)."),
    click.option("-H", "--header", metavar="'K: V'", multiple=True, help="A header to send; may be repeated."),
    click.option("--call", metavar="NAME", help="Call a registered function instead of a URL; needs --import."),
    click.option("--args", metavar="JSON", help="The function's keyword arguments, as a JSON object."),
    import_option,
)

_OPTIONS: Final = (
    *call_parts,
    click.option("--queue", default="default", show_default=True, help="The queue that it waits in."),
    click.option("--priority", type=int, default=0, show_default=True, help="Higher runs first within a queue."),
    click.option("--retry", metavar="POLICY", help="The retry policy, e.g. mergent, never or 'fixed(5s, attempts=3)'."),
    click.option("--timeout", metavar="DURATION", help="How long a run may take, e.g. 30s.  [default: 15m]"),
)


def call_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def call_from(options: CallParts, app: Mainspring | None) -> Call:
    """Make the call that the options describe; a function's is checked against those that ``app`` registers."""
    from mainspring.core.task import FunctionCall, HttpCall

    if (options["url"] is None) == (options["call"] is None):
        what = "nothing to call was given" if options["url"] is None else "a URL and --call were given"
        raise InvalidInput("url", what, "give either a URL or --call NAME")
    if options["url"] is not None:
        if options["args"] is not None:
            raise InvalidInput("args", "a URL takes none", "send them with --body, or use --call NAME")
        headers = tuple(_header(text) for text in options["header"])
        return HttpCall(url=options["url"], headers=headers, body=_body(options["body"]))
    assert options["call"] is not None  # noqa: S101  one of the two was given
    for name in ("body", "header"):
        if options[name]:
            raise InvalidInput(name, "a function takes none", "use --args")
    call = FunctionCall(function=options["call"], arguments=options["args"] or "{}")
    if app is None:
        what = f"{call.function!r} cannot be checked without the module that registers it"
        raise InvalidInput("import", what, "add --import MODULE")
    app.functions.check(call)
    return call


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("header", f"{text[:80]!r} has no colon", "write it as 'Name: value'")
    return name.strip(), value.strip()


def _body(text: str | None) -> str | None:
    if text is None or not (text == "-" or text.startswith("@")):
        return text
    source = "standard input" if text == "-" else text[1:]
    try:
        content = _read(text)
        return content.decode()
    except OSError as error:
        raise InvalidInput("body", f"{source} cannot be read ({error.strerror})", "name a readable file") from None
    except UnicodeDecodeError as error:
        what = f"{source} is not UTF-8 (at byte {error.start})"
        raise InvalidInput("body", what, "send text, e.g. as base64") from None


def _read(source: str) -> bytes:
    """Read one byte more than is allowed at most, so that the core can refuse it."""
    from mainspring.core.task import MAX_BODY_BYTES

    if source == "-":
        content = sys.stdin.buffer.read(MAX_BODY_BYTES + 1)
    else:
        with Path(source[1:]).open("rb") as file:
            content = file.read(MAX_BODY_BYTES + 1)
    if len(content) > MAX_BODY_BYTES:
        what = f"{'standard input' if source == '-' else source[1:]} holds more than 1 MiB"
        raise InvalidInput("body", what, f"send at most {MAX_BODY_BYTES} bytes")
    return content
