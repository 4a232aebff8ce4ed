"""One run: the production engine, core and storage in virtual time, with everything that goes wrong around them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen

from mainspring.adapters.engine import EngineSettings, Retention, Worker
from mainspring.adapters.operations.asynchronous import Operations
from mainspring.adapters.operations.intake import TaskRequest
from mainspring.adapters.storages.asynchronous import AsyncOver
from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.ports import AsyncStorage
from mainspring.core.queue import QueueEdit
from mainspring.core.retry import Never
from mainspring.core.states import TERMINAL
from mainspring.core.task import Call, FunctionCall, Task
from mainspring.simulation.actors import PROJECTS, QUEUES, Client, Operator, limits_of, schedule_request
from mainspring.simulation.dice import Dice
from mainspring.simulation.faults import FaultyStorage
from mainspring.simulation.receiver import Receiver, Whisper
from mainspring.simulation.swarm import Swarm
from mainspring.simulation.trace import (
    Bounds,
    Calm,
    Inserted,
    NodeDown,
    NodeUp,
    Over,
    Probed,
    ScheduleMade,
    Struck,
    Trace,
)
from mainspring.simulation.truth import Witness
from mainspring.simulation.virtual import Node, VirtualLoop, current_node, run_virtually

LONGEST_CALL: Final = timedelta(seconds=20)
"""The longest time-out that clients ask for."""
EVERY_SLOT: Final = 1_000_000
PATIENCE: Final = 200
"""How often five seconds are waited for what is left to come to its end."""
PROBES: Final = 3
NOBODY: Final = Context()
"""The context of what belongs to no process."""

Around: TypeAlias = "Callable[[AsyncStorage, World, Node], AsyncStorage]"


@frozen(kw_only=True)
class Stage:
    """What may be put in the place of the real parts: another storage, or something around what each process sees."""

    storage: Callable[[Clock], MemoryStorage] = lambda clock: MemoryStorage(clock=clock)
    around: Around = lambda storage, world, node: storage


@define(eq=False)
class Process:
    """A worker process: its node, its engine, and the event that is set when it is no more."""

    node: Node
    worker: Worker
    whisper: Whisper
    gone: asyncio.Event = field(factory=asyncio.Event)

    def ended(self, running: asyncio.Task[None]) -> None:
        """Note that the engine has stopped by itself."""
        self.gone.set()


class World:
    """Everything that takes part in a run; also the ``Weather`` of every process."""

    def __init__(self, swarm: Swarm, loop: VirtualLoop, stage: Stage) -> None:
        self.swarm = swarm
        self.loop = loop
        self.calm = swarm.storm <= 0
        self.closed = False
        self.trace = Trace(Bounds(lease=swarm.lease, poll=swarm.poll, longest_call=LONGEST_CALL))
        self._stage = stage
        self._dice = Dice(swarm.seed)
        self._luck = self._dice.branch("faults")
        self._away_until = -1.0
        self._everybody_away_until = -1.0
        self._skews: dict[str, timedelta] = {}
        self._nodes: list[Node] = []
        self._processes: list[Process] = []
        self.memory = stage.storage(self.now)
        self.witness = Witness(self.memory, self.trace, self.now, self.tick, self._actor)
        self.memory.subscribe(self._hint)

    # --- the weather -------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Tell the storage's true clock."""
        return self.swarm.start + timedelta(seconds=self.loop.time())

    def tick(self) -> float:
        """Tell the virtual seconds since the start."""
        return self.loop.time()

    def wall(self, node: Node) -> datetime:
        """Tell the wall clock of a process: nothing may depend on it."""
        return self.now() + self._skews.get(node.name, timedelta(0))

    @property
    def away(self) -> bool:
        """Whether the storage is away."""
        return self.loop.time() < self._away_until

    def left(self, seconds: float) -> float:
        """Cut a delay off at the end of the faults."""
        return seconds if self.calm else max(0.0, min(seconds, self.swarm.storm - self.loop.time()))

    def strikes(self, fault: str, what: str) -> bool:
        """Draw whether a fault strikes now, and write it down."""
        if self.calm or self.closed or not self._luck.chance(self.swarm.intensity(fault)):
            return False
        self._struck(fault, what)
        return True

    def _struck(self, fault: str, what: str) -> None:
        self.trace.add(Struck(at=self.now(), tick=self.tick(), actor=self._actor(), fault=fault, what=what))

    def kill(self, node: Node, how: str) -> None:
        """End a process; nothing of it runs any more."""
        if node.dead or self.closed:
            return
        node.dead = True
        self.trace.add(NodeDown(at=self.now(), tick=self.tick(), actor=node.name, how=how))
        for process in self._processes:
            if process.node is node:
                process.whisper.deaf = True
                process.gone.set()

    def freeze(self, node: Node) -> None:
        """Stop a process for a while."""
        if node.frozen or node.dead:
            return
        node.frozen = True
        seconds = self.left(self._luck.scaled(0.05, 3) * self.swarm.lease.total_seconds())
        self._later(seconds, lambda: self.loop.thaw(node))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something that belongs to no process."""
        NOBODY.run(self.loop.call_later, seconds, act)

    @staticmethod
    def _actor() -> str:
        node = current_node()
        return "" if node is None else node.name

    def _hint(self) -> None:
        for process in self._processes:
            process.whisper.heard()

    # --- processes ---------------------------------------------------------------------------------------------------

    def _node(self, name: str) -> Node:
        node = Node(name)
        self._nodes.append(node)
        if self.swarm.intensity("clock wrong"):
            self._skews[name] = timedelta(seconds=self._luck.between(-15, 15))
            self._struck("clock wrong", name)
        return node

    def _storage(self, node: Node) -> AsyncStorage:
        faulty = FaultyStorage(self.witness, node, self, self._dice.branch(f"travel {node.name}"), self.trace)
        return self._stage.around(faulty, self, node)

    def _process(self, name: str) -> Process:
        node, swarm = self._node(name), self.swarm
        dice = self._dice.branch(name)
        whisper = Whisper(self, dice.branch("hints"), self._later)
        whisper.deaf = swarm.deaf
        kept = swarm.retention
        worker = Worker(
            storage=self._storage(node),
            executor=Receiver(node, self, dice.branch("receiver"), self.trace, swarm.lease),
            wakeups=whisper,
            entropy=dice,
            settings=EngineSettings(
                lease=swarm.lease,
                poll=swarm.poll,
                concurrency=swarm.concurrency,
                batch=swarm.batch,
                grace=swarm.grace,
                retention=Retention(succeeded=kept, cancelled=kept, expired=kept),
            ),
            name=name,
        )
        return Process(node, worker, whisper)

    async def _slot(self, number: int) -> None:
        """Keep one worker process up: start it, let it be killed or restarted, and start the next one."""
        dice = self._dice.branch(f"slot {number}")
        for life in range(1_000):
            await self._wait_until_back()
            process = self._process(f"w{number}.{life}")
            self._processes.append(process)
            self.trace.add(NodeUp(at=self.now(), tick=self.tick(), actor=process.node.name))
            running = process.node.run(self.loop, process.worker.run())
            running.add_done_callback(process.ended)
            await process.gone.wait()
            self._processes.remove(process)
            if not process.node.dead:
                self.trace.add(NodeDown(at=self.now(), tick=self.tick(), actor=process.node.name, how="stopped"))
                if running.done() and not running.cancelled() and running.exception() is not None:
                    raise RuntimeError(f"{process.node.name} ended by itself") from running.exception()
            await asyncio.sleep(0.1 if self.calm else self.left(dice.scaled(0.1, 20)))

    async def _wait_until_back(self) -> None:
        while not self.calm and self.loop.time() < self._everybody_away_until:
            await asyncio.sleep(self.left(self._everybody_away_until - self.loop.time()) or 0.001)

    async def _come(self, fault: str, strike: Callable[[Dice], None]) -> None:
        """Let a fault that comes of itself strike now and then until the calm."""
        rate = self.swarm.intensity(fault)
        if rate <= 0:
            return
        dice = self._dice.branch(f"come {fault}")
        while not self.calm:
            await asyncio.sleep(self.left(dice.wait(1 / rate)))
            if not self.calm:
                self._struck(fault, "")
                strike(dice)

    def _kill_one(self, dice: Dice) -> None:
        if self._processes:
            self.kill(dice.pick(self._processes).node, "killed")

    def _stop_one(self, dice: Dice) -> None:
        if self._processes:
            dice.pick(self._processes).worker.stop()

    def _go_away(self, dice: Dice) -> None:
        self._away_until = self.loop.time() + self.left(dice.scaled(0.5, 60))

    def _all_down(self, dice: Dice) -> None:
        self._everybody_away_until = self.loop.time() + dice.scaled(10, 200)
        for process in [*self._processes]:
            self.kill(process.node, "everybody away")

    def _jump(self, dice: Dice) -> None:
        for name in self._skews:
            self._skews[name] = timedelta(seconds=dice.between(-3600, 3600))

    # --- people ------------------------------------------------------------------------------------------------------

    def _operations(self, node: Node) -> Operations:
        return Operations(self._storage(node), self._dice.branch(f"ids {node.name}"), _any_call)

    async def _client(self, number: int) -> None:
        """Keep a client up: if its process is killed, the next one goes on where it was."""
        dice = self._dice.branch(f"client {number}")
        client = Client(f"c{number}", dice, self, self.trace, dice.scaled(2, 12))
        for life in range(1_000):
            node = self._node(f"c{number}.{life}")
            work = node.run(self.loop, client.live(self._operations(node), node.name))
            while not work.done() and not node.dead:
                await asyncio.wait([work], timeout=1)
            if work.done():
                work.result()
                return

    async def _operator(self, number: int) -> None:
        dice = self._dice.branch(f"operator {number}")
        operator = Operator(dice, self, PROJECTS[number % len(PROJECTS)], dice.scaled(2, 15))
        for life in range(1_000):
            node = self._node(f"o{number}.{life}")
            self.trace.projects[node.name] = operator.project
            work = node.run(self.loop, operator.live(self._operations(node)))
            while not work.done() and not node.dead:
                await asyncio.wait([work], timeout=1)
            if work.done():
                work.result()
                return

    async def _set_up(self) -> None:
        """Configure the queues and create the schedules, before anything goes wrong."""
        dice = self._dice.branch("set-up")
        operations = Operations(AsyncOver(self.witness, inline=True), dice.branch("ids"), _any_call)
        for project in PROJECTS:
            for name in QUEUES:
                edit = limits_of(name, dice)
                if edit != QueueEdit():
                    await operations.edit_queue(name, edit, project)
        for number in range(self.swarm.schedules):
            try:
                await operations.create_schedule(schedule_request(number, dice, self.now(), self.swarm.zone))
            except (InvalidInput, Conflict):
                continue

    # --- the run -----------------------------------------------------------------------------------------------------

    async def run(self) -> Trace:
        """Play the run to its end."""
        try:
            await self._play()
        finally:
            self.closed = True
            for node in self._nodes:
                node.dead = False
                self.loop.thaw(node)
        return self.trace

    async def _play(self) -> None:
        await self._set_up()
        swarm = self.swarm
        works: list[Coroutine[Any, Any, None]] = [
            *(self._slot(number) for number in range(swarm.workers)),
            *(self._client(number) for number in range(swarm.clients)),
            *(self._operator(number) for number in range(swarm.operators)),
            self._come("process killed", self._kill_one),
            self._come("process restarted", self._stop_one),
            self._come("storage away", self._go_away),
            self._come("everybody away", self._all_down),
            self._come("clock jumps", self._jump),
        ]
        running = [self.loop.create_task(work) for work in works]
        await self._pass(swarm.storm, running)
        self.calm = True
        self._away_until = -1.0
        self.trace.add(Calm(at=self.now(), tick=self.tick(), actor=""))
        for node in self._nodes:
            if node.frozen and not node.dead:
                self.loop.thaw(node)
        await self._pass(swarm.calm, running)
        for _ in range(PATIENCE):
            if self._drained():
                break
            await self._pass(5, running)
        await self._probe(running)
        self._dump()

    def _drained(self) -> bool:
        """Whether everything that was asked for before the calm has ended."""
        calm = next(self.trace.of(Calm))
        early = {entry.task.id for entry in self.trace.of(Inserted) if entry.tick < calm.tick}
        return all(task_id not in early or isinstance(task.state, TERMINAL) for task_id, task in self._live())

    def _live(self) -> list[tuple[TaskId, Task]]:
        return [(task_id, task) for task_id, task in self.witness.tasks.items()]

    async def _probe(self, running: list[asyncio.Task[None]]) -> None:
        """Create a few tasks now that all is quiet: they have to start at once."""
        dice = self._dice.branch("probe")
        operations = Operations(AsyncOver(self.witness, inline=True), dice, _any_call)
        for _ in range(PROBES):
            task = await operations.create_task(TaskRequest(call=FunctionCall(function="probe"), retry=Never()))
            self.trace.add(Probed(at=self.now(), tick=self.tick(), actor="", task_id=task.id))
            bounds = self.trace.bounds
            await self._pass((bounds.poll + bounds.slack).total_seconds() + dice.between(0, 2), running)

    @staticmethod
    async def _pass(seconds: float, running: list[asyncio.Task[None]]) -> None:
        """Let time pass; whatever fails in the simulation itself fails the run."""
        await asyncio.sleep(seconds)
        for work in running:
            if work.done():
                work.result()

    def _dump(self) -> None:
        witness = self.witness
        self.trace.add(
            Over(
                at=self.now(),
                tick=self.tick(),
                actor="",
                tasks={task_id: self.memory.get(task_id) for task_id in witness.tasks},
                histories={task_id: self.memory.history(task_id) for task_id in witness.tasks},
                schedules={schedule_id: self.memory.get_schedule(schedule_id) for schedule_id in witness.schedules},
                slots={
                    entry.schedule.id: self.memory.slots(entry.schedule.id, EVERY_SLOT)
                    for entry in self.trace.of(ScheduleMade)
                },
            )
        )


def _any_call(call: Call) -> None:
    """Every call is known to the receiver."""


@contextmanager
def _quiet() -> Generator[None]:
    """Let the engine's log be silent: a run has thousands of warnings, all of them meant."""
    log = logging.getLogger("mainspring")
    before = log.disabled
    children = logging.getLogger("mainspring.engine")
    children_before = children.disabled
    log.disabled = children.disabled = True
    try:
        yield
    finally:
        log.disabled = before
        children.disabled = children_before


def play(swarm: Swarm, stage: Stage | None = None) -> Trace:
    """Play one run."""
    with _quiet():
        return run_virtually(lambda loop: World(swarm, loop, stage or Stage()).run())
