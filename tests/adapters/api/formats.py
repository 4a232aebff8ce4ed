"""What the formats of our OpenAPI document look like, for schemathesis: it loads this module by itself."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("http-url", st.sampled_from(["https://example.com/hook", "http://[::1]:8080/a?b=c#d"]))
schemathesis.openapi.format("duration-text", st.sampled_from(["5s", "1h30m", "1.5h", "PT5M", "P1D", "2w"]))
schemathesis.openapi.format("retry-text", st.sampled_from(["mergent", "never", "fixed(5s, attempts=3)"]))
schemathesis.openapi.format("cron", st.sampled_from(["0 9 * * 1-5", "@daily", "*/5 * * * *", "0 0 30 2 *"]))
schemathesis.openapi.format("rrule", st.sampled_from(["FREQ=HOURLY", "FREQ=MONTHLY;BYDAY=3TU", "FREQ=DAILY;COUNT=3"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
