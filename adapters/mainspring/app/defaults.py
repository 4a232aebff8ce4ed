"""What holds for all tasks of an app that say nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from mainspring.adapters.operations.intake import Retry
from mainspring.core.errors import InvalidInput
from mainspring.core.retry import RetryPolicy
from mainspring.core.retry_text import parse_retry

RETRY: Final = "MAINSPRING_RETRY"


def project_retry(asked: Retry | None, environ: Mapping[str, str] = os.environ) -> RetryPolicy | None:
    """Give the retry policy of the whole project: the one asked for, else the environment's; None: there is none."""
    if isinstance(asked, RetryPolicy):
        return asked
    if asked is not None:
        return parse_retry(asked)
    text = environ.get(RETRY)
    if not text:
        return None
    try:
        return parse_retry(text)
    except InvalidInput as error:
        raise InvalidInput(RETRY + error.field.removeprefix("retry"), error.what, error.cure) from None
