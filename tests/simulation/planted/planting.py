"""How a bug is planted: another storage, something around the port, or a patched step; never in the code itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from attrs import frozen

from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.ports import AsyncStorage
from mainspring.simulation.campaign import Result, judge
from mainspring.simulation.virtual import Node
from mainspring.simulation.world import Stage, World

SEEDS = 200
"""Within how many seeds a bug has to be caught."""


class Around:
    """What a process sees of the storage; an operation that is not written down here is passed on."""

    def __init__(self, inner: AsyncStorage, world: World, node: Node) -> None:
        self.inner = inner
        self.world = world
        self.node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @property
    def skew(self) -> Any:
        """How wrong this process's clock is."""
        return self.world.wall(self.node) - self.world.now()


@frozen
class Bug:
    """A bug: its name as in the design, which invariants may notice it, and how it is planted."""

    name: str
    caught_by: frozenset[str]
    around: type[Around] | None = None
    storage: type[MemoryStorage] | None = None
    patches: Sequence[tuple[Any, str, Any]] = ()

    @property
    def stage(self) -> Stage:
        """The stage on which the bug is planted."""
        around, storage = self.around, self.storage
        plain = Stage()

        def made(clock: Clock) -> MemoryStorage:
            return plain.storage(clock) if storage is None else storage(clock=clock)

        def seen(inner: AsyncStorage, world: World, node: Node) -> Any:
            return inner if around is None else around(inner, world, node)

        return Stage(storage=made, around=seen)

    @contextmanager
    def planted(self) -> Generator[Stage]:
        """Plant the bug for as long as the block lasts."""
        with ExitStack() as stack:
            for owner, name, value in self.patches:
                stack.enter_context(_patched(owner, name, value))
            yield self.stage

    def hunt(self, seeds: int = SEEDS) -> tuple[int, Result]:
        """Play seeds until one breaks an invariant; give how many it took."""
        with self.planted() as stage:
            for seed in range(seeds):
                result = judge(str(seed), stage)
                if result.breaches:
                    return seed + 1, result
        raise AssertionError(f"{self.name} was not caught within {seeds} seeds")


@contextmanager
def _patched(owner: Any, name: str, value: Any) -> Generator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def bug(name: str, *caught_by: str, patches: Sequence[tuple[Any, str, Any]] = ()) -> Callable[[Any], Bug]:
    """Make a bug of what stands between a process and the storage, or of a storage."""

    def make(kind: Any) -> Bug:
        if issubclass(kind, MemoryStorage):
            return Bug(name, frozenset(caught_by), storage=kind, patches=patches)
        return Bug(name, frozenset(caught_by), around=kind, patches=patches)

    return make
