"""Input that nobody should send: a clear 4xx in our form, never a 5xx, and the server goes on."""

from __future__ import annotations

import json
import random
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from adapters.api.serving import REQUEST, Api
from mainspring.adapters.api.table import OPERATIONS, PREFIX

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MIB = 1_048_576


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "the body is missing"),
        (b"{", "the body is not JSON: "),
        (b"{}{}", "the body is not JSON: Extra data"),
        (b'{"request": {"url": "https://example.com", "body": NaN}}', "NaN is no number"),
        (b'{"priority": Infinity}', "Infinity is no number"),
        (b'{"a": 1, "a": 2}', "the body names a twice"),
        (b'{"request": {"url": "a", "url": "b"}}', "the body names url twice"),
        (b'{"name": "\\u0000"}', "a NUL character"),
        (b'{"\\u0000": 1}', "a NUL character"),
        (b'{"name": "\\ud800"}', "half of a surrogate pair"),
        (b'{"request": {"url": "https://example.com", "body": {"a": ["\\uDFFF"]}}}', "half of a surrogate pair"),
        (b'"\xff"', "the body is not UTF-8: byte 1"),
        (b"[" * 65 + b"]" * 65, "nested more than 64 deep"),
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"priority": ' + b"9" * 5_000 + b"}", "a number is too long"),
    ],
)
def test_what_is_no_proper_json_is_refused(api: Api, raw: bytes, told: str) -> None:
    """400 says which rule was broken."""
    refused = api("POST", "/v2/tasks", raw=raw, headers=JSON)
    assert refused.status == 400
    assert told in refused.json["message"]


def test_what_looks_like_a_nul_or_a_surrogate_is_kept(api: Api) -> None:
    """A pair of surrogates is a character; an escaped backslash before u0000 is none of JSON's escapes."""
    raw = b'{"request": {"url": "https://example.com", "body": "\\ud83d\\ude00 \\\\u0000"}}'
    assert api("POST", "/v2/tasks", raw=raw, headers=JSON).json["request"]["body"] == "😀 \\u0000"


def test_brackets_in_texts_are_no_depth(api: Api) -> None:
    """And 64 levels are still read."""
    deep: object = "[" * 1_000
    for _ in range(61):
        deep = [deep]
    assert api("POST", "/v2/tasks", {"request": {**REQUEST, "body": deep}}).status == 201
    assert api("POST", "/v2/tasks", {"request": {**REQUEST, "body": [[deep]]}}).status == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        (None, None),
        ("x", None),
        ({}, "request"),
        ({"request": None}, "request"),
        ({"request": []}, "request"),
        ({"request": {"url": 7}}, "request.url"),
        ({"request": {"url": "ftp://example.com"}}, "request.url"),
        ({"request": {"url": "https://user:secret@example.com"}}, "request.url"),
        ({"request": {**REQUEST, "headers": {"a b": "c"}}}, "request.headers"),
        ({"request": {**REQUEST, "headers": {"A": "b\r\nC: d"}}}, "request.headers"),
        ({"request": {**REQUEST, "headers": {"Host": "other"}}}, "request.headers"),
        ({"request": {**REQUEST, "headers": {"A": 1}}}, "request.headers.A"),
        ({"request": {**REQUEST, "headers": ["A"]}}, "request.headers"),
        ({"request": REQUEST, "name": "x" * 501}, "name"),
        ({"request": REQUEST, "name": ""}, "name"),
        ({"request": REQUEST, "name": 7}, "name"),
        ({"request": REQUEST, "scheduled_for": "tomorrow"}, "scheduled_for"),
        ({"request": REQUEST, "scheduled_for": "2030-01-01T00:00:00"}, "scheduled_for"),
        ({"request": REQUEST, "scheduled_for": 1_900_000_000}, "scheduled_for"),
        ({"request": REQUEST, "delay": 5}, "delay"),
        ({"request": REQUEST, "delay": "-5s"}, "delay"),
        ({"request": REQUEST, "delay": "P1Y"}, "delay"),
        ({"request": REQUEST, "delay": "366d"}, "delay"),
        ({"request": REQUEST, "scheduled_for": "9999-12-31T23:59:59Z", "delay": "1d"}, "delay"),
        ({"request": REQUEST, "priority": 1e400}, None),
        ({"request": REQUEST, "priority": "1"}, "priority"),
        ({"request": REQUEST, "priority": True}, "priority"),
        ({"request": REQUEST, "priority": 32_768}, "priority"),
        ({"request": REQUEST, "priority": 1.5}, "priority"),
        ({"request": REQUEST, "retry": "sometimes"}, "retry"),
        ({"request": REQUEST, "timeout": "0s"}, "timeout"),
        ({"request": REQUEST, "start_by": "2020-01-01T00:00:00Z"}, "start_by"),
        ({"request": REQUEST, "on_success": {"request": {"url": "x"}}}, "on_success.request.url"),
        ({"request": REQUEST, "on_clash": "shrug"}, "on_clash"),
        ({"request": REQUEST, "project": "other"}, "project"),
    ],
)
def test_a_wrong_value_is_named(api: Api, body: object, param: str | None) -> None:
    """422 with the path of the field."""
    refused = api("POST", "/v2/tasks", body, raw=b"null" if body is None else None, headers=JSON)
    assert refused.status == (400 if "Infinity" in json.dumps(body) else 422)
    assert refused.json["message"]
    assert refused.json.get("param") == param


def test_a_number_that_is_whole_is_an_integer(api: Api) -> None:
    """JSON Schema's integers include 57.0."""
    assert api("POST", "/v2/tasks", {"request": REQUEST, "priority": 57.0}).json["priority"] == 57


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/xml", 415), ("application/json; charset=latin-1", 415),
     ("application/json; charset=UTF-8", 201), ("application/problem+json", 201), ("multipart/form-data", 415)],
)  # fmt: skip
def test_a_body_of_another_kind_is_refused(api: Api, kind: str, status: int) -> None:
    """415, unless it is JSON in UTF-8."""
    reply = api("POST", "/v2/tasks", {"request": REQUEST}, headers={"Content-Type": kind})
    assert reply.status == status
    assert reply.json


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"request[url]=https://example.com", 201),
        (b"request%5Burl%5D=https://example.com&priority=5&on_clash=keep", 201),
        (b"request[url]=https://example.com&priority=five", 422),
        (b"request[url]=a&request[url]=b", 400),
        (b"request=x&request[url]=https://example.com", 400),
        (b"request[url=https://example.com", 400),
        (b"request[][url]=https://example.com", 400),
        (b"a" + b"[a]" * 70 + b"=1", 400),
        (b"&".join(b"a%d=1" % n for n in range(1_001)), 400),
        (b"name=%ff", 400),
        (b"name=%00", 400),
        (b"", 422),
    ],
)
def test_forms_are_read_as_strictly(api: Api, raw: bytes, status: int) -> None:
    """Texts become numbers only where numbers are wanted."""
    assert api("POST", "/v2/tasks", raw=raw, headers=FORM).status == status


def test_a_form_is_taken_where_it_is_promised_only(api: Api) -> None:
    """Elsewhere 415."""
    task = api("POST", "/v2/tasks", {"request": REQUEST}).json["id"]
    assert api("PATCH", f"/v2/tasks/{task}", raw=b"queue=q", headers=FORM).status == 415


def spoken(api: Api, sent: bytes) -> bytes:
    """What comes back on a connection of its own, up to the end of the headers, or until it is hung up."""
    place = urlsplit(api.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as raw:
        raw.sendall(sent)
        answered = b""
        while b"\r\n\r\n" not in answered and (part := raw.recv(4096)):
            answered += part
        return answered


@pytest.mark.parametrize(
    "sent",
    [b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nA B: c\r\n\r\n",
     b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_refused_in_json(api: Api, sent: bytes) -> None:
    """Also TLS on a plain port, and what two servers would read as two different requests."""
    answered = spoken(api, sent)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"application/json" in answered


def test_headers_that_do_not_end_are_given_up(api: Api) -> None:
    """Nobody fills the server's memory with them."""
    with suppress(ConnectionError):  # it may hang up while we still send
        assert spoken(api, b"GET / HTTP/1.1\r\nA: " + b"x" * 5_000_000).startswith(b"HTTP/1.1 400 ")
    assert api("GET", "/healthz").status == 200


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    """Told by its length before it is read, or found while it is read; a body of the limit is read."""
    assert api("POST", "/v2/tasks", {"request": {**REQUEST, "body": "x" * (MIB - 200)}}).status == 201
    large = api("POST", "/v2/tasks", {"request": {**REQUEST, "body": "x" * MIB}})
    assert large.status == 413
    assert large.json["message"].startswith("the body is too large")
    head = (
        f"POST /v2/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    assert spoken(api, head.encode() + chunk * 20 + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert api("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "limit=x", "limit=1001", "limit=99999999999999999999", "name=%00", "name=%ff", "status=new",
              "created_before=now", "after=" + "x" * 501, "&".join(f"a{n}=1" for n in range(101))]
)  # fmt: skip
def test_a_wrong_query_string_is_refused(api: Api, query: str) -> None:
    """4xx in our form."""
    refused = api("GET", f"/v2/tasks?{query}")
    assert refused.status in (400, 422)
    assert refused.json["message"]


@pytest.mark.parametrize("path", ["", "/", "/v1/tasks", "/v2", "/v2/", "/v2/tasks/", "/v2/tasks/a/b/c", "/v2/%2e%2e/x"])
def test_an_unknown_path_is_answered_in_json(api: Api, path: str) -> None:
    """404 with a message, with a key or without."""
    for key in (None, ""):
        assert api("GET", path or "/", key=key).json == {"message": "there is nothing at this path"}


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "PATCH"])
def test_a_wrong_method_is_told_the_right_ones(api: Api, method: str) -> None:
    """405 with ``Allow``, with a key or without."""
    refused = api(method, "/v2/tasks")
    assert refused.status == 405
    assert refused.headers["allow"] == "GET, HEAD, POST"
    assert refused.json["message"]


def test_head_answers_as_get_without_a_body(api: Api) -> None:
    """As HTTP wants it."""
    head = api("HEAD", "/v2/tasks")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "thing", ["x", "%00", "%ff", "..", "'", "x" * 5_000, "\u0664", "NULL", "%F0%9F%98%80", "1%202"]
)
def test_any_text_as_an_id_is_a_404(api: Api, thing: str) -> None:
    """Or a 422 where it can be no name."""
    from urllib.parse import quote

    for operation in OPERATIONS:
        if "{" not in operation.path or operation.events:
            continue
        safe = quote(thing, safe="%'.")
        path = PREFIX + operation.path.replace("{id}", safe).replace("{name}", safe)
        body = {} if operation.takes is not None else None
        reply = api(operation.method, path, body)
        assert reply.status < 500, (operation.id, reply.json)


@pytest.mark.timeout(300)
def test_f23_bodies_bent_at_random_never_make_a_5xx(api: Api) -> None:
    """Proper bodies with bytes changed, dropped, doubled and swapped: 201 or 4xx in JSON, and the server lives."""
    dice = random.Random(23)  # the same bodies each time
    seeds = [
        json.dumps({"request": {**REQUEST, "headers": {"A": "b"}, "body": "é"}, "name": "n", "delay": "5s"}).encode(),
        json.dumps({"request": REQUEST, "cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}).encode(),
        json.dumps({"request": REQUEST, "rrule": "FREQ=MONTHLY;BYDAY=3TU", "dtstart": "2030-01-02T03:04:05Z"}).encode(),
        json.dumps([{"request": REQUEST}, {"request": {"url": "x"}, "priority": -1}]).encode(),
    ]
    paths = ["/v2/tasks", "/v2/schedules", "/v2/schedules", "/v2/tasks/batch-create"]
    pieces = [b"\\u0000", b"\\ud800", b"NaN", b"-0", b"1e999", b"[[", b"null", b"\xff", b"\x00", b'"', b"9" * 30, b"{}"]
    for _ in range(600):
        index = dice.randrange(len(seeds))
        body = bytearray(seeds[index])
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(body))
            match dice.randrange(4):
                case 0:
                    body[at] = dice.randrange(256)
                case 1:
                    del body[at : at + dice.randint(1, 8)]
                case 2:
                    body[at:at] = dice.choice(pieces)
                case _:
                    body[at:at] = body[at : at + dice.randint(1, 20)]
            if not body:
                body = bytearray(b"{")
        reply = api("POST", paths[index], raw=bytes(body), headers=JSON)
        assert reply.status < 500, bytes(body)
        assert reply.json
    assert api("GET", "/readyz").status == 200
