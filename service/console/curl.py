"""Write an attempt as a command that sends the same request by hand."""

import shlex
from collections.abc import Mapping
from typing import Any

HIDDEN = "(hidden)"


def curl_of(attempt: Mapping[str, Any]) -> str | None:
    """Return the command; None if the log did not keep the request.

    Headers whose values the log hides are left out: signature and credentials.
    """
    if attempt.get("method") is None:
        return None
    lines = [f"curl -X {shlex.quote(str(attempt['method']))}"]
    for name, value in (attempt.get("req_headers") or {}).items():
        if value != HIDDEN and name.lower() != "content-length":
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    uri, body = str(attempt["uri"]), attempt.get("req_body") or ""
    if attempt["method"] == "GET":
        uri = f"{uri}?{body}" if body else uri
    elif body:
        lines.append(f"--data-raw {shlex.quote(body)}")
    return " \\\n  ".join([*lines, shlex.quote(uri)])
