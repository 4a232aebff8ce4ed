"""A task and its call: every limit, what is just within it and what is just outside."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.retry import MERGENT, Never
from mainspring.core.states import Pending
from mainspring.core.task import (
    FORBIDDEN_HEADERS,
    MAX_BODY_BYTES,
    MAX_TIMEOUT,
    Direct,
    Fired,
    FollowUp,
    FunctionCall,
    HttpCall,
    RunByHand,
    Task,
    check_name,
    new_task,
    schedule_of,
)
from support.builders import HOUR, HTTP, NOW, SCHEDULE_ID, TASK_ID, at, make_task

URL = "https://example.com/hook"
URL_CURE = "use http:// or https:// with a host, e.g. https://example.com/hook"


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "Z", "0", "_", "-", "send_welcome-7", "x" * 500])
def test_a_name_is_letters_digits_underscore_and_hyphen(name: str) -> None:
    """Mergent's alphabet and length, so that its users' names are valid here."""
    assert check_name("name", name) == name
    assert make_task(name=name, queue=name, project=name).name == name


@pytest.mark.parametrize("name", ["", " ", "a b", "a.b", "a/b", "é", "а", "a\n", "\x00", "a\ud800", "%61"])
def test_other_characters_are_refused(name: str) -> None:
    """No look-alikes, no control characters, not even a newline at the end."""
    with pytest.raises(InvalidInput) as refused:
        check_name("queue", name)
    assert str(refused.value) == f"queue: {name!r} contains invalid characters; use only A-Z a-z 0-9 _ -"


def test_a_name_has_at_most_500_characters() -> None:
    """The message counts them and does not repeat them."""
    with pytest.raises(InvalidInput) as refused:
        check_name("name", "x" * 501)
    assert str(refused.value) == "name: a name of 501 characters; use at most 500"


@pytest.mark.parametrize("field", ["name", "queue", "project"])
def test_each_name_of_a_task_is_checked(field: str) -> None:
    """A bad name is refused by its own field."""
    with pytest.raises(InvalidInput) as refused:
        make_task(**{field: "no spaces"})
    assert refused.value.field == field


# --- URLs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "https://example.com",
        "HTTPS://EXAMPLE.COM/",
        "https://example.com:1/x",
        "https://example.com:65535",
        "https://example.com:080/x",
        "http://localhost:3000/api/jobs?x=1&y=%20#part",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "http://[::ffff:10.0.0.1]",
        "https://my_host.internal/",
        "https://xn--mnchen-3ya.example/",
        "https://example.com?x=1",
        "https://example.com#x",
        "https://example.com/a@b",
        "https://example.com/münchen/東京",
        "https://example.com/" + "x" * 2028,
    ],
)
def test_urls_that_are_accepted(url: str) -> None:
    """http and https with a host; a path may hold any printable text, a query may hold an @."""
    assert HttpCall(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/hook",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "httpſ://example.com/",
        "http:/example.com",
        "http://",
        "http:///hook",
        "http://?x",
        "http://#x",
        "http://:80/",
        "http://example.com:/",
        "http://example.com:0/",
        "http://example.com:00/",
        "http://example.com:65536/",
        "http://example.com:123456/",
        "http://example.com:8o/",
        "http://exa mple.com/",
        "http://example.com\\evil.com/",
        "http://exämple.com/",
        "http://[::1/",
        "http://[gg::1]/",
        "http://::1/",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/a b",
        "http://example.com/\n",
        "http://example.com/\r\nHost: evil",
        "http://example.com/\t",
        "http://example.com/\x00",
        "http://example.com/\x1b[31m",
        "http://example.com/\x1f",
        "http://example.com/\x7f",
        "http://example.com/\x85",
        "http://example.com/\xa0",
        "http://example.com/\u2028",
        "http://example.com/\u2029",
        "http://example.com/\ud800",
        "http://example.com\n/",
        "http://\x00/",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    """Other schemes, no host, a port out of range, blanks and control characters: each before it is stored."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=url)
    assert str(refused.value) == f"url: {url!r} is not a valid URL; {URL_CURE}"


@given(st.integers(0, 99_999))
def test_a_port_is_1_to_65535(port: int) -> None:
    """Every port that can be connected to, and no other."""
    try:
        HttpCall(url=f"http://example.com:{port}/")
        accepted = True
    except InvalidInput:
        accepted = False
    assert accepted == (1 <= port <= 65_535)


@pytest.mark.parametrize("url", ["http://user@example.com/", "http://user:secret@example.com/", "http://a@b@c/"])
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    """They would stand in logs and pages; the message does not show them either."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=url)
    assert str(refused.value) == "url: it holds a user name or password; send credentials in a header instead"


def test_a_url_has_at_most_2048_characters() -> None:
    """One more is refused, and not repeated in the message."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url="https://example.com/" + "x" * 2029)
    assert str(refused.value) == "url: a URL of 2049 characters; use at most 2048"


# --- headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Type", "application/json"),
        ("X-Empty", ""),
        ("x", "tab\there"),
        ("x", " ~"),
        ("x", "\x80\xff"),
        ("!#$%&'*+.^_`|~9aZ-", "v"),
        ("X-Mergent-Anything", "v"),
    ],
)
def test_headers_that_are_accepted(header: tuple[str, str]) -> None:
    """RFC 9110 §5.6.2 and §5.5: a token, and one line of visible characters, blanks, tabs and obs-text."""
    assert HttpCall(url=URL, headers=(header,)).headers == (header,)


def test_a_header_may_be_repeated() -> None:
    """Some headers are lists; their order is kept."""
    headers = (("Accept", "a"), ("Accept", "b"))
    assert HttpCall(url=URL, headers=headers).headers == headers


@pytest.mark.parametrize("name", ["", " ", "a b", "a:", "a\n", "a\r\nb", "é", "(x)", "a\x00", "a\t", "a@b", "a[]"])
def test_a_header_name_is_a_token(name: str) -> None:
    """RFC 9110 §5.6.2: no blanks, no separators, nothing that could end a line."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, headers=((name, "v"),))
    assert str(refused.value) == f"headers: {name!r} is no header name; use letters, digits and -"


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r\nX-Injected: 1", "a\r", "\n", "\x00", "\x1f", "\x7f", "\x0b", "€", "\u2028", "\ud800"]
)
def test_no_header_can_be_injected(value: str) -> None:
    """RFC 9110 §5.5: a value holds no CR, LF, NUL or other control, and nothing beyond one byte."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, headers=(("Good", "v"), ("X-Bad", value)))
    assert str(refused.value) == "headers: the value of X-Bad holds a control character; use one line of text"


@given(st.text(max_size=20))
def test_an_accepted_value_is_one_line_of_one_byte_characters(value: str) -> None:
    """Whatever is accepted can be sent as it is."""
    try:
        HttpCall(url=URL, headers=(("X", value),))
    except InvalidInput:
        return
    assert len(value.encode("latin-1")) == len(value)
    assert not set(value) & set("\r\n\x00")


CONNECTION_HEADERS = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
]


@pytest.mark.parametrize("name", CONNECTION_HEADERS)
def test_headers_of_the_connection_are_refused(name: str) -> None:
    """RFC 9110 §7.6.1: they could smuggle a second request or another host, in whatever case they are written."""
    for spelling in (name, name.upper(), name.title()):
        with pytest.raises(InvalidInput) as refused:
            HttpCall(url=URL, headers=((spelling, "v"),))
        assert str(refused.value) == (
            f"headers: {spelling} belongs to the connection; leave it out: mainspring sets it"
        )


def test_the_list_of_connection_headers_is_whole() -> None:
    """A header added to the list is added to its test."""
    assert set(CONNECTION_HEADERS) == FORBIDDEN_HEADERS


def test_at_most_a_hundred_headers() -> None:
    """A bound on everything."""
    HttpCall(url=URL, headers=(("x", "y"),) * 100)
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, headers=(("x", "y"),) * 101)
    assert str(refused.value) == "headers: 101 headers; use at most 100"


def test_at_most_16_kib_of_headers() -> None:
    """Names and values together."""
    HttpCall(url=URL, headers=(("name", "x" * 8_188), ("name", "x" * 8_188)))
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, headers=(("name", "x" * 8_188), ("name", "x" * 8_189)))
    assert str(refused.value) == "headers: 16385 bytes of headers; use at most 16384"


# --- bodies and functions ------------------------------------------------------------------------------------------


def test_a_body_is_text_or_nothing() -> None:
    """None sends no body, an empty one an empty one; both are kept apart."""
    assert HttpCall(url=URL).body is None
    assert HttpCall(url=URL, body="").body == ""


@pytest.mark.parametrize("letter", ["x", "é", "東", "😀"])
def test_a_body_has_at_most_a_mebibyte_of_utf_8(letter: str) -> None:
    """Bytes are counted, not characters."""
    size = len(letter.encode())
    fits = letter * (MAX_BODY_BYTES // size)
    fits += "x" * (MAX_BODY_BYTES - len(fits.encode()))
    assert MAX_BODY_BYTES == 1024 * 1024
    HttpCall(url=URL, body=fits)
    FunctionCall(function="f", arguments=fits)
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, body=fits + "x")
    assert str(refused.value) == "body: 1048577 bytes; use at most 1048576 bytes (1 MiB)"
    with pytest.raises(InvalidInput) as refused:
        FunctionCall(function="f", arguments=fits + "x")
    assert str(refused.value) == "arguments: 1048577 bytes; use at most 1048576 bytes (1 MiB)"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_text_that_utf_8_cannot_carry_is_refused(text: str) -> None:
    """A lone surrogate would fail in the storage or at the receiver: it is refused at once."""
    with pytest.raises(InvalidInput) as refused:
        HttpCall(url=URL, body=text)
    assert str(refused.value) == "body: it holds a lone surrogate; use text that UTF-8 can carry"
    with pytest.raises(InvalidInput) as refused:
        FunctionCall(function="f", arguments=text)
    assert refused.value.field == "arguments"


@pytest.mark.parametrize("name", ["f", "_", "send_welcome", "shop.mail:send-welcome.v2", "x" * 500])
def test_function_names_that_are_accepted(name: str) -> None:
    """A dotted or colon-separated name, as modules are written."""
    assert FunctionCall(function=name) == FunctionCall(function=name, arguments="{}")


@pytest.mark.parametrize("name", ["", "7f", ".f", "-f", "a b", "a/b", "é", "f\n", "f()", "x" * 501])
def test_function_names_that_are_refused(name: str) -> None:
    """Nothing that could be a path or an expression; a long one is shown in part."""
    with pytest.raises(InvalidInput) as refused:
        FunctionCall(function=name)
    assert str(refused.value) == (f"function: {name[:80]!r} is no function name; use the name it was registered with")


# --- the task ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [timedelta(milliseconds=1), MAX_TIMEOUT])
def test_a_timeout_is_a_millisecond_to_a_day(timeout: timedelta) -> None:
    """Both ends are included."""
    assert make_task(timeout=timeout).timeout == timeout


@pytest.mark.parametrize(
    ("timeout", "text"), [(timedelta(microseconds=999), "999us"), (timedelta(days=1, microseconds=1), "1d1us")]
)
def test_other_timeouts_are_refused(timeout: timedelta, text: str) -> None:
    """A run without an end, or one that could never do anything, is a slip."""
    with pytest.raises(InvalidInput) as refused:
        make_task(timeout=timeout)
    assert str(refused.value) == f"timeout: {text} is out of range; use 1ms to 24h"


def test_a_priority_is_a_small_number() -> None:
    """Two bytes, so that every storage can sort by it."""
    for priority in (-32_768, 0, 32_767):
        assert make_task(priority=priority).priority == priority
    for priority in (-32_769, 32_768):
        with pytest.raises(InvalidInput) as refused:
            make_task(priority=priority)
        assert str(refused.value) == (f"priority: {priority} is out of range; use -32768 to 32767; higher runs first")


def test_the_defaults_of_a_task() -> None:
    """Mergent's ladder and 15 minutes, the default queue and project, created by a client."""
    task = make_task(timeout=timedelta(minutes=15))
    assert (task.retry, task.queue, task.project, task.priority) == (MERGENT, "default", "default", 0)
    assert (task.version, task.name, task.start_by, task.forwarded_at) == (1, None, None, None)
    assert task.origin == Direct()


def test_a_task_is_spoken_of_by_its_id() -> None:
    """Messages name the task so that it can be looked up."""
    assert str(make_task()) == f"task {TASK_ID}"


def test_a_task_knows_the_schedule_that_made_it() -> None:
    """By its rule or by hand; a client's task has none."""
    assert schedule_of(make_task()) is None
    assert schedule_of(make_task(origin=Fired(schedule_id=SCHEDULE_ID, occurrence=NOW))) == SCHEDULE_ID
    assert schedule_of(make_task(origin=RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW))) == SCHEDULE_ID


@pytest.mark.parametrize("key", ["a", "tenant 7", "münchen", "x" * 255])
def test_a_limit_key_is_printable_text(key: str) -> None:
    """A tenant or a host, in any script, up to 255 characters; or none."""
    assert make_task(key=key).key == key
    assert make_task(key=None).key is None


@pytest.mark.parametrize("key", ["", "a\n", "\x00", "\u2028", "\ud800", "x" * 256])
def test_other_limit_keys_are_refused(key: str) -> None:
    """Nothing that a log or a page could not show; a long one is shown in part."""
    with pytest.raises(InvalidInput) as refused:
        make_task(key=key)
    assert str(refused.value) == f"key: {key[:40]!r} is no key; use 1 to 255 printable characters"


# --- a new task ----------------------------------------------------------------------------------------------------

BERLIN = timezone(timedelta(hours=1))


def new(**fields: Any) -> Task:
    """A new task at ``NOW``."""
    values: dict[str, Any] = {"task_id": TASK_ID, "call": HTTP, "at": NOW}
    return new_task(**(values | fields))


def test_a_new_task_is_due_at_once() -> None:
    """Pending, due and meant for the instant of its creation; the rest by default."""
    assert new() == Task(id=TASK_ID, call=HTTP, state=Pending(due=NOW), created_at=NOW, scheduled_for=NOW)


def test_a_new_task_takes_its_options() -> None:
    """Each option ends in its field."""
    options: dict[str, Any] = {
        "project": "shop",
        "queue": "mail",
        "name": "welcome",
        "priority": 7,
        "retry": Never(),
        "timeout": HOUR,
        "start_by": NOW + HOUR,
        "key": "tenant-7",
    }
    task = new(**options)
    assert {name: getattr(task, name) for name in options} == options


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"delay": timedelta(minutes=5)}, 300),
        ({"scheduled_for": at(60)}, 60),
        ({"scheduled_for": at(60).astimezone(BERLIN)}, 60),
        ({"scheduled_for": at(60), "delay": timedelta(minutes=5)}, 360),
        ({"scheduled_for": at(-60)}, -60),
    ],
)
def test_a_new_task_is_due_when_it_is_scheduled_and_delayed(fields: dict[str, Any], seconds: int) -> None:
    """``delay`` is added to ``scheduled_for``, or to now; an instant in the past is due at once."""
    task = new(**fields)
    assert task.state == Pending(due=at(seconds))
    assert (task.scheduled_for, task.created_at) == (at(seconds), NOW)
    assert task.scheduled_for.tzinfo is UTC


def test_a_negative_delay_is_refused() -> None:
    """A task is not due before it is scheduled; no delay at all is one."""
    assert new(delay=timedelta(0)).scheduled_for == NOW
    with pytest.raises(InvalidInput) as refused:
        new(delay=timedelta(microseconds=-1))
    assert str(refused.value) == "delay: -1us is negative; use 0s or more"


def test_a_delay_beyond_the_calendar_is_refused() -> None:
    """The year 9999 is the end; it is said, not raised as an overflow."""
    with pytest.raises(InvalidInput) as refused:
        new(delay=timedelta(days=3_000_000))
    assert str(refused.value) == "delay: the task would be due after the year 9999; use a shorter delay"


def test_start_by_is_not_before_due() -> None:
    """A task that could only expire is a slip; at its very instant it may start. It is kept in UTC."""
    task = new(delay=HOUR, start_by=(NOW + HOUR).astimezone(BERLIN))
    assert task.start_by == NOW + HOUR
    assert task.start_by.tzinfo is UTC
    with pytest.raises(InvalidInput) as refused:
        new(delay=HOUR, start_by=NOW + HOUR - timedelta(microseconds=1))
    assert str(refused.value) == "start_by: it lies before the task is due; use a later instant"


@pytest.mark.parametrize("field", ["scheduled_for", "start_by"])
def test_local_times_are_refused(field: str) -> None:
    """An instant without an offset is refused by its field."""
    with pytest.raises(InvalidInput, match="has no offset") as refused:
        new(**{field: NOW.replace(tzinfo=None)})
    assert refused.value.field == field


def test_a_follow_up_is_a_task_to_be() -> None:
    """Its limits are those of a task; it starts at once unless it is delayed, up to a year."""
    follow_up = FollowUp(call=HTTP)
    assert (follow_up.queue, follow_up.delay, follow_up.retry) == ("default", timedelta(0), MERGENT)
    assert follow_up.timeout == timedelta(minutes=15)
    assert FollowUp(call=HTTP, delay=timedelta(days=365)).delay == timedelta(days=365)
    assert new(on_success=follow_up).on_success == new(on_failure=follow_up).on_failure == follow_up
    assert new(on_success=follow_up).on_failure is new(on_failure=follow_up).on_success is None


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("queue", "a b", "'a b' contains invalid characters; use only A-Z a-z 0-9 _ -"),
        ("timeout", timedelta(0), "0s is out of range; use 1ms to 24h"),
        ("delay", timedelta(microseconds=-1), "-1us is out of range; use 0s to 365d"),
        ("delay", timedelta(days=365, microseconds=1), "365d1us is out of range; use 0s to 365d"),
    ],
)
def test_a_follow_up_is_checked_when_it_is_asked_for(field: str, value: object, text: str) -> None:
    """Not when the task before it ends: then nobody is there to hear of it."""
    with pytest.raises(InvalidInput) as refused:
        FollowUp(call=HTTP, **{field: value})
    assert str(refused.value) == f"{field}: {text}"
