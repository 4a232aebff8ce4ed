"""The whole system in virtual time, under every fault, by seed."""

from mainspring.simulation.swarm import Swarm, swarm_of
from mainspring.simulation.trace import Trace
from mainspring.simulation.world import Stage, play

__all__ = ["Stage", "Swarm", "Trace", "play", "swarm_of"]
