"""What the OpenAPI document promises holds for whatever it allows, and for what it forbids."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.api.serving import Api

EXAMPLES = os.environ.get("MAINSPRING_API_EXAMPLES", "3")
"""How many cases of each operation are made, beside those of the coverage phase; 150 come to more than 20,000."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
)
PHASES = "examples,fuzzing,stateful" if EXAMPLES == "3" else "examples,coverage,fuzzing,stateful"


@pytest.mark.timeout(3_600)
def test_every_answer_is_one_that_the_document_promises(tmp_path: Path) -> None:
    """No 5xx, no undocumented status or field, nothing forbidden accepted, nothing open that needs a key."""
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": str(Path(__file__).parent)}
    with Api(f"sqlite:///{tmp_path}/s.db") as api:
        line = [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"),
            *(f"{api.url}/openapi.json", "--header", f"Authorization: Bearer {api.key}"),
            *("--phases", PHASES, "--max-examples", EXAMPLES, "--checks", ",".join(CHECKS), "--seed", "7"),
            *("--exclude-operation-id", "followTask", "--exclude-operation-id", "followProject"),
            *("--continue-on-failure", "--no-color", "--suppress-health-check", "all"),
        ]
        ran = subprocess.run(line, capture_output=True, text=True, timeout=3_500, env=environment, cwd=tmp_path)
        assert ran.returncode == 0, ran.stdout[-8_000:] + ran.stderr[-2_000:]
        assert api("GET", "/readyz", key="").status in (200, 503)
