"""Health checks of a process on this machine, over its Unix socket."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

ASK_TIMEOUT_S = 2.0


async def ask_health(socket: Path, question: str) -> Mapping[str, str] | None:
    """Return the states that `/healthz` or `/readyz` lists; None without an answer."""
    answer = await ask(socket, question)
    checks: Mapping[str, str] | None = None if answer is None else answer.get("checks")
    return checks


async def ask(socket: Path, question: str) -> Mapping[str, Any] | None:
    """Return the JSON object at a path; None without an answer."""
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(socket)),
                timeout=aiohttp.ClientTimeout(total=ASK_TIMEOUT_S),
            ) as session,
            session.get(f"http://worker{question}") as response,
        ):
            answer = await response.json()
            return answer if isinstance(answer, dict) else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
