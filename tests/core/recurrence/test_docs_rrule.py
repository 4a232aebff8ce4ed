"""The reference page on RRULE does what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "time-rrule.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here: wheel run")
def test_the_examples_of_the_reference_page_are_true() -> None:
    """Each rule stands beside an example, and every example gives what the page shows."""
    page = PAGE.read_text(encoding="utf-8")
    examples = "\n".join(FENCE.findall(page))
    assert page.count("```python") == len(FENCE.findall(page)) >= 20
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, PAGE.name, 0)
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(test, out=report.append)
    assert result.failed == 0, "".join(report)
    assert result.attempted > 50
