"""Schedules: a rule and a call template, and the pure functions that turn them into tasks and slot records.

Rules:

* Every occurrence of the rule gets exactly one slot record: *created* a task, *skipped* for a reason, *coalesced* into
  another occurrence, or *buffered* (which later becomes one of the others). A long row of skipped ones may share a
  record that counts them.
* ``next_at`` is the first occurrence without a record. It never goes back but by an edit of the rule.
* An occurrence that fell while the schedule was paused is skipped (*paused*).
* Catch-up: an occurrence older than ``window`` (or than ``PROMPT``, if that is more: none is ever seen at its very
  instant) is skipped (*outside_window*). Of those within it, ``all`` takes every one, ``latest`` the last one (the
  others are coalesced into it), ``at_most(n)`` the last *n* (the earlier ones are skipped as *missed*), ``none``
  those not older than ``PROMPT`` (the others are skipped as *missed*). A long backlog is met in batches: there
  ``latest`` coalesces a batch into the first occurrence of the next one, and so on to the last.
* Overlap, when an occurrence is due and a task of the schedule has not ended:
  ``allow_all`` creates it anyway; ``skip`` skips it; ``buffer_one`` lets one wait and skips the rest;
  ``buffer_all`` lets every one wait its turn; ``cancel_other`` cancels what runs and creates it;
  ``serial`` (Mergent's) lets every one wait its turn, and when a task ended as *failed*, those that wait are
  coalesced into the latest of them, which goes on: a failure never blocks for ever and never makes a crowd.
* At most ``MAX_WAITING`` occurrences wait; further ones are skipped (*buffer_full*).
* An edit of the overlap policy leaves those that wait; they go on under the new policy (``allow_all`` and
  ``cancel_other``, which let nothing wait, meet them at the next plan, in their order).
* The rule holds from ``starts_at`` to ``ends_at`` and for ``max_runs`` tasks at most; what would come after is no
  occurrence. Skipping the next occurrence records it at once (*excluded*).
* A task is due at its occurrence plus its jitter, a fraction of ``jitter`` computed from (schedule, occurrence).
* *Run now* and *backfill* are marked as made by hand, obey the overlap policy, and have slot records of their own.
  A second *run now* within ``REPEAT_WINDOW`` answers as the first did, unless the schedule was edited in between. An
  occurrence is backfilled once: asking for it again is refused (requeue its task instead).
* A task's id is computed from (schedule, occurrence): firing the same occurrence twice makes the same task.
"""

from mainspring.core.schedule.change import ScheduleEdit, backfill, edit, new_schedule, pause, resume, skip_next
from mainspring.core.schedule.plan import Plan, ScheduleView, nudged, plan, run_now, task_ended
from mainspring.core.schedule.values import (
    AtMost,
    Buffered,
    CatchUp,
    CatchUpMode,
    Coalesced,
    Created,
    Overlap,
    Paused,
    Schedule,
    ScheduleEvent,
    Skipped,
    SkipReason,
    Slot,
    SlotOutcome,
    TaskTemplate,
    Waiting,
)

__all__ = [
    "AtMost",
    "Buffered",
    "CatchUp",
    "CatchUpMode",
    "Coalesced",
    "Created",
    "Overlap",
    "Paused",
    "Plan",
    "Schedule",
    "ScheduleEdit",
    "ScheduleEvent",
    "ScheduleView",
    "SkipReason",
    "Skipped",
    "Slot",
    "SlotOutcome",
    "TaskTemplate",
    "Waiting",
    "backfill",
    "edit",
    "new_schedule",
    "nudged",
    "pause",
    "plan",
    "resume",
    "run_now",
    "skip_next",
    "task_ended",
]
