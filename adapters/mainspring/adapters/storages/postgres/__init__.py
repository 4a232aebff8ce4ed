"""The Postgres storage: many workers on many machines around one database."""

from mainspring.adapters.storages.postgres.async_storage import AsyncPostgresStorage
from mainspring.adapters.storages.postgres.doctor import Quarantined, Report
from mainspring.adapters.storages.postgres.storage import PostgresStorage
from mainspring.adapters.storages.postgres.target import Target, read_target
from mainspring.adapters.storages.postgres.wakeups import PostgresWakeups

__all__ = [
    "AsyncPostgresStorage",
    "PostgresStorage",
    "PostgresWakeups",
    "Quarantined",
    "Report",
    "Target",
    "read_target",
]
