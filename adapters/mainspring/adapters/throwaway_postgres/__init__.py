"""A PostgreSQL server of one's own, gone with whoever started it: for tests, figures and the demonstration."""

from mainspring.adapters.throwaway_postgres.binaries import Binaries, find_binaries
from mainspring.adapters.throwaway_postgres.server import Shutdown, ThrowawayPostgres

__all__ = ["Binaries", "Shutdown", "ThrowawayPostgres", "find_binaries"]
