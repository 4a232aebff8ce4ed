"""Why: from recorded facts to the chain of decisions about a task or an occurrence.

Rules:

* The chain goes *rule* (what asked for it), *occurrence* (when), *policy* (overlap, catch-up, retry), *gate* (due,
  queue, worker), *outcome* (what became of it), as far as it has come; what happened to a task stands in its order.
* Every reason names the fact that it rests on: a field of a value that was read, a slot record, a numbered event. What
  no record says is not guessed: a sentence then says what is not known.
* Nothing is decided here. What the settings say now is told of what was decided then only where the record names it.
"""

from mainspring.core.why.of_schedule import why_schedule
from mainspring.core.why.of_task import why_task
from mainspring.core.why.reasons import Reason, Stage

__all__ = ["Reason", "Stage", "why_schedule", "why_task"]
