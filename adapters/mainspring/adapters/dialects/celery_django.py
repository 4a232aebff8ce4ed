"""What ``manage.py dumpdata django_celery_beat`` writes: rows of several tables that point at one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

_TABLE: Final = "django_celery_beat."
_KINDS: Final = {
    "crontab": "crontabschedule",
    "interval": "intervalschedule",
    "solar": "solarschedule",
    "clocked": "clockedschedule",
}


def is_dump(rows: list[object]) -> bool:
    """Tell whether a list is such a dump: one row of it is enough."""
    return any(str(_member(row, "model")).startswith(_TABLE) for row in rows)


def django_entries(rows: list[object]) -> Iterator[tuple[str, object]]:
    """Give each periodic task with the schedule that it points at in the place of the key."""
    tables = {(_member(row, "model"), str(_member(row, "pk"))): _member(row, "fields") for row in rows}
    for (model, _), fields in tables.items():
        if model == f"{_TABLE}periodictask":
            yield str(_member(fields, "name")), _entry(fields, tables)


def _entry(fields: object, tables: dict[tuple[Any, str], Any]) -> dict[str, object]:
    entry: dict[str, object] = {name: _member(fields, name) for name in ("enabled", "last_run_at")}
    for kind, table in _KINDS.items():
        key = _member(fields, kind)
        if key is not None:
            found = tables.get((f"{_TABLE}{table}", str(key)))
            entry["schedule"] = {"event": "solar"} if kind == "solar" else found
    return entry


def _member(row: object, name: str) -> Any:
    return cast("dict[str, Any]", row).get(name) if isinstance(row, dict) else None
