"""Whole runs: some seeds hold, all of them can be repeated, and the command says what it did."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mainspring.simulation import play, swarm_of
from mainspring.simulation.__main__ import main
from mainspring.simulation.campaign import Tally, all_edges, judge, report, shrunk
from mainspring.simulation.checkers import breaches
from mainspring.simulation.trace import Calm, NodeDown, Probed, Struck
from simulation.planted import around


@pytest.mark.parametrize("seed", range(20))
def test_no_invariant_is_broken(seed: int) -> None:
    """I1 to I16 and L1 to L6 hold in every run."""
    assert judge(str(seed)).breaches == ()


@pytest.mark.parametrize("seed", ["3", "14"])
def test_the_same_seed_gives_the_same_trace(seed: str) -> None:
    """I17: nothing but the seed decides."""
    assert play(swarm_of(seed)).digest() == play(swarm_of(seed)).digest()


def test_the_trace_does_not_depend_on_the_hash_seed() -> None:
    """I17: the order of sets and dicts of strings plays no part."""
    code = "from mainspring.simulation import *; [print(play(swarm_of(str(seed))).digest()) for seed in range(4)]"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    }
    assert len(found) == 1
    assert len(next(iter(found)).split()) == 4


def test_seeds_differ() -> None:
    """Another seed is another run."""
    assert play(swarm_of("1")).digest() != play(swarm_of("2")).digest()


def test_the_last_part_of_a_run_is_free_of_faults() -> None:
    """Liveness is judged where nothing goes wrong any more, and something is asked for there."""
    trace = play(swarm_of("6"))
    calm = next(trace.of(Calm)).tick
    assert all(struck.tick <= calm for struck in trace.of(Struck))
    assert all(down.tick <= calm + 20 for down in trace.of(NodeDown))
    assert len([*trace.of(Probed)]) == 3


def test_a_run_without_an_end_of_its_own_is_still_small() -> None:
    """What holds cannot be shrunk: the run is given back as it is."""
    swarm = swarm_of("1")
    assert shrunk(swarm) is swarm


def test_a_report_shows_the_trace() -> None:
    """A replay shows the set-up, the digest, and what happened."""
    swarm = swarm_of("1")
    lines = [*report(swarm, whole=True)]
    assert lines[1] == f"digest {play(swarm).digest()}"
    assert lines[-1] == "no invariant is broken"
    assert breaches(play(swarm)) == []


def test_a_tally_names_what_never_happened() -> None:
    """A fault class or an edge that no seed met is no silent gap."""
    tally = Tally()
    assert set(map(" ".join, all_edges())) <= set(tally.uncovered())
    tally.add(judge("4"))
    assert "Pending RunStarted Running" not in tally.uncovered()


def test_the_command_plays_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how many seeds were played, what was covered, and that nothing was broken."""
    assert main(["--seeds", "2", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 seeds, ")
    assert said.endswith("0 seeds with breaches\n")


def test_the_command_replays_a_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """One line repeats a run."""
    assert main(["--seed", "1"]) == 0
    assert "no invariant is broken" in capsys.readouterr().out


def test_the_command_stops_when_its_time_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    """What was played until then is counted; what an early end left out is no failure."""
    assert main(["--seeds", "5000", "--jobs", "2", "--seconds", "0", "--covered"]) == 0
    said = capsys.readouterr().out
    assert int(said.split()[0]) < 5_000
    assert "0 seeds with breaches" in said


def test_a_run_that_breaks_is_made_small() -> None:
    """People, fault classes and time go as long as something stays broken; what is left still breaks, and is told."""
    with around.NoRate.planted() as stage:
        seeds, _ = around.NoRate.hunt()
        swarm = swarm_of(str(seeds - 1))
        small = shrunk(swarm, stage)
        lines = [*report(small, stage)]
    assert small.workers <= swarm.workers
    assert len(small.faults) < len(swarm.faults)
    assert small.storm <= swarm.storm
    assert lines[-1].startswith("I11: ")
    assert len(lines) < 80
