"""Retry policies as text, for command line, API and configuration: read strictly, written so as to be read back.

Rules:

* A policy is its name, with its settings in parentheses: ``exponential(initial=1s, factor=2, max=1h)``. The names
  are ``ladder``, ``fixed``, ``linear``, ``exponential``, ``doubling_then_linear``, ``polynomial`` and ``never``; and
  those of ``retry.NAMED``, which take no settings.
* A ladder's steps come first and have no names (``ladder(0s, 5s, 5m)``); so may the delay of ``fixed(5s)``.
* Every policy takes ``attempts``, ``max_age``, ``jitter``, ``retry_after_max``, ``retry_on`` and ``give_up_on``; the
  last two are lists: ``retry_on=[503, Timeout]``.
* Settings that have their default are not written.
* A text that is read has at most ``MAX_TEXT`` characters, and no duration of more than 100 years. A policy made in code
  may go beyond (a ladder of a hundred odd steps): its text is for people then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol, TypeAlias, cast

from attrs import Attribute, fields, frozen

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import EPOCH, MAX_DURATION, format_duration, parse_duration
from mainspring.core.retry import (
    MAX_ATTEMPTS,
    NAMED,
    DoublingThenLinear,
    Exponential,
    Failure,
    Fixed,
    Ladder,
    Linear,
    Never,
    Polynomial,
    RetryAt,
    RetryPolicy,
    judge,
)

MAX_TEXT: Final = 2_000

_Value: TypeAlias = timedelta | int | float | tuple[str, ...]


class _Make(Protocol):
    def __call__(self, **settings: object) -> RetryPolicy: ...


_KINDS: Final[Mapping[str, type[RetryPolicy]]] = {
    "ladder": Ladder,
    "fixed": Fixed,
    "linear": Linear,
    "exponential": Exponential,
    "doubling_then_linear": DoublingThenLinear,
    "polynomial": Polynomial,
    "never": Never,
}
_FORM: Final = re.compile(r"\s*([a-z_]+)\s*(?:\((.*)\))?\s*", re.ASCII | re.DOTALL)
_INTEGER: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,30})?(?:e-?[0-9]{1,3})?", re.ASCII)
_INTEGERS: Final = frozenset({"attempts", "max_doublings"})
_NUMBERS: Final = frozenset({"jitter", "factor", "exponent"})
_LISTS: Final = frozenset({"retry_on", "give_up_on"})
_CURE: Final = "write it as exponential(initial=1s, factor=2, max=1h, attempts=10), ladder(0s, 5s, 5m) or mergent"


def parse_retry(text: str) -> RetryPolicy:
    """Read a policy. ``InvalidInput`` names the part that is wrong and what would be right."""
    if len(text) > MAX_TEXT:
        raise InvalidInput("retry", f"a text of {len(text)} characters is no policy", f"use at most {MAX_TEXT}")
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidInput("retry", f"{text[:80]!r} is no policy", _CURE)
    name, inside = found[1], found[2]
    if inside is None and name in NAMED:
        return NAMED[name]
    if name not in _KINDS:
        known = ", ".join(sorted({*_KINDS, *NAMED}))
        raise InvalidInput("retry", f"{name[:80]!r} is no policy", f"use one of {known}")
    return _made(name, _parts(inside or ""))


def _parts(inside: str) -> list[str]:
    """Split at the commas outside brackets; an empty text has no parts."""
    parts = [part.strip() for part in re.split(r",(?![^\[\]]*\])", inside)]
    return [] if parts == [""] else parts


def _made(name: str, parts: list[str]) -> RetryPolicy:
    kind = _KINDS[name]
    settings: dict[str, object] = {}
    places: list[timedelta] = []
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            if settings:
                raise InvalidInput("retry", f"{part[:80]!r} stands behind a setting", "put what has no name first")
            places.append(parse_duration(f"retry.{name}", part))
        elif key not in _settings(kind):
            known = ", ".join(_settings(kind))
            raise InvalidInput("retry", f"{name} has no setting {key[:80]!r}", f"use one of {known}")
        elif key in settings:
            raise InvalidInput("retry", f"{key} is set twice", "set it once")
        else:
            settings[key] = _value(key, value)
    make = cast("_Make", kind)
    return make(**_placed(name, places, settings), **settings)


def _placed(name: str, places: list[timedelta], settings: Mapping[str, object]) -> dict[str, object]:
    """What stands without a name: the steps of a ladder, the delay of ``fixed``."""
    if name == "ladder":
        return {"steps": tuple(places)}
    if name == "fixed" and len(places) == 1 and "delay" not in settings:
        return {"delay": places[0]}
    if places:
        raise InvalidInput("retry", f"{name} takes no {format_duration(places[0])} without a name", "name it")
    missing = [field.name for field in _fields(_KINDS[name]) if _required(field) and field.name not in settings]
    if missing:
        raise InvalidInput("retry", f"{name} lacks {missing[0]}", f"add {missing[0]}=5s")
    return {}


def _fields(kind: type[RetryPolicy]) -> tuple[Attribute[object], ...]:
    return cast("tuple[Attribute[object], ...]", fields(kind))


def _required(field: Attribute[object]) -> bool:
    return repr(field.default) == "NOTHING"


def _settings(kind: type[RetryPolicy]) -> list[str]:
    """The names that a policy's settings have; a ladder's steps have none."""
    return [field.name for field in _fields(kind) if field.name != "steps"]


def _value(key: str, text: str) -> _Value:
    if key in _LISTS:
        return _list(key, text)
    if key in _INTEGERS:
        if not _INTEGER.fullmatch(text):
            raise InvalidInput(f"retry.{key}", f"{text[:80]!r} is no whole number", f"write {key}=10")
        return int(text)
    if key in _NUMBERS:
        if not _NUMBER.fullmatch(text):
            raise InvalidInput(f"retry.{key}", f"{text[:80]!r} is no number", f"write {key}=0.5")
        return float(text)
    return parse_duration(f"retry.{key}", text)


def _list(key: str, text: str) -> tuple[str, ...]:
    if len(text) < 2 or text[0] != "[" or text[-1] != "]":
        raise InvalidInput(f"retry.{key}", f"{text[:80]!r} is no list", f"write {key}=[503, TimeoutError]")
    inside = text[1:-1].strip()
    return tuple(entry.strip() for entry in inside.split(",")) if inside else ()


def format_retry(policy: RetryPolicy) -> str:
    """Write a policy so that ``parse_retry`` gives it back: by its name if it has one."""
    for name, known in NAMED.items():
        if known == policy:
            return name
    (name,) = (name for name, kind in _KINDS.items() if kind is type(policy))
    written = [format_duration(step) for step in policy.steps] if isinstance(policy, Ladder) else []
    for field in _fields(type(policy)):
        value = cast("_Value | None", getattr(policy, field.name))
        if field.name != "steps" and value != field.default and value is not None:
            written.append(f"{field.name}={_written(value)}")
    return f"{name}({', '.join(written)})" if written else name


def _written(value: _Value) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return repr(int(value) if value == int(value) else value)


@frozen(kw_only=True)
class RetryRow:
    """A line of a policy's table: attempt ``attempt`` starts ``earliest`` to ``latest`` after the first one started.

    ``delay`` is the time from the failure before it, without jitter. Runs are taken to fail at once. Where ``max_age``
    leaves only a part of the jitter, ``latest`` is the end of that part.
    """

    attempt: int
    delay: timedelta
    earliest: timedelta
    latest: timedelta


def retry_table(policy: RetryPolicy, attempts: int = 20) -> tuple[RetryRow, ...]:
    """Compute when each attempt would start if all fail, the first ``attempts`` (1 to ``MAX_ATTEMPTS``) of them.

    It ends with the first one that is more than 100 years away.
    """
    if not 1 <= attempts <= MAX_ATTEMPTS:
        raise InvalidInput("attempts", f"{attempts} is out of range", f"use 1 to {MAX_ATTEMPTS}")
    zero = timedelta(0)
    rows = [RetryRow(attempt=1, delay=zero, earliest=zero, latest=zero)]
    while len(rows) < attempts and rows[-1].earliest <= MAX_DURATION:
        last = rows[-1]
        soon, late = (_next(policy, last.attempt, begun, entropy) for begun, entropy in _edges(last))
        if soon is None:
            break
        latest = (policy.max_age or soon) if late is None else late
        rows.append(RetryRow(attempt=last.attempt + 1, delay=soon - last.earliest, earliest=soon, latest=latest))
    return tuple(rows)


def _edges(row: RetryRow) -> tuple[tuple[timedelta, float], tuple[timedelta, float]]:
    return (row.earliest, 0.0), (row.latest, 1.0)


_FAILURE: Final = Failure(kind="", message="")
"""A failure that no entry of a policy can name."""


def _next(policy: RetryPolicy, attempt: int, since: timedelta, entropy: float) -> timedelta | None:
    verdict = judge(policy, attempt=attempt, failure=_FAILURE, first_started=EPOCH, at=EPOCH + since, entropy=entropy)
    return verdict.due - EPOCH if isinstance(verdict, RetryAt) else None
