"""A task and the call that it makes: values with their limits.

Limits (Mergent's where it had one): body 1 MiB, URL 2,048 characters, 100 headers of 16 KiB together,
arguments 1 MiB of JSON, name 500 characters, timeout 1 ms to 24 h.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import MemberDescriptorType
from typing import Final, TypeAlias, cast

from attrs import Attribute, field, fields, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.instants import format_duration, require_utc
from mainspring.core.retry import MAX_DELAY, MERGENT, RetryPolicy
from mainspring.core.states import Pending, State

MAX_BODY_BYTES: Final = 1_048_576
MAX_URL: Final = 2_048
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 16_384
MAX_NAME: Final = 500
MAX_KEY: Final = 255
MIN_TIMEOUT: Final = timedelta(milliseconds=1)
MAX_TIMEOUT: Final = timedelta(hours=24)
DEFAULT_TIMEOUT: Final = timedelta(minutes=15)
DEFAULT_QUEUE: Final = "default"
DEFAULT_PROJECT: Final = "default"

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CALLABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*", re.ASCII)
_IN_URL: Final = r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]"  # no control, space, line end or lone surrogate
_URL: Final = re.compile(rf"https?://(?P<authority>[^/?#]+)(?:[/?#]{_IN_URL}*)?", re.ASCII | re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5: no CR, LF, NUL or other controls
FORBIDDEN_HEADERS: Final = frozenset(
    {
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that belong to the connection, not to the caller (RFC 9110 §7.6.1)."""
SECRET_HEADERS: Final = ("auth", "cookie", "token", "secret", "key", "password", "credential", "signature", "session")
"""What the name of a header with a secret in it has in it: its value is never shown again."""


def is_secret_header(name: str) -> bool:
    """Tell whether the value of the header ``name`` is a secret, as its name tells."""
    lowered = name.lower()
    return any(part in lowered for part in SECRET_HEADERS)


def check_name(field_name: str, value: str) -> str:
    """Return ``value`` if it is 1 to 500 of ``A-Z a-z 0-9 _ -``, else raise ``InvalidInput``."""
    if len(value) > MAX_NAME:
        raise InvalidInput(field_name, f"a name of {len(value)} characters", f"use at most {MAX_NAME}")
    if not _NAME.fullmatch(value):
        raise InvalidInput(field_name, f"{value!r} contains invalid characters", "use only A-Z a-z 0-9 _ -")
    return value


def validate_name(instance: object, attribute: Attribute[str], value: str) -> None:
    """Validate an attribute that holds a name (attrs calls this)."""
    check_name(attribute.name, value)


def validate_optional_name(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    """Validate an attribute that holds a name or None (attrs calls this)."""
    if value is not None:
        check_name(attribute.name, value)


def _check_url(instance: object, attribute: Attribute[str], value: str) -> None:
    cure = "use http:// or https:// with a host, e.g. https://example.com/hook"
    if len(value) > MAX_URL:
        raise InvalidInput("url", f"a URL of {len(value)} characters", f"use at most {MAX_URL}")
    found = _URL.fullmatch(value)
    if found is None:
        raise InvalidInput("url", f"{value!r} is not a valid URL", cure)
    if "@" in found["authority"]:
        raise InvalidInput("url", "it holds a user name or password", "send credentials in a header instead")
    authority = _AUTHORITY.fullmatch(found["authority"])
    if authority is None or not 1 <= int(authority["port"] or 80) <= 65_535:
        raise InvalidInput("url", f"{value!r} is not a valid URL", cure)


def _check_headers(
    instance: object, attribute: Attribute[tuple[tuple[str, str], ...]], value: tuple[tuple[str, str], ...]
) -> None:
    if len(value) > MAX_HEADERS:
        raise InvalidInput("headers", f"{len(value)} headers", f"use at most {MAX_HEADERS}")
    for name, text in value:
        if not _TOKEN.fullmatch(name):
            raise InvalidInput("headers", f"{name!r} is no header name", "use letters, digits and -")
        if name.lower() in FORBIDDEN_HEADERS:
            raise InvalidInput("headers", f"{name} belongs to the connection", "leave it out: mainspring sets it")
        if not _VALUE.fullmatch(text):
            raise InvalidInput("headers", f"the value of {name} holds a control character", "use one line of text")
    size = sum(len(name) + len(text) for name, text in value)
    if size > MAX_HEADER_BYTES:
        raise InvalidInput("headers", f"{size} bytes of headers", f"use at most {MAX_HEADER_BYTES}")


def _check_text(field_name: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(field_name, "it holds a lone surrogate", "use text that UTF-8 can carry") from None
    if size > MAX_BODY_BYTES:
        raise InvalidInput(field_name, f"{size} bytes", f"use at most {MAX_BODY_BYTES} bytes (1 MiB)")


def _check_body(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    if value is not None:
        _check_text("body", value)


def _check_arguments(instance: object, attribute: Attribute[str], value: str) -> None:
    _check_text("arguments", value)


def _check_callable(instance: object, attribute: Attribute[str], value: str) -> None:
    if len(value) > MAX_NAME or not _CALLABLE.fullmatch(value):
        raise InvalidInput("function", f"{value[:80]!r} is no function name", "use the name it was registered with")


@frozen(kw_only=True)
class HttpCall:
    """A POST of ``body`` (UTF-8, byte for byte) to ``url`` with the caller's headers."""

    url: str = field(validator=_check_url)
    headers: tuple[tuple[str, str], ...] = field(default=(), validator=_check_headers)
    body: str | None = field(default=None, validator=_check_body)


@frozen(kw_only=True)
class FunctionCall:
    """A call of the function registered as ``function`` with keyword ``arguments`` (a JSON object as text)."""

    function: str = field(validator=_check_callable)
    arguments: str = field(default="{}", validator=_check_arguments)


Call: TypeAlias = HttpCall | FunctionCall


@frozen(kw_only=True)
class Direct:
    """The task was created by a client."""


@frozen(kw_only=True)
class Fired:
    """The task was created by a schedule for one occurrence of its rule."""

    schedule_id: ScheduleId
    occurrence: datetime


@frozen(kw_only=True)
class RunByHand:
    """The task was created by a schedule by hand: *run now*, or a backfill of ``occurrence``."""

    schedule_id: ScheduleId
    occurrence: datetime


@frozen(kw_only=True)
class Followed:
    """The task was created by the end of another one, which asked for it."""

    task_id: TaskId
    status: str


Origin: TypeAlias = Direct | Fired | RunByHand | Followed


def validate_key(instance: object, attribute: Attribute[str | None], value: str | None) -> None:
    """Validate an attribute that holds a limit key (attrs calls this)."""
    if value is not None and (not 1 <= len(value) <= MAX_KEY or not value.isprintable()):
        raise InvalidInput("key", f"{value[:40]!r} is no key", f"use 1 to {MAX_KEY} printable characters")


def _check_delay(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    if not timedelta(0) <= value <= MAX_DELAY:
        raise InvalidInput("delay", f"{format_duration(value)} is out of range", "use 0s to 365d")


def validate_timeout(instance: object, attribute: Attribute[timedelta], value: timedelta) -> None:
    """Validate an attribute that holds a time-out (attrs calls this)."""
    if not MIN_TIMEOUT <= value <= MAX_TIMEOUT:
        raise InvalidInput("timeout", f"{format_duration(value)} is out of range", "use 1ms to 24h")


def validate_priority(instance: object, attribute: Attribute[int], value: int) -> None:
    """Validate an attribute that holds a priority (attrs calls this)."""
    if not -32_768 <= value <= 32_767:
        raise InvalidInput("priority", f"{value} is out of range", "use -32768 to 32767; higher runs first")


@frozen(kw_only=True)
class FollowUp:
    """A task to be created in the same transaction as the end of another one."""

    call: Call
    queue: str = field(default=DEFAULT_QUEUE, validator=validate_name)
    delay: timedelta = field(default=timedelta(0), validator=_check_delay)
    retry: RetryPolicy = MERGENT
    timeout: timedelta = field(default=DEFAULT_TIMEOUT, validator=validate_timeout)


@frozen(kw_only=True)
class Task:
    """One unit of work.

    ``version`` counts the decisions written so far; the version that a worker holds is its fencing token.
    ``key`` is what the limits per key of its queue go by (a tenant, a host).
    ``scheduled_for`` is when it was first to run; ``start_by`` is the last instant at which it may start
    for the first time: a retry, or a run that follows a snooze or a crash, is not held to it.
    ``on_success`` and ``on_failure`` (failed for good, or expired) ask for a task to follow its end.
    ``forwarded_at`` is when it was last told to run now (so that repeating the request is safe).
    """

    id: TaskId
    call: Call
    state: State
    created_at: datetime
    scheduled_for: datetime
    version: int = 1
    project: str = field(default=DEFAULT_PROJECT, validator=validate_name)
    queue: str = field(default=DEFAULT_QUEUE, validator=validate_name)
    name: str | None = field(default=None, validator=validate_optional_name)
    priority: int = field(default=0, validator=validate_priority)
    key: str | None = field(default=None, validator=validate_key)
    retry: RetryPolicy = MERGENT
    timeout: timedelta = field(default=DEFAULT_TIMEOUT, validator=validate_timeout)
    start_by: datetime | None = None
    origin: Origin = Direct()
    on_success: FollowUp | None = None
    on_failure: FollowUp | None = None
    forwarded_at: datetime | None = None

    def __str__(self) -> str:
        return f"task {self.id}"


_KEPT: Final = tuple(
    (member.__get__, member.__set__)
    for member in (cast("MemberDescriptorType", getattr(Task, one.name)) for one in fields(Task))
    if member.__name__ not in ("state", "version")
)
_STATE: Final = cast("MemberDescriptorType", Task.state)
_VERSION: Final = cast("MemberDescriptorType", Task.version)


def in_state(task: Task, state: State, version: int) -> Task:
    """Give the task in another state and of another version.

    The other fields are copied, not validated again: they were when ``task`` was made, and this is what happens to each
    task at each start and end. (``attrs.evolve``, which does validate them, takes three times as long.)
    """
    copy = Task.__new__(Task)
    for read, write in _KEPT:
        write(copy, read(task))
    _STATE.__set__(copy, state)
    _VERSION.__set__(copy, version)
    return copy


def schedule_of(task: Task) -> ScheduleId | None:
    """Name the schedule that made the task, if one did."""
    return task.origin.schedule_id if isinstance(task.origin, Fired | RunByHand) else None


def last_start(task: Task) -> datetime | None:
    """The last instant at which a task may start: None if there is none, or if it has been started once already."""
    return None if task.state.tally.runs else task.start_by


def new_task(
    *,
    task_id: TaskId,
    call: Call,
    at: datetime,
    scheduled_for: datetime | None = None,
    delay: timedelta = timedelta(0),
    project: str = DEFAULT_PROJECT,
    queue: str = DEFAULT_QUEUE,
    name: str | None = None,
    priority: int = 0,
    retry: RetryPolicy = MERGENT,
    timeout: timedelta = DEFAULT_TIMEOUT,
    start_by: datetime | None = None,
    key: str | None = None,
    on_success: FollowUp | None = None,
    on_failure: FollowUp | None = None,
) -> Task:
    """Make a pending task at instant ``at``, due at ``scheduled_for`` (default: ``at``) plus ``delay``."""
    if delay < timedelta(0):
        raise InvalidInput("delay", f"{format_duration(delay)} is negative", "use 0s or more")
    start = at if scheduled_for is None else require_utc("scheduled_for", scheduled_for)
    try:
        due = start + delay
    except OverflowError:
        raise InvalidInput("delay", "the task would be due after the year 9999", "use a shorter delay") from None
    last = None if start_by is None else require_utc("start_by", start_by)
    if last is not None and last < due:
        raise InvalidInput("start_by", "it lies before the task is due", "use a later instant")
    return Task(
        id=task_id,
        call=call,
        state=Pending(due=due),
        created_at=at,
        scheduled_for=due,
        project=project,
        queue=queue,
        name=name,
        priority=priority,
        retry=retry,
        timeout=timeout,
        start_by=last,
        key=key,
        on_success=on_success,
        on_failure=on_failure,
    )
