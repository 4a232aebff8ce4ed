"""Strategies: cron texts of every kind, and zones."""

from __future__ import annotations

from zoneinfo import available_timezones

from hypothesis import strategies as st

from core.recurrence.debian_loop import MONTHS, WEEKDAYS

any_zone = st.sampled_from(sorted(available_timezones() - {"localtime", "posixrules", "Factory"}))


def field(
    low: int, high: int, names: tuple[str, ...] | None = None, extra: list[str] | None = None
) -> st.SearchStrategy[str]:
    """One field: a list of one to three items of any form."""
    numbers = st.integers(low, high).map(str)
    value = numbers if names is None else numbers | st.sampled_from(names) | st.sampled_from([n.lower() for n in names])
    steps = st.sampled_from(["", "/1", "/2", "/7", "/30"])
    ranges = st.builds("{}-{}{}".format, value, value, steps)
    open_ranges = st.builds("{}/{}".format, value, st.integers(1, 40))
    stars = st.builds("*{}".format, steps)
    forms = value | ranges | open_ranges | stars
    if extra is not None:
        forms |= st.sampled_from(extra)
    return st.just("*") | st.lists(forms, min_size=1, max_size=3).map(",".join)


def crons(day_extra: list[str] | None = None, weekday_extra: list[str] | None = None) -> st.SearchStrategy[str]:
    return st.builds(
        "{} {} {} {} {}".format,
        field(0, 59),
        field(0, 23),
        field(1, 31, extra=day_extra),
        field(1, 12, MONTHS),
        field(0, 7, WEEKDAYS, extra=weekday_extra),
    )


plain_texts = crons()
texts = crons(["L", "LW", "1W", "15W", "31W"], ["5L", "SUNL", "7L", "1#1", "FRI#5", "0#3", "7#2"])
