"""Schedules of other systems: read from their files, said in our words, and compared with what they did there.

``read_file`` gives the schedules of a text, ``compare`` the fire times that change. Nothing of those systems is needed
or imported.
"""

from mainspring.adapters.dialects.compare import Comparison, compare, year_after
from mainspring.adapters.dialects.detect import FORMATS, read_file
from mainspring.adapters.dialects.documents import MAX_BYTES
from mainspring.adapters.dialects.imported import Carried, Clock, ImportedFile, ImportedSchedule, Once, Refused

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "Carried",
    "Clock",
    "Comparison",
    "ImportedFile",
    "ImportedSchedule",
    "Once",
    "Refused",
    "compare",
    "read_file",
    "year_after",
]
