# What schemathesis is to know of Dwell beside its document.

import schemathesis


@schemathesis.hook
def map_body(ctx, body):
    """A call that waits is no failure, but one that waits five minutes is no test either."""
    if isinstance(body, dict) and "wait" in body and ctx.operation.definition.raw.get("operationId") == "acquire":
        body["wait"] = min(body["wait"], 50) if isinstance(body["wait"], (int, float)) else "50ms"
    return body


@schemathesis.serializer("application/x-ndjson")
def ndjson(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
