"""Asking a process on this machine how it is, over its Unix socket."""

from collections.abc import Mapping
from pathlib import Path

import aiohttp

ASK_TIMEOUT_S = 2.0


async def ask_health(socket: Path, question: str) -> Mapping[str, str] | None:
    """Return what `/healthz` or `/readyz` names, with its states; None where nobody answers."""
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(socket)),
                timeout=aiohttp.ClientTimeout(total=ASK_TIMEOUT_S),
            ) as session,
            session.get(f"http://worker{question}") as response,
        ):
            checks: Mapping[str, str] = (await response.json())["checks"]
            return checks
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
