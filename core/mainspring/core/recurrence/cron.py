"""Cron expressions: ``Cron``, a frozen value that knows when it fires.

The dialect is in ``cron_syntax``, the calendar in ``cron_masks``, the zones in ``cron_dst``. croniter is asked for a
second opinion only: on whether it reads a text, and on when that would fire outside shifts. It decides nothing here,
since it differs from Debian's cron in folds, in gaps and on ``*/2 ... 1``, and raises other errors on hostile texts.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final, get_args

from attrs import field, frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.calm import Calm, calm_of
from mainspring.core.recurrence.cron_dst import Policy, next_instant
from mainspring.core.recurrence.cron_masks import Masks
from mainspring.core.recurrence.cron_syntax import DayRule, Fields, normalize, read
from mainspring.core.recurrence.dst import Fold, Gap, load_zone, utc_instant, zone_name

_UTC_NAMES: Final = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"})


def _one_of(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidRecurrence(name, f"{value!a} is not known", f"use one of {', '.join(allowed)}")


@lru_cache(maxsize=4096)
def _compiled(text: str, seconds: bool, days: DayRule) -> tuple[Fields, Masks]:
    """Read a text once: a thousand schedules with one expression share its masks."""
    fields = read(text, seconds=seconds, days=days)
    return fields, Masks.of(fields)


@frozen
class Cron:
    """A cron expression in a time zone.

    ``text`` has five fields, or six with ``seconds``, or is a macro such as ``@daily``. ``timezone`` is an IANA name.
    ``days`` says how day of month and day of week are joined. ``gap`` and ``fold`` say what becomes of a civil time
    that a shift of the zone leaves out or repeats; None is Debian cron's rule. See ``cron_syntax`` and ``cron_dst``.

    Raises ``InvalidRecurrence`` for anything else; whatever exists, is valid. An expression may never fire
    (``0 0 30 2 *``).
    """

    text: str = field(converter=normalize)
    timezone: str = field(default="UTC", converter=zone_name)
    seconds: bool = field(default=False, kw_only=True)
    days: DayRule = field(default="debian", kw_only=True)
    gap: Gap | None = field(default=None, kw_only=True)
    fold: Fold | None = field(default=None, kw_only=True)
    fields: Fields = field(init=False, eq=False, repr=False)
    masks: Masks = field(init=False, eq=False, repr=False)
    policy: Policy = field(init=False, eq=False, repr=False)
    calm: Calm | None = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        _one_of("days", self.days, get_args(DayRule))
        if self.gap is not None:
            _one_of("gap", self.gap, get_args(Gap))
        if self.fold is not None:
            _one_of("fold", self.fold, get_args(Fold))
        fields, masks = _compiled(self.text, self.seconds, self.days)
        derive = object.__setattr__  # the value is frozen: what follows from its fields is set once, here
        derive(self, "fields", fields)
        derive(self, "masks", masks)
        derive(self, "policy", Policy(fields.wildcard, self.gap, self.fold))
        derive(self, "calm", None if self.timezone in _UTC_NAMES else calm_of(self.timezone))

    @classmethod
    def parse(
        cls,
        text: str,
        timezone: str | tzinfo = "UTC",
        *,
        seconds: bool = False,
        days: DayRule = "debian",
        gap: Gap | None = None,
        fold: Fold | None = None,
    ) -> Cron:
        """Read a cron text; raise ``InvalidRecurrence`` naming what is wrong and what would be right."""
        return cls(text, timezone, seconds=seconds, days=days, gap=gap, fold=fold)

    @property
    def wildcard(self) -> bool:
        """Tell whether Debian's cron calls this a wildcard job: its minute or hour field starts with ``*``."""
        return self.fields.wildcard

    def next_after(self, after: datetime) -> datetime | None:
        """Give the first instant (UTC) strictly after ``after`` (aware), or None within 400 years."""
        if after.tzinfo is not UTC:
            after = utc_instant("after", after)
        if self.calm is None:
            return self.masks.next(after, UTC)
        return next_instant(self.masks, self.policy, self.calm, after)

    def to_text(self) -> str:
        """Write the expression; ``parse`` with the same zone and options reads it back to an equal value."""
        return self.text

    __str__ = to_text


def croniter_fires(cron: Cron, after: datetime, count: int) -> tuple[datetime, ...]:
    """Give the next ``count`` instants that croniter makes of the same text and zone; () where it does not read it.

    For comparison only (``mainspring lint``, tests): croniter has a DST rule of its own, joins ``*/2 ... 1`` by OR, and
    reads no ``LW``, ``dL`` or ``nW``. Imported here, since that alone takes longer than any look-up may.
    """
    from croniter import CroniterError, croniter

    try:
        walk = croniter(
            cron.text,
            utc_instant("after", after).astimezone(load_zone(cron.timezone)),
            day_or=cron.days != "and",
            second_at_beginning=cron.seconds,
        )
        return tuple(walk.get_next(datetime).astimezone(UTC) for _ in range(count))
    except (CroniterError, ArithmeticError, LookupError):
        return ()
