# What schemathesis is to know of Dwell beside its document.

import re

import schemathesis

DURATION = re.compile(r"([0-9.]+(ms|[smhd]))+|P[0-9.WDTHMS]+")
WAIT_MS = 50


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """A call that waits is right, and waits for five minutes if it is told to: here it does for a moment."""
    body = case.body
    if case.operation.definition.raw.get("operationId") != "acquire" or not isinstance(body, dict):
        return
    wait = body.get("wait")
    is_number = isinstance(wait, (int, float)) and not isinstance(wait, bool) and 0 <= wait <= 300_000
    if is_number or (isinstance(wait, str) and DURATION.fullmatch(wait)):
        body["wait"] = WAIT_MS


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
