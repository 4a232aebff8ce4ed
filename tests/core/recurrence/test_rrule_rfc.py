"""The examples of RFC 5545 section 3.8.5.3 and of RFC 7529, with the instances that the standards print."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from mainspring.core.recurrence.rrule import RRule

NEW_YORK = ZoneInfo("America/New_York")
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
FAR = datetime(2200, 1, 1, tzinfo=UTC)


def days(text: str, time: str = "0900") -> list[str]:
    """``199709 2-5,9; 199710 1`` → local times of those days."""
    found: list[str] = []
    for group in text.split(";"):
        month, numbers = group.split()
        for part in numbers.split(","):
            first, _, last = part.partition("-")
            found += [f"{month}{day:02d}T{time}" for day in range(int(first), int(last or first) + 1)]
    return found


def local(rule: RRule, count: int) -> list[str]:
    found = islice(rule.between(LONG_AGO, FAR), count)
    return [f"{moment.astimezone(ZoneInfo(rule.timezone)):%Y%m%dT%H%M}" for moment in found]


# rule, DTSTART (New York), the instances printed, and whether there are no more than those
EXAMPLES = [
    ("FREQ=DAILY;COUNT=10", "19970902T090000", days("199709 2-11"), True),
    (
        "FREQ=DAILY;UNTIL=19971224T000000Z",
        "19970902T090000",
        days("199709 2-30;199710 1-31;199711 1-30;199712 1-23"),
        True,
    ),
    (
        "FREQ=DAILY;INTERVAL=2",
        "19970902T090000",
        days(
            "199709 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30;199710 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30;199711 1,3"
        ),
        False,
    ),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "19970902T090000", days("199709 2,12,22;199710 2,12"), True),
    (
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "19980101T090000",
        days("199801 1-31;199901 1-31;200001 1-31"),
        True,
    ),
    (
        "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
        "19980101T090000",
        days("199801 1-31;199901 1-31;200001 1-31"),
        True,
    ),
    (
        "FREQ=WEEKLY;COUNT=10",
        "19970902T090000",
        days("199709 2,9,16,23,30;199710 7,14,21,28;199711 4"),
        True,
    ),
    (
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        "19970902T090000",
        days("199709 2,9,16,23,30;199710 7,14,21,28;199711 4,11,18,25;199712 2,9,16,23"),
        True,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "19970902T090000",
        days("199709 2,16,30;199710 14,28;199711 11,25;199712 9,23;199801 6,20;199802 3,17"),
        False,
    ),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "19970902T090000",
        days("199709 2,4,9,11,16,18,23,25,30;199710 2"),
        True,
    ),
    (
        "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        "19970902T090000",
        days("199709 2,4,9,11,16,18,23,25,30;199710 2"),
        True,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "19970901T090000",
        days("199709 1,3,5,15,17,19,29;199710 1,3,13,15,17,27,29,31;199711 10,12,14,24,26,28;199712 8,10,12,22"),
        True,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "19970902T090000",
        days("199709 2,4,16,18,30;199710 2,14,16"),
        True,
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "19970905T090000",
        days("199709 5;199710 3;199711 7;199712 5;199801 2;199802 6;199803 6;199804 3;199805 1;199806 5"),
        True,
    ),
    (
        "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
        "19970905T090000",
        days("199709 5;199710 3;199711 7;199712 5"),
        True,
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "19970907T090000",
        days("199709 7,28;199711 2,30;199801 4,25;199803 1,29;199805 3,31"),
        True,
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "19970922T090000",
        days("199709 22;199710 20;199711 17;199712 22;199801 19;199802 16"),
        True,
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "19970928T090000",
        days("199709 28;199710 29;199711 28;199712 29;199801 29;199802 26"),
        False,
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "19970902T090000",
        days("199709 2,15;199710 2,15;199711 2,15;199712 2,15;199801 2,15"),
        True,
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "19970930T090000",
        days("199709 30;199710 1,31;199711 1,30;199712 1,31;199801 1,31;199802 1"),
        True,
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "19970910T090000",
        days("199709 10-15;199903 10-13"),
        True,
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "19970902T090000",
        days("199709 2,9,16,23,30;199711 4,11,18,25;199801 6,13,20,27;199803 3,10,17,24,31"),
        False,
    ),
    (
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "19970610T090000",
        days("199706 10;199707 10;199806 10;199807 10;199906 10;199907 10;200006 10;200007 10;200106 10;200107 10"),
        True,
    ),
    (
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "19970310T090000",
        days("199703 10;199901 10;199902 10;199903 10;200101 10;200102 10;200103 10;200301 10;200302 10;200303 10"),
        True,
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "19970101T090000",
        days("199701 1;199704 10;199707 19;200001 1;200004 9;200007 18;200301 1;200304 10;200307 19;200601 1"),
        True,
    ),
    ("FREQ=YEARLY;BYDAY=20MO", "19970519T090000", days("199705 19;199805 18;199905 17"), False),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "19970512T090000", days("199705 12;199805 11;199905 17"), False),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "19970313T090000",
        days("199703 13,20,27;199803 5,12,19,26;199903 4,11,18,25"),
        False,
    ),
    (
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "19970605T090000",
        days(
            "199706 5,12,19,26;199707 3,10,17,24,31;199708 7,14,21,28;199806 4,11,18,25;199807 2,9,16,23,30;"
            "199808 6,13,20,27;199906 3,10,17,24;199907 1,8,15,22,29;199908 5,12,19,26"
        ),
        False,
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "19970902T090000",
        days("199802 13;199803 13;199811 13;199908 13;200010 13"),
        False,
    ),
    (
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "19970913T090000",
        days("199709 13;199710 11;199711 8;199712 13;199801 10;199802 7;199803 7;199804 11;199805 9;199806 13"),
        False,
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "19961105T090000",
        days("199611 5;200011 7;200411 2"),
        False,
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "19970904T090000",
        days("199709 4;199710 7;199711 6"),
        True,
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "19970929T090000",
        days("199709 29;199710 30;199711 27;199712 30;199801 29;199802 26;199803 30"),
        False,
    ),
    (
        # the standard prints UNTIL=19970902T170000Z, 13:00 in New York, beside instances to 15:00
        "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z",
        "19970902T090000",
        ["19970902T0900", "19970902T1200", "19970902T1500"],
        True,
    ),
    (
        "FREQ=MINUTELY;INTERVAL=15;COUNT=6",
        "19970902T090000",
        [f"19970902T{time}" for time in ("0900", "0915", "0930", "0945", "1000", "1015")],
        True,
    ),
    (
        "FREQ=MINUTELY;INTERVAL=90;COUNT=4",
        "19970902T090000",
        [f"19970902T{time}" for time in ("0900", "1030", "1200", "1330")],
        True,
    ),
    (
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        "19970902T090000",
        [f"199709{day:02d}T{h:02d}{m:02d}" for day in (2, 3) for h in range(9, 17) for m in (0, 20, 40)],
        False,
    ),
    (
        "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
        "19970902T090000",
        [f"199709{day:02d}T{h:02d}{m:02d}" for day in (2, 3) for h in range(9, 17) for m in (0, 20, 40)],
        False,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "19970805T090000",
        days("199708 5,10,19,24"),
        True,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "19970805T090000",
        days("199708 5,17,19,31"),
        True,
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        "20070115T090000",
        days("200701 15,30;200702 15;200703 15,30"),
        True,
    ),
]


@pytest.mark.parametrize(("rule", "dtstart", "expected", "ends"), EXAMPLES)
def test_each_example_of_rfc_5545_gives_the_printed_instances(
    rule: str, dtstart: str, expected: list[str], ends: bool
) -> None:
    """Each recurrence example of section 3.8.5.3 gives what the standard prints, and no more where the rule ends."""
    parsed = RRule.parse(f"DTSTART;TZID=America/New_York:{dtstart}\nRRULE:{rule}")
    assert local(parsed, len(expected) + 1)[: len(expected)] == expected
    assert (len(local(parsed, len(expected) + 1)) == len(expected)) is ends


def test_the_example_with_an_exdate() -> None:
    """Every Friday the 13th, forever, without DTSTART: the example's EXDATE takes out what is no instance anyway."""
    rule = RRule.parse(
        "DTSTART;TZID=America/New_York:19970902T090000\n"
        "EXDATE;TZID=America/New_York:19970902T090000\n"
        "RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"
    )
    assert local(rule, 5) == days("199802 13;199803 13;199811 13;199908 13;200010 13")


def test_the_examples_of_rdate() -> None:
    """Section 3.8.5.2: RDATE as times in a zone, in UTC, as dates, as periods of which the start counts."""
    rule = RRule.parse(
        "DTSTART;TZID=America/New_York:19970714T083000\n"
        "RDATE:19970714T123000Z\n"
        "RDATE;TZID=America/New_York:19970714T083000\n"
        "RDATE;VALUE=PERIOD:19960403T020000Z/19960403T040000Z,19960404T010000Z/PT3H\n"
        "RDATE;VALUE=DATE:19970101,19970120"
    )
    assert [f"{moment:%Y%m%dT%H%MZ}" for moment in rule.between(LONG_AGO, FAR)] == [
        "19960403T0200Z", "19960404T0100Z", "19970101T0500Z", "19970120T0500Z", "19970714T1230Z",
    ]  # fmt: skip


SKIPS = [
    # RFC 7529 section 5 and section 4.1
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=OMIT;COUNT=4", "20140131", "20140131 20140331 20140531 20140731"),
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=4", "20140131", "20140131 20140228 20140331 20140430"),
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=4", "20140131", "20140131 20140301 20140331 20140501"),
    ("FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=OMIT;COUNT=2", "20160229", "20160229 20200229"),
    ("FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=3", "20160229", "20160229 20170228 20180228"),
    ("RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD;COUNT=4", "20160229", "20160229 20170301 20180301 20190301"),
    # the 30th and 31st of a short month are one moved day, not two (section 4.1: a set has no doubles)
    (
        "FREQ=MONTHLY;BYMONTHDAY=30,31;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=6",
        "20140130",
        "20140130 20140131 20140228 20140330 20140331 20140430",
    ),
    # a moved day meets one of the next month
    (
        "FREQ=MONTHLY;BYMONTHDAY=1,31;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=5",
        "20140131",
        "20140131 20140201 20140301 20140331 20140401",
    ),
    # counted from the end
    (
        "FREQ=MONTHLY;BYMONTHDAY=-31;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=4",
        "20140101",
        "20140101 20140131 20140301 20140331",
    ),
    ("FREQ=MONTHLY;BYMONTHDAY=-31;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=3", "20140101", "20140101 20140201 20140301"),
    ("FREQ=YEARLY;BYYEARDAY=366;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=3", "20150101", "20151231 20161231 20171231"),
    ("FREQ=YEARLY;BYYEARDAY=366;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=3", "20150101", "20150101 20160101 20161231"),
    ("FREQ=YEARLY;BYYEARDAY=-366;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=3", "20150101", "20160101 20161231 20171231"),
    ("FREQ=YEARLY;BYYEARDAY=366;RSCALE=GREGORIAN;SKIP=OMIT;COUNT=2", "20150101", "20161231 20201231"),
    # the months of the rule limit before the move, not after
    (
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=2",
        "20140101",
        "20140301 20150301",
    ),
    # BYDAY limits the moved day
    (
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=SU,MO,TU;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=3",
        "20140101",
        "20140331 20140701 20140831",
    ),
    # BYSETPOS picks after the move
    (
        "FREQ=MONTHLY;BYMONTHDAY=28,31;BYSETPOS=-1;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=3",
        "20140101",
        "20140131 20140228 20140331",
    ),
    # BYYEARDAY moved, then limited by the month's days
    (
        "FREQ=YEARLY;BYYEARDAY=366,100;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=2",
        "20150101",
        "20151231 20161231",
    ),
    # no day of the month or year is named: nothing to move
    ("FREQ=MONTHLY;BYDAY=5FR;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=2", "20140101", "20140131 20140530"),
    ("FREQ=YEARLY;BYDAY=53WE;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=2", "20140101", "20141231 20201230"),
    ("FREQ=MONTHLY;BYMONTH=1,3;BYDAY=1FR;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=2", "20140101", "20140103 20140307"),
    ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=2", "20140101", "20140301 20150301"),
    # daily rules limit by days of the month: nothing is generated that could be moved
    ("FREQ=DAILY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=2", "20140101", "20140131 20140331"),
]


@pytest.mark.parametrize(("rule", "dtstart", "expected"), SKIPS)
def test_skip_moves_what_does_not_exist(rule: str, dtstart: str, expected: str) -> None:
    """RFC 7529 section 4.1: OMIT drops an invalid date, BACKWARD and FORWARD move it to its neighbour, once."""
    parsed = RRule.parse(f"DTSTART;VALUE=DATE:{dtstart}\nRRULE:{rule}")
    found = [f"{moment:%Y%m%d}" for moment in islice(parsed.between(LONG_AGO, FAR), 20)]
    assert found == expected.split()


def test_an_instance_is_found_from_any_instant_before_it() -> None:
    """Asking from anywhere between two instances gives the later one: no look-up depends on where it starts."""
    rule = RRule.parse("DTSTART:19970902T090000Z\nRRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13")
    first, second = islice(rule.between(LONG_AGO, FAR), 2)
    for step in range(29):
        assert rule.next_after(first + timedelta(days=step)) == (second if step < 28 else first + timedelta(days=273))
    assert re.fullmatch(r"1998-02-13T09:00:00\+00:00", first.isoformat())


# what libical, lib-recur, rrule-temporal and dateutil agree on: week numbers and positions, to the ends of years
AGREED = [
    ("FREQ=YEARLY;BYWEEKNO=1,2;UNTIL=20170101", "20130101",
     "20130101 20130108 20131231 20140107 20141230 20150106 20160105 20160112"),
    ("FREQ=YEARLY;BYWEEKNO=1,2;WKST=FR;UNTIL=20170101", "20130108",
     "20130108 20130115 20140107 20140114 20150106 20150113 20160105 20160112"),
    ("FREQ=YEARLY;BYWEEKNO=1,2;WKST=TU;UNTIL=20170101", "20130107",
     "20130107 20130114 20140106 20140113 20150105 20150112 20160104 20160111"),
    ("FREQ=YEARLY;BYWEEKNO=1,2;WKST=SU;UNTIL=20180101", "20140111",
     "20140111 20150110 20150117 20160109 20160116 20170107 20170114"),
    ("FREQ=YEARLY;BYWEEKNO=1,2,-1,-2;BYDAY=TU;UNTIL=20170101", "20130101",
     ("20130101 20130108 20131217 20131224 20131231 20140107 20141216 20141223 20141230 20150106 20151222 20151229 "
     "20160105 20160112 20161220 20161227")),
    ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=TU,SA;UNTIL=20170101", "20130101", "20151229 20160102"),
    ("FREQ=YEARLY;BYWEEKNO=53;COUNT=1", "20230101", "20270103"),
    ("FREQ=YEARLY;BYWEEKNO=53;INTERVAL=6;BYDAY=TH;COUNT=1", "20270103", "20931231"),
    ("FREQ=YEARLY;BYWEEKNO=53;INTERVAL=5;BYDAY=TH;COUNT=1", "20270103", "20321230"),
    ("FREQ=YEARLY;BYWEEKNO=6;BYDAY=TU;WKST=TH;UNTIL=20210612", "20180213", "20180213 20190212 20200211 20210209"),
    ("FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SU;COUNT=3", "19970902", "19971228 19990103 20000102"),
    ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=30;BYWEEKNO=1;COUNT=2", "20241230", "20241230 20251230"),
    ("FREQ=YEARLY;BYYEARDAY=-366;COUNT=3", "20120101", "20120101 20160101 20200101"),
    ("FREQ=YEARLY;BYYEARDAY=366;COUNT=3", "20121231", "20121231 20161231 20201231"),
    ("FREQ=YEARLY;BYYEARDAY=-1,-365,1,365;COUNT=6", "20150101", "20150101 20151231 20160101 20160102 20161230 20161231"),
    ("FREQ=YEARLY;BYMONTHDAY=-29,-1;COUNT=4", "20240201", "20240201 20240229 20240303 20240331"),
    ("FREQ=WEEKLY;BYDAY=MO,TU,SU,SA,TH;BYSETPOS=3,2;COUNT=4", "20240102", "20240102 20240104 20240109 20240111"),
    ("FREQ=YEARLY;BYMONTH=1,2,3;BYMONTHDAY=29;BYSETPOS=3,2;COUNT=4", "20240229", "20240229 20240329 20250329 20260329"),
    ("FREQ=MONTHLY;BYMONTHDAY=1,2,3,4,5,6,7,8,9,10;BYSETPOS=1,2,-1,-2;COUNT=6", "20250810",
     "20250810 20250901 20250902 20250909 20250910 20251001"),
    ("FREQ=MONTHLY;INTERVAL=13;BYMONTH=5;COUNT=3", "20100212", "20130512 20260512 20390512"),
    ("FREQ=DAILY;BYMONTHDAY=1,20;INTERVAL=7;COUNT=2", "20250101", "20250101 20250820"),
    ("FREQ=WEEKLY;BYDAY=SU,MO;BYSETPOS=-1;BYMONTH=1,12;COUNT=4;WKST=SU", "20251227", "20251229 20260105 20260112 20260119"),
    ("FREQ=WEEKLY;BYDAY=TU,SA;BYSETPOS=1;INTERVAL=2;COUNT=4", "20251220", "20251230 20260113 20260127 20260210"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "dtstart", "expected"), AGREED)
def test_what_other_implementations_agree_on(rule: str, dtstart: str, expected: str) -> None:
    """Weeks at the ends of years, days from the end, positions: the instances that the established libraries give."""
    parsed = RRule.parse(f"DTSTART;VALUE=DATE:{dtstart}\nRRULE:{rule}")
    assert " ".join(f"{moment:%Y%m%d}" for moment in islice(parsed.between(LONG_AGO, FAR), 30)) == expected


ELAPSED = [
    ("FREQ=MINUTELY;BYMINUTE=5,25;INTERVAL=61;COUNT=6", "20250101T050500",
     "20250101T050500 20250102T012500 20250103T180500 20250104T142500 20250106T070500 20250107T032500"),
    ("FREQ=SECONDLY;BYSECOND=5,25;INTERVAL=61;COUNT=2", "20250101T051005", "20250101T051005 20250101T053025"),
    ("FREQ=HOURLY;BYHOUR=3,6;BYMINUTE=5,15,25;INTERVAL=7;COUNT=6", "20250101T030500",
     "20250101T030500 20250101T031500 20250101T032500 20250107T060500 20250107T061500 20250107T062500"),
    ("FREQ=HOURLY;BYHOUR=3,6;BYMINUTE=5,15,25;INTERVAL=7;BYSETPOS=1,-1;COUNT=4", "20250101T030500",
     "20250101T030500 20250101T032500 20250107T060500 20250107T062500"),
    ("FREQ=HOURLY;BYMINUTE=0,10,20,30,40,50;BYSETPOS=-2,3;INTERVAL=2;COUNT=5", "20241023T154000",
     "20241023T154000 20241023T172000 20241023T174000 20241023T192000 20241023T194000"),
    ("FREQ=SECONDLY;BYHOUR=1,2;BYMINUTE=3,4,59;BYSECOND=5,6;UNTIL=20250216T020500", "20250216T015905",
     "20250216T015905 20250216T015906 20250216T020305 20250216T020306 20250216T020405 20250216T020406"),
    ("FREQ=HOURLY;BYHOUR=12;BYYEARDAY=-366;COUNT=3", "20120101T120000",
     "20120101T120000 20160101T120000 20200101T120000"),
    ("FREQ=HOURLY;BYDAY=TH;BYHOUR=22,23;COUNT=4", "20241024T221234",
     "20241024T221234 20241024T231234 20241031T221234 20241031T231234"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "dtstart", "expected"), ELAPSED)
def test_what_other_implementations_agree_on_below_the_day(rule: str, dtstart: str, expected: str) -> None:
    """INTERVAL beside BY parts that limit, and positions within an hour or minute."""
    parsed = RRule.parse(f"DTSTART:{dtstart}\nRRULE:{rule}")
    assert " ".join(f"{moment:%Y%m%dT%H%M%S}" for moment in islice(parsed.between(LONG_AGO, FAR), 30)) == expected
