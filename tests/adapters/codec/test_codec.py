"""The codec: exact inverses, a form that never changes unseen, and errors that name what is wrong."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codec import strategies as any_of
from adapters.codec.golden import GOLDEN
from mainspring.adapters import codec
from mainspring.adapters.codec.scalars import read_duration, read_instant, write_duration, write_instant
from mainspring.adapters.codec.tags import UNIONS
from mainspring.core.commands import Edit
from mainspring.core.errors import CorruptHistory, InvalidInput
from mainspring.core.events import EVENTS
from mainspring.core.recurrence import Cron
from mainspring.core.retry import NAMED, Never
from mainspring.core.schedule import ScheduleEvent, Slot
from mainspring.core.states import Pending, Tally
from mainspring.core.task import HttpCall, Task

FORMS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "TASK": (codec.TASK, any_of.tasks),
    "STATE": (codec.STATE, any_of.all_states),
    "EVENT": (codec.EVENT, any_of.all_events),
    "CALL": (codec.CALL, any_of.calls),
    "ORIGIN": (codec.ORIGIN, any_of.origins),
    "RETRY": (codec.RETRY, any_of.policies),
    "EDIT": (codec.EDIT, any_of.edits),
    "RECURRENCE": (codec.RECURRENCE, any_of.recurrences),
    "TEMPLATE": (codec.TEMPLATE, any_of.templates),
    "SCHEDULE": (codec.SCHEDULE, any_of.schedules),
    "SCHEDULE_EDIT": (codec.SCHEDULE_EDIT, any_of.schedule_edits),
    "SCHEDULE_EVENT": (codec.SCHEDULE_EVENT, any_of.schedule_events),
    "SLOT": (codec.SLOT, any_of.slots),
    "QUEUE": (codec.QUEUE, any_of.queues),
    "PREVIEW": (codec.PREVIEW, any_of.previews),
    "REASON": (codec.REASON, any_of.links),
    "PROJECT": (codec.PROJECT, any_of.projects),
    "API_KEY": (codec.API_KEY, any_of.api_keys),
}
AT = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
TASK = Task(
    id="t",  # type: ignore[arg-type]  # any text serves
    call=HttpCall(url="https://example.com"),
    state=Pending(due=AT),
    created_at=AT,
    scheduled_for=AT,
)


def test_every_form_is_tested() -> None:
    """No form without a round trip."""
    assert set(FORMS) == {name for name, form in vars(codec).items() if isinstance(form, codec.Form)}


@pytest.mark.parametrize("name", FORMS)
@given(data=st.data())
def test_what_is_written_is_read_back_equal(name: str, data: st.DataObject) -> None:
    """encode and decode are exact inverses, plain and of too; the text is one line of UTF-8."""
    form, values = FORMS[name]
    value = data.draw(values)
    text = form.encode(value)
    assert form.decode(text, "it") == value
    assert form.encode(form.decode(text, "it")) == text
    assert form.of(json.loads(json.dumps(form.plain(value))), "it") == value
    assert len(text.encode().splitlines()) == 1


@given(any_of.tasks)
def test_a_task_is_joined_from_its_parts(task: Task) -> None:
    """Body, state and version, kept apart, give the task again."""
    body = codec.TASK.encode_body(task)
    assert codec.TASK.join(body, codec.STATE.encode(task.state), task.version, "it") == task
    assert not {"state", "version"} & set(json.loads(body))


@given(any_of.signed)
def test_durations_of_any_length_and_sign_are_kept(value: timedelta) -> None:
    """Also those that a person may not enter."""
    assert read_duration(write_duration(value)) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_are_kept_to_the_microsecond(value: datetime) -> None:
    """Over the whole range of years."""
    assert read_instant(write_instant(value)) == value
    assert write_instant(value).endswith("Z")


def test_another_zone_is_written_in_utc() -> None:
    """An instant is an instant, whatever the offset it came with."""
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert write_instant(there) == write_instant(AT)
    assert read_instant("2030-01-02T08:49:05.000006+05:45") == AT
    assert read_instant("2030-01-02T08:49:05.000006+05:45").tzinfo is UTC


@pytest.mark.parametrize(("name", "form", "value", "text"), GOLDEN)
def test_the_stored_form_does_not_change(name: str, form: Any, value: Any, text: str) -> None:
    """What is in stores today must be read for ever, and an accidental change of the form is caught here."""
    assert form.encode(value) == text
    assert form.decode(text, name) == value


def test_every_class_of_every_union_has_a_golden_form() -> None:
    """A new event or policy needs one."""
    values = [value.outcome if isinstance(value, Slot) else value for _, _, value, _ in GOLDEN]
    covered = {type(value) for value in values}
    for union, tags in UNIONS.items():
        assert set(get_args(union)) == set(tags.values())
        assert set(tags.values()) <= covered, union
    assert set(EVENTS) <= covered


@pytest.mark.parametrize("name", ["state", "call", "id", "created_at"])
def test_a_missing_field_without_default_is_corrupt(name: str) -> None:
    """The error names the row and the field."""
    plain = codec.TASK.plain(TASK)
    del plain[name]
    with pytest.raises(CorruptHistory, match=rf"task 7: .*{name}"):
        codec.TASK.decode(json.dumps(plain), "task 7")


def test_a_missing_field_takes_its_default() -> None:
    """A field added later is missing in what was stored before."""
    plain = codec.TASK.plain(TASK)
    defaults = {field.name for field in attrs.fields(Task) if field.default is not attrs.NOTHING}
    for name in defaults:
        del plain[name]
    assert codec.TASK.decode(json.dumps(plain), "it") == TASK
    del plain["state"]["tally"]
    assert codec.TASK.decode(json.dumps(plain), "it").state.tally == Tally()


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: plain.update(surprise=1),
        lambda plain: plain["call"].update(surprise=1),
        lambda plain: plain["state"].update(kind="asleep"),
        lambda plain: plain["state"].pop("kind"),
        lambda plain: plain.update(state=[]),
        lambda plain: plain.update(state=None),
        lambda plain: plain.update(priority="3"),
        lambda plain: plain.update(priority=True),
        lambda plain: plain.update(priority=99_999),
        lambda plain: plain.update(queue=None),
        lambda plain: plain.update(created_at="yesterday"),
        lambda plain: plain.update(created_at="2030-01-02T03:04:05"),
        lambda plain: plain.update(created_at=7),
        lambda plain: plain.update(timeout="soon"),
        lambda plain: plain.update(timeout=15),
        lambda plain: plain.update(timeout="0s"),
        lambda plain: plain["call"].update(url="gopher://x"),
        lambda plain: plain["call"].update(headers="ab"),
        lambda plain: plain["call"].update(headers=[["a"]]),
        lambda plain: plain["retry"].update(steps=[]),
        lambda plain: plain["retry"].update(kind=[]),
    ],
)
def test_wrong_data_is_refused(damage: Any) -> None:
    """An unknown field, another type, a value out of range: stored it is corrupt, from outside it is invalid input."""
    plain = json.loads(codec.TASK.encode(TASK))
    damage(plain)
    with pytest.raises(CorruptHistory, match="task 7"):
        codec.TASK.decode(json.dumps(plain), "task 7")
    with pytest.raises(InvalidInput):
        codec.TASK.of(plain, "task")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "[" * 100_000, "\0", '{"id": "a"}'])
def test_text_that_is_no_form_is_refused(text: str) -> None:
    """Never another error than ours, in one line."""
    for form, _ in FORMS.values():
        with pytest.raises(CorruptHistory) as caught:
            form.decode(text, "row 7")
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("row 7: its stored ")


@given(any_of.plain_data)
def test_any_plain_data_is_read_or_refused_as_invalid_input(plain: Any) -> None:
    """Hostile input raises nothing else."""
    for form, _ in FORMS.values():
        with contextlib.suppress(InvalidInput):
            form.of(plain, "it")


def test_a_hostile_number_in_place_of_another_is_told_apart() -> None:
    """Remembered retry policies: 1, 1.0 and True are different data."""
    assert codec.RETRY.of({"kind": "never", "attempts": 1}, "retry") == Never(attempts=1)
    for value in (True, 1.0):
        with pytest.raises(InvalidInput):
            codec.RETRY.of({"kind": "never", "attempts": value}, "retry")


def test_equal_policies_and_rules_are_kept_once() -> None:
    """A million tasks share one retry policy; a schedule's rule is parsed once."""
    text = codec.RETRY.encode(NAMED["mergent"])
    assert codec.RETRY.decode(text, "a") is codec.RETRY.decode(text, "b")
    rule = codec.RECURRENCE.encode(Cron("*/7 * * * *", "Europe/Berlin"))
    assert codec.RECURRENCE.decode(rule, "a") is codec.RECURRENCE.decode(rule, "b")


def test_fields_left_alone_are_left_out_of_an_edit() -> None:
    """And a name set to nothing is not the same as a name left alone."""
    assert codec.EDIT.plain(Edit(at=AT)) == {"at": "2030-01-02T03:04:05.000006Z"}
    assert codec.EDIT.plain(Edit(at=AT, name=None))["name"] is None


def test_lone_surrogates_survive() -> None:
    """An error message may hold anything; the text that is stored is UTF-8 all the same."""
    event = ScheduleEvent(at=AT, kind="paused", note="a\ud800b")
    text = codec.SCHEDULE_EVENT.encode(event)
    assert text.encode()
    assert codec.SCHEDULE_EVENT.decode(text, "it") == event
