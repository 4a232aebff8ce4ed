"""crontab files: a user's, and the system's with a column for the user.

Rules, from crontab(5) and cron(8) of Debian and of cronie:

* Blank lines and lines that begin with ``#`` are nothing; ``name = value`` sets the commands' environment.
* ``CRON_TZ`` is cronie's: the zone of the lines that follow. Debian's cron has one zone for all and no such variable.
  ``TZ`` is part of the environment and moves nothing.
* ``RANDOM_DELAY`` is cronie's: up to so many minutes later.
* An unescaped ``%`` in a command ends it; what follows is its standard input.
* ``@reboot`` is no time. ``a~b``, a random value in cronie, is none that can be carried over.
"""

from __future__ import annotations

import re
from typing import Final

from mainspring.adapters.dialects.clocks import DebianClock, WallClock
from mainspring.adapters.dialects.documents import MAX_ENTRIES, shown
from mainspring.adapters.dialects.fields import read_fields
from mainspring.adapters.dialects.imported import Carried, ImportedFile, ImportedSchedule, Refused
from mainspring.core.errors import InvalidInput, InvalidRecurrence
from mainspring.core.recurrence import Cron, load_zone

MAX_LINE: Final = 4096

_SETTING: Final = re.compile(
    r"(?P<quote>[\"']?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)\s*=\s*(?P<value>.*)", re.ASCII
)
_PERCENT: Final = re.compile(r"(?<!\\)%")
_USERS: Final = frozenset(
    ["root", "www-data", "daemon", "nobody", "mail", "backup", "postgres", "mysql", "git", "nginx", "apache", "munin"]
)
_CRON_TZ: Final = (
    "CRON_TZ is cronie's: there a time that the clocks skip is lost and one that they repeat runs twice; Debian's cron "
    "does not know it and would run this in the machine's zone"
)


class _Reading:
    """What the lines before the present one have set."""

    def __init__(self, zone: str, system: bool) -> None:
        self.zone = zone
        self.system = system
        self.cron_tz = ""
        self.delay = ""
        self.tz = ""

    def set(self, name: str, value: str) -> None:
        """Take an environment line."""
        bare = value.strip()
        if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
            bare = bare[1:-1]
        if name == "CRON_TZ":
            self.cron_tz = bare
        elif name == "TZ":
            self.tz = bare
        elif name == "RANDOM_DELAY":
            self.delay = bare


def read_crontab(text: str, zone: str, *, system: bool | None = None) -> ImportedFile:
    """Read a crontab that ran in ``zone``; ``system`` says whether it has a column for the user, None looks for it."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > MAX_ENTRIES:
        raise InvalidInput("file", f"has {len(lines)} lines", f"lint at most {MAX_ENTRIES} at once")
    with_user = _has_users(lines) if system is None else system
    reading = _Reading(zone, with_user)
    found: list[ImportedSchedule] = []
    for number, line in enumerate(lines, 1):
        body = line.strip()
        if not body or body.startswith("#"):
            continue
        setting = _SETTING.fullmatch(body)
        if setting:
            reading.set(setting["name"], setting["value"])
        else:
            found.append(_schedule(number, body, reading))
    notes = (
        "mainspring calls URLs and functions, not shell commands: put each command behind one",
        f"a crontab does not say in which zone it runs: {zone} is taken; name the machine's with --tz",
    )
    form = "crontab with a column for the user" if with_user else "crontab"
    return ImportedFile(format=form, unit="line", notes=notes, schedules=tuple(found))


def _has_users(lines: list[str]) -> bool:
    """Tell whether each line with a rule names a well-known user, and something after it."""
    rests = [_split(line.strip(), system=False)[1].split() for line in lines if re.match(r"\s*[-0-9*@]", line)]
    return bool(rests) and all(len(rest) > 1 and rest[0] in _USERS for rest in rests)


def _split(body: str, *, system: bool) -> tuple[str, str]:
    """Give the rule and the command; with ``system`` the user's name is left out of both."""
    count = 1 if body.startswith("@") else 5
    parts = body.split(None, count)
    rule = " ".join(parts[:count])
    rest = parts[count] if len(parts) > count else ""
    return rule, "".join(rest.split(None, 1)[1:]) if system else rest


def _schedule(number: int, body: str, reading: _Reading) -> ImportedSchedule:
    rule, command = _split(body[1:] if re.match(r"-[0-9*]", body) else body, system=reading.system)
    outcome: Carried | Refused = Refused(what=f"the line has {len(body)} characters", cure=f"use at most {MAX_LINE}")
    if len(body) <= MAX_LINE:
        outcome = _outcome(rule, command, reading)
    return ImportedSchedule(place=number, name=shown(command), source=shown(rule), outcome=outcome)


def _outcome(rule: str, command: str, reading: _Reading) -> Carried | Refused:
    zone = reading.cron_tz or reading.zone
    refused = _refusal(rule, command)
    if refused is not None:
        return refused
    try:
        zone = load_zone(zone).key
        recurrence = Cron.parse(rule, zone)
    except InvalidRecurrence as error:
        return Refused(what=f"{error.field}: {error.what}", cure=error.cure)
    fields = read_fields(rule)
    if fields is None:
        differs = "crontab(5) does not have this form: cron itself would refuse it or read it otherwise"
        return Carried(recurrence=recurrence, clock=None, differs=(differs, *_differs(command, reading)))
    times = fields.wall_times()
    if reading.cron_tz:
        return Carried(
            recurrence=recurrence,
            clock=WallClock(times=times, zone=zone),
            differs=(_CRON_TZ, *_differs(command, reading)),
        )
    clock = DebianClock(times=times, zone=zone, wildcard=fields.starred)
    return Carried(recurrence=recurrence, clock=clock, differs=_differs(command, reading))


def _refusal(rule: str, command: str) -> Refused | None:
    if rule.lower() == "@reboot":
        return Refused(what="@reboot is not a time", cure="start it with the machine, e.g. from a systemd unit")
    if rule.startswith("@") and " " not in rule and not command:
        return Refused(what="there is no command", cure="write the command after the rule")
    if "~" in rule:
        return Refused(what="a~b is a random time", cure="choose a minute, or give the schedule a jitter")
    if not rule.startswith("@") and (len(rule.split()) < 5 or not command):
        what = "there are fewer than five fields and a command"
        return Refused(what=what, cure="write: minute hour day-of-month month day-of-week command")
    return None


def _differs(command: str, reading: _Reading) -> tuple[str, ...]:
    found: list[str] = []
    if reading.tz and not reading.cron_tz:
        found.append(f"TZ={shown(reading.tz)} is only seen by the command: it does not move the schedule, here neither")
    if reading.delay not in ("", "0"):
        found.append(f"RANDOM_DELAY={shown(reading.delay)} minutes is not part of the rule: use the schedule's jitter")
    if _PERCENT.search(command):
        found.append("the command ends at %, and what follows is its standard input: send that as the body")
    return tuple(found)
