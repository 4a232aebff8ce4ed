"""An operation of the API as a value: where it is, what it takes and gives. Routing and the document read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

from attrs import field, frozen

from mainspring.adapters.api.service import Service
from mainspring.core.access import ApiKey, Scope

MAX_BODY: Final = 1_048_576
MAX_BATCH_BODY: Final = 16 * 1_048_576
MAX_BATCH: Final = 1_000

Method: TypeAlias = Literal["GET", "POST", "PATCH", "DELETE"]


@frozen(kw_only=True)
class Asked:
    """A request that was let in and read: ``path`` holds the parts of the path, ``body`` and ``query`` the models."""

    service: Service
    key: ApiKey
    path: Mapping[str, str]
    headers: Mapping[str, str]
    query: Any = None
    body: Any = None

    @property
    def project(self) -> str:
        """The project of the key: nothing of another one is seen."""
        return self.key.project


@frozen(kw_only=True)
class Answer:
    """What is answered: plain data, a model, or a list of them; ``stream`` instead gives server-sent events.

    ``record`` makes the whole values of the core (see ``records``), for those who ask for them.
    """

    value: Any = None
    headers: Mapping[str, str] = field(factory=dict[str, str])
    stream: AsyncIterator[bytes] | None = None
    record: Callable[[], Any] | None = None


Handler: TypeAlias = Callable[[Asked], Awaitable[Answer]]


@frozen(kw_only=True)
class Operation:
    """One operation.

    ``takes``: the model of its body (None: a body is ignored); ``needs_body``: whether it may be left out. ``query``:
    the model of its query string. ``gives``: the type of its answer (None: there is no body). ``errors``: the
    statuses of its own refusals, beside those that any operation has. ``form``: whether a form is read too.
    """

    method: Method
    path: str
    id: str
    tag: str
    summary: str
    scope: Scope
    handler: Handler
    takes: Any = None
    needs_body: bool = True
    query: type | None = None
    gives: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()
    form: bool = False
    batch: bool = False
    events: bool = False
    sends: Mapping[str, str] = field(factory=dict[str, str])
    hears: Mapping[str, str] = field(factory=dict[str, str])

    @property
    def max_body(self) -> int:
        """How many bytes of body are read at most."""
        return MAX_BATCH_BODY if self.batch else MAX_BODY
