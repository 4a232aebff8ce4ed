"""The Postgres storage: many workers on many machines around one database."""

from mainspring.adapters.storages.postgres.storage import PostgresStorage
from mainspring.adapters.storages.postgres.target import Target, read_target

__all__ = ["PostgresStorage", "Target", "read_target"]
