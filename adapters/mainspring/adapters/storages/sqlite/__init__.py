"""The SQLite storage: one file, the standard library, several processes at once."""

from mainspring.adapters.storages.sqlite.doctor import Quarantined, Report
from mainspring.adapters.storages.sqlite.opening import JournalMode, wal_is_safe
from mainspring.adapters.storages.sqlite.storage import SqliteStorage

__all__ = ["JournalMode", "Quarantined", "Report", "SqliteStorage", "wal_is_safe"]
