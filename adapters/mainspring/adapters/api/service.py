"""What the API stands on: the operations, the ports, and its settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import Attribute, field, frozen

from mainspring.adapters.api.gathering import Gathering
from mainspring.adapters.api.keyring import KeyRing
from mainspring.adapters.api.metrics import Metrics
from mainspring.adapters.api.repeats import Repeats
from mainspring.adapters.api.streams import Streams
from mainspring.adapters.api.tenants import Tenants
from mainspring.adapters.api.traffic import Traffic
from mainspring.adapters.operations import Operations
from mainspring.core.directory import AsyncDirectory
from mainspring.core.errors import InvalidInput
from mainspring.core.ports import AsyncStorage, Entropy

DEFAULT_RATE: Final = 100
DEFAULT_READY_LAG: Final = timedelta(minutes=5)


def utc_now() -> datetime:
    """Read this machine's clock: by which keys expire and limits are counted."""
    return datetime.now(UTC)


def _check_rate(instance: object, attribute: Attribute[int], value: int) -> None:
    if not 0 <= value <= 1_000_000:
        raise InvalidInput(
            "rate_limit", f"{value} is out of range", "use 1 to 1000000 requests a second, or 0 for none"
        )


@frozen(kw_only=True)
class ApiSettings:
    """How the API answers.

    ``rate_limit``: requests a second and key (0: any number). ``ready_lag``: how late the oldest due task may be
    before ``/readyz`` is red. ``open_metrics``: whether ``/metrics`` needs no key.
    """

    rate_limit: int = field(default=DEFAULT_RATE, validator=_check_rate)
    ready_lag: timedelta = DEFAULT_READY_LAG
    open_metrics: bool = False


class Service:
    """Everything that a handler may ask. Use one for each event loop."""

    def __init__(
        self,
        *,
        operations: Operations,
        storage: AsyncStorage,
        directory: AsyncDirectory,
        entropy: Entropy,
        settings: ApiSettings,
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.operations: Final = operations
        self.storage: Final = storage
        self.directory: Final = directory
        self.entropy: Final = entropy
        self.settings: Final = settings
        self.changed: Final = changed
        """Told when a project's settings were changed here."""
        self.now: Final = now
        self.keys: Final = KeyRing(directory, now)
        self.projects: Final = Tenants(directory, now)
        self.traffic: Final = Traffic(settings.rate_limit, now)
        self.gathering: Final = Gathering(operations)
        self.repeats: Final = Repeats(now)
        self.metrics: Final = Metrics()
        self.streams: Final = Streams()
