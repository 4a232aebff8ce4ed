"""Recurrences in stored form: the text that a person wrote, the zone, the options; reading parses it again.

Schedules are read at every firing, so what was parsed is kept: ``PARSED`` different rules at most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from mainspring.adapters.codec.scalars import read_duration, read_instant, write_duration, write_instant
from mainspring.core.errors import InvalidInput
from mainspring.core.recurrence import Cron, Interval, RRule

PARSED: Final = 4096

_parse_cron: Final = lru_cache(maxsize=PARSED)(Cron)
_parse_rrule: Final = lru_cache(maxsize=PARSED)(RRule.parse)


def _read_cron(value: Any, _: Any) -> Cron:
    fields = _known(value, {"text", "timezone", "seconds", "days", "gap", "fold"})
    return _parse_cron(
        fields["text"],
        fields.get("timezone", "UTC"),
        seconds=fields.get("seconds", False),
        days=fields.get("days", "debian"),
        gap=fields.get("gap"),
        fold=fields.get("fold"),
    )


def _write_cron(rule: Cron) -> dict[str, Any]:
    return {
        "text": rule.to_text(),
        "timezone": rule.timezone,
        "seconds": rule.seconds,
        "days": rule.days,
        "gap": rule.gap,
        "fold": rule.fold,
    }


def _read_rrule(value: Any, _: Any) -> RRule:
    fields = _known(value, {"text", "timezone", "gap", "fold"})
    return _parse_rrule(
        fields["text"],
        fields.get("timezone", "UTC"),
        gap=fields.get("gap", "offset_before"),
        fold=fields.get("fold", "first"),
    )


def _write_rrule(rule: RRule) -> dict[str, Any]:
    return {"text": rule.to_text(), "timezone": rule.timezone, "gap": rule.gap, "fold": rule.fold}


def _read_interval(value: Any, _: Any) -> Interval:
    fields = _known(value, {"every", "anchor"})
    return Interval(every=read_duration(fields["every"]), anchor=read_instant(fields["anchor"]))


def _write_interval(rule: Interval) -> dict[str, Any]:
    return {"every": write_duration(rule.every), "anchor": write_instant(rule.anchor)}


def _known(value: Any, names: set[str]) -> dict[str, Any]:
    unknown = value.keys() - names
    if unknown:
        raise InvalidInput("recurrence", f"{sorted(unknown)} are not known", f"use {', '.join(sorted(names))}")
    return value  # type: ignore[no-any-return]  # a dict, as the tagged reader has seen


_Hooks = tuple[Callable[[Any, Any], Any], Callable[[Any], dict[str, Any]]]

HOOKS: Final[dict[type, _Hooks]] = {
    Cron: (_read_cron, _write_cron),
    RRule: (_read_rrule, _write_rrule),
    Interval: (_read_interval, _write_interval),
}
"""How each kind of recurrence is read and written."""
