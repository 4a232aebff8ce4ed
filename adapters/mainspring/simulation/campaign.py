"""Many seeds: played on several processes, counted, and the first that breaks an invariant made small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from attrs import define, field, frozen
from attrs import evolve as changed

from mainspring.core.machine import TRANSITIONS
from mainspring.simulation.checkers import breaches, first_breach
from mainspring.simulation.swarm import FAULTS, Swarm, swarm_of
from mainspring.simulation.trace import Trace, Wrote
from mainspring.simulation.world import Stage, play

SHORTEST = 20.0
"""Seconds: a shorter storm shows nothing."""
MAX_STEPS = 100
"""How many times a run is made smaller at most."""
LAST = 50
"""How many entries before a breach are shown."""


@frozen(kw_only=True)
class Result:
    """What one seed came to."""

    seed: str
    events: int
    breaches: tuple[str, ...]
    faults: Counter[str]
    edges: Counter[tuple[str, str, str]]
    marks: Counter[str]


@define
class Tally:
    """What many seeds came to."""

    seeds: int = 0
    events: int = 0
    broken: list[Result] = field(factory=list[Result])
    faults: Counter[str] = field(factory=Counter[str])
    edges: Counter[tuple[str, str, str]] = field(factory=Counter[tuple[str, str, str]])
    marks: Counter[str] = field(factory=Counter[str])

    def add(self, result: Result) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.events += result.events
        self.faults += result.faults
        self.edges += result.edges
        self.marks += result.marks
        if result.breaches:
            self.broken.append(result)

    def lines(self) -> Iterator[str]:
        """Say what was covered: every fault class, every edge of the published table, every ``sometimes`` point."""
        yield f"{self.seeds} seeds, {self.events} events ({self.events // max(self.seeds, 1)} a seed)"
        yield "faults:"
        yield from (f"  {self.faults[name]:9} {name}" for name in FAULTS)
        yield "edges of the task machine:"
        yield from (f"  {self.edges[edge]:9} {' '.join(edge)}" for edge in all_edges())
        yield "sometimes:"
        yield from (f"  {count:9} {name}" for name, count in sorted(self.marks.items()))

    def uncovered(self) -> list[str]:
        """Name what never happened."""
        faults = [name for name in FAULTS if not self.faults[name]]
        return faults + [" ".join(edge) for edge in all_edges() if not self.edges[edge]]


def all_edges() -> list[tuple[str, str, str]]:
    """Name every edge of the published table: from, event, to."""
    return [
        (before.__name__, event.__name__, after.__name__)
        for before, events in TRANSITIONS.items()
        for event, after in events.items()
    ]


def edges_of(trace: Trace) -> Counter[tuple[str, str, str]]:
    """Count the edges of the published table that a trace passes."""
    edges: Counter[tuple[str, str, str]] = Counter()
    for write in trace.of(Wrote):
        state = type(write.before.state)
        for event in write.decision.events:
            after = TRANSITIONS[state].get(type(event))
            if after is None:
                break
            edges[state.__name__, type(event).__name__, after.__name__] += 1
            state = after
    return edges


def judge(seed: str, stage: Stage | None = None) -> Result:
    """Play one seed and check it."""
    trace = play(swarm_of(seed), stage)
    return Result(
        seed=seed,
        events=trace.calls + len(trace.entries),
        breaches=tuple(breaches(trace)),
        faults=trace.faults,
        edges=edges_of(trace),
        marks=trace.marks,
    )


def campaign(seeds: Iterable[int], jobs: int) -> Generator[Result]:
    """Play seeds, ``jobs`` at a time; the results come in the order of the seeds."""
    names = map(str, seeds)
    if jobs == 1:
        yield from map(judge, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(judge, names, chunksize=8)


def shrunk(swarm: Swarm, stage: Stage | None = None) -> Swarm:
    """Make a run that breaks an invariant smaller for as long as it breaks one: actors, fault classes, then time."""
    if not _breaks(swarm, stage):
        return swarm
    for _ in range(MAX_STEPS):
        smaller = next(filter(partial(_breaks, stage=stage), _smaller(swarm)), None)
        if smaller is None:
            break
        swarm = smaller
    return swarm


def _smaller(swarm: Swarm) -> Iterator[Swarm]:
    if swarm.operators:
        yield changed(swarm, operators=swarm.operators - 1)
    if swarm.schedules:
        yield changed(swarm, schedules=swarm.schedules - 1)
    if swarm.clients:
        yield changed(swarm, clients=swarm.clients - 1)
    if swarm.workers > 1:
        yield changed(swarm, workers=swarm.workers - 1)
    yield from (swarm.without(fault) for fault in swarm.faults)
    yield from (changed(swarm, storm=swarm.storm * part) for part in (0.5, 0.75) if swarm.storm * part >= SHORTEST)


def _breaks(swarm: Swarm, stage: Stage | None) -> bool:
    return bool(breaches(play(swarm, stage)))


def report(swarm: Swarm, stage: Stage | None = None, whole: bool = False) -> Iterator[str]:
    """Tell a run: its set-up, its trace (the end before the first breach, or all of it), and what was broken."""
    trace = play(swarm, stage)
    yield f"seed {swarm.seed}: {swarm}"
    yield f"digest {trace.digest()}"
    found = first_breach(trace)
    lines = [*trace.lines()]
    end = len(lines) if found is None else found[0]
    yield from lines if whole else lines[max(0, end - LAST) : end]
    if found is None:
        yield "no invariant is broken"
    else:
        yield f"after {end} entries: {found[1]}"
        yield from breaches(trace)[:20]
