"""crontab files: users' and the system's, with all that stands in real ones."""

from __future__ import annotations

import pytest

from adapters.dialects.reading import carried, compared, read, refused, stamps
from mainspring.adapters.dialects import Carried
from mainspring.core.recurrence import Cron

USERS = """\
# Edit this file to introduce tasks to be run by cron.
#
SHELL=/bin/bash
  PATH = /usr/local/bin:/usr/bin
MAILTO=""

17 *	* * *	cd / && run-parts --report /etc/cron.hourly
30 2 * * *  /usr/local/bin/backup --full
\t0 0 1,15 * Mon-Fri   echo "a = b"
@daily   /usr/bin/certbot renew
"""
SYSTEM = """\
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin

# m h dom mon dow user	command
17 *	* * *	root    cd / && run-parts --report /etc/cron.hourly
25 6	* * *	root	test -x /usr/sbin/anacron || run-parts /etc/cron.daily
*/10 * * * *  www-data  /usr/bin/php -f /var/www/cron.php
@weekly root /usr/bin/fstrim
"""


def test_a_users_crontab_is_read_line_by_line() -> None:
    """Comments, blank lines and the environment are nothing; each other line is a schedule with its command."""
    found = read(USERS)
    assert found.format == "crontab"
    assert [(entry.place, entry.source, entry.name) for entry in found.schedules] == [
        (7, "17 * * * *", "cd / && run-parts --report /etc/cron.hourly"),
        (8, "30 2 * * *", "/usr/local/bin/backup --full"),
        (9, "0 0 1,15 * Mon-Fri", 'echo "a = b"'),
        (10, "@daily", "/usr/bin/certbot renew"),
    ]
    assert carried(USERS, place=1).recurrence == Cron.parse("30 2 * * *", "Europe/Berlin")


def test_a_systems_crontab_has_a_column_for_the_user() -> None:
    """It is seen by the users' names, and can be said."""
    found = read(SYSTEM)
    assert found.format == "crontab with a column for the user"
    assert [entry.name for entry in found.schedules] == [
        "cd / && run-parts --report /etc/cron.hourly",
        "test -x /usr/sbin/anacron || run-parts /etc/cron.daily",
        "/usr/bin/php -f /var/www/cron.php",
        "/usr/bin/fstrim",
    ]
    assert read("0 5 * * * alice /bin/x", format="system-crontab").schedules[0].name == "/bin/x"
    assert read("0 5 * * * root /bin/x", format="crontab").schedules[0].name == "root /bin/x"


def test_nothing_changes_for_a_crontab_of_debians() -> None:
    """Its rules are ours: wildcard and fixed jobs, day rule, steps, names; through a year with two shifts."""
    text = "30 2 * * * a\n*/20 * * * * b\n0 0 13 * 5 c\n0 3 */2 * 1 d\n5 4 * jan-jun sun e\n0 22 * * 1-7 f\n@hourly g\n"
    found = read(text)
    assert all(isinstance(entry.outcome, Carried) for entry in found.schedules)
    for place in range(len(found.schedules)):
        assert compared(text, place=place).changes == 0


def test_cron_tz_is_cronies_and_holds_for_the_lines_below() -> None:
    """There a time in a gap is lost and one in a fold comes twice; the difference is computed and explained."""
    text = "30 2 * * * a\nCRON_TZ='America/New_York'\n30 2 * * * b\n30 1 * * * c\n"
    assert carried(text).recurrence == Cron.parse("30 2 * * *", "Europe/Berlin")
    below = carried(text, place=1)
    assert below.recurrence == Cron.parse("30 2 * * *", "America/New_York")
    assert below.differs[0].startswith("CRON_TZ is cronie's")
    found = compared(text, place=1)
    assert (found.lost, stamps(found.gained), found.kept_by) == ((), ["03-14 07:00"], ("skip", None))
    found = compared(text, place=2)
    assert (stamps(found.lost), found.gained, found.kept_by) == (["11-07 06:30"], (), (None, "both"))


def test_tz_moves_nothing_and_a_random_delay_is_told() -> None:
    """TZ is the commands' environment; RANDOM_DELAY is no part of a rule."""
    found = carried("TZ=Asia/Tokyo\nRANDOM_DELAY=45\n0 9 * * * a\n")
    assert found.recurrence == Cron.parse("0 9 * * *", "Europe/Berlin")
    assert found.differs[0].startswith("TZ=Asia/Tokyo is only seen by the command")
    assert found.differs[1].startswith("RANDOM_DELAY=45 minutes is not part of the rule")


def test_an_unescaped_percent_is_told() -> None:
    """It ends the command; an escaped one does not."""
    assert "ends at %" in carried("0 9 * * * mail joe%Hello%").differs[0]
    assert carried(r"0 9 * * * date +\%Y").differs == ()


@pytest.mark.parametrize("rule", ["0 9 * * fri-mon", "0 9 L * *", "5/15 * * * *", "0 9 * * 5#2"])
def test_an_extension_is_carried_but_not_compared(rule: str) -> None:
    """cron itself would refuse it: what it did cannot be known."""
    found = carried(f"{rule} x")
    assert found.clock is None
    assert found.differs[0].startswith("crontab(5) does not have this form")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("@reboot x", "@reboot is not a time; start it with the machine"),
        ("61 * * * * x", "cron: minute '61' is out of range; use 0 to 59"),
        ("0~30 9 * * * x", "a~b is a random time; choose a minute"),
        ("* * * *", "there are fewer than five fields and a command; write: minute"),
        ("0 9 * * *", "there are fewer than five fields and a command; write: minute"),
        ("@daily", "there is no command; write the command"),
        ("@fortnightly x", "cron: '@fortnightly' is not known; use one of"),
        ("every day x y z a b", "cron: minute 'EVERY' is not understood; use 0 to 59"),
        ("CRON_TZ=Mars/Base\n0 9 * * * x", "timezone: there is no zone 'Mars/Base'; use an IANA"),
        (f"0 9 * * * {'x' * 5000}", "the line has 5010 characters; use at most 4096"),
    ],
)
def test_what_cannot_be_carried_over_says_why(line: str, what: str) -> None:
    """The reason and the cure."""
    assert refused(line).startswith(what)


def test_cronies_silent_jobs_are_read() -> None:
    """A minus before the minute keeps a job out of the log, no more."""
    assert read("-*/15 * * * * x").schedules[0].source == "*/15 * * * *"


def test_a_file_from_another_system_ends_its_lines_otherwise() -> None:
    """CR LF, and a mark of byte order."""
    assert [entry.name for entry in read("\ufeff0 9 * * * a\r\n0 9 * * * b\r\n").schedules] == ["a", "b"]
