"""Whose file it is; and files that are nobody's."""

from __future__ import annotations

import json
import random

import pytest

from adapters.dialects.reading import START, read
from mainspring.adapters.dialects import FORMATS, MAX_BYTES, Carried, compare, read_file
from mainspring.core.errors import InvalidInput

SAMPLES = {
    "crontab": "0 9 * * * x\n",
    "celery": json.dumps({"a": {"task": "t", "schedule": "<crontab: 0 9 * * * (m/h/dM/MY/d)>"}}),
    "apscheduler": json.dumps([{"id": "a", "trigger": "cron[hour='9']"}]),
    "mergent": json.dumps([{"id": "a", "request": {"url": "https://example.com"}, "cron": "0 9 * * *"}]),
    "qstash": json.dumps([{"scheduleId": "a", "cron": "CRON_TZ=UTC 0 9 * * *", "destination": "https://example.com"}]),
}


@pytest.mark.parametrize("format", SAMPLES)
def test_the_format_is_detected_and_can_be_said(format: str) -> None:
    """By what only one system has; the answer is the same when it is named."""
    for said in (None, format):
        found = read(SAMPLES[format], format=said)
        assert found.format == format
        assert isinstance(found.schedules[0].outcome, Carried)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "has no schedule in it"),
        (b"# nothing\n\nPATH=/bin\n", "has no schedule in it"),
        (b"\x7fELF\xff\xfe\x00", "is not UTF-8 (at byte 4)"),
        (b"0 9 * * * \x00x", "is not a text (it has a NUL at 10)"),
        ("0 9 * * * x".encode("utf-16"), "is not UTF-8 (at byte 0)"),
        (b"0 9 * * * x\n" * 100_000, f"holds more than {MAX_BYTES} bytes"),
        (b"* * * * * x\n" * 10_001, "has 10001 lines"),
        (b'[{"id": "a", "trigger": "cron[hour', "is not JSON: "),
        (b'{"a": {"schedule": 5},}', "is not JSON: "),
        (b"[" * 100_000, "is not JSON that can be read: "),
        (b"[" + b"9" * 5000 + b"]", "is not JSON that can be read: "),
        (b"{}", "holds nothing"),
        (b"[]", "holds nothing"),
        (b"[1, 2, 3]", "is JSON (a list) of no format that is known"),
        (b'{"name": "x"}', "is JSON (an object) of no format that is known"),
        (b'{"scheduleId": "a"}', "holds an object, not a list of schedules"),
        (json.dumps([{"schedule": 5}] * 10_001).encode(), "holds 10001 schedules"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_error(data: bytes, what: str) -> None:
    """It names the file, what is wrong with it, and what to do."""
    with pytest.raises(InvalidInput) as error:
        read_file(data, "UTC", START)
    assert error.value.field == "file"
    assert error.value.what.startswith(what), error.value.what
    assert error.value.cure


def _anything(chance: random.Random, depth: int) -> object:
    """A JSON value of the shape of a schedule, or of none."""
    names = ["schedule", "trigger", "cron", "rrule", "hour", "minute", "day", "timezone", "id", "every", "dtstart",
             "type", "start_date", "run_date", "jitter", "request", "model", "pk", "fields", "crontab",
             "week"]  # fmt: skip
    texts = ["*", "*/5", "9", "1-5", "last", "2nd fri", "cron", "interval", "date", "UTC", "Europe/Berlin", "", "\0",
             "cron[hour='9']", "<crontab: 0 9 * * * (m/h/dM/MY/d)>", "FREQ=DAILY", "0 9 * * *", "2027-01-01T00:00:00Z",
             "9999-12-31T23:59:59Z", "0001-01-01 00:00:00", "x" * 700, "٣", "hours"]  # fmt: skip
    kind = chance.randrange(3 if depth else 2)
    if kind == 0:
        return chance.choice(texts)
    if kind == 1:
        return chance.choice([0, 1, -1, 7, 30.5, 1e308, 10**30, True, False, None, float("inf")])
    if chance.random() < 0.3:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(names): _anything(chance, depth - 1) for _ in range(chance.randrange(6))}


@pytest.mark.parametrize("format", FORMATS)
def test_whatever_a_file_holds_it_is_read_or_refused(format: str) -> None:
    """No other error, also not in comparing, for 400 documents of random shape and 200 random lines in each format."""
    chance = random.Random(format)
    for _ in range(400):
        value = [_anything(chance, 3) for _ in range(3)] if chance.random() < 0.7 else _anything(chance, 4)
        _read_or_refuse(json.dumps(value).encode(), format)
    for _ in range(200):
        line = "".join(chance.choice("0159*/-,@~%= \tabLW#?\\'\"\n") for _ in range(40))
        _read_or_refuse(line.encode(), format)


def _read_or_refuse(data: bytes, format: str) -> None:
    try:
        found = read_file(data, "UTC", START, format=format)
    except InvalidInput as error:
        if error.field != "file":
            raise
        return
    for entry in found.schedules:
        outcome = entry.outcome
        if isinstance(outcome, Carried) and outcome.clock is not None:
            compare(outcome, outcome.clock, START)
