"""A Crossbar that vouches for tokens, and does nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from service.dev.servers import HOST, free_port


class TokenCrossbar:
    """Crossbar as far as `GET /v2/token_auth` goes."""

    def __init__(self) -> None:
        self.accounts: dict[str, str] = {}
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Auth-Token", "")
        self.asked.append(token)
        if self.status != 200:
            return web.json_response({"data": {}, "status": "error"}, status=self.status)
        if token not in self.accounts:
            body = {"data": {}, "error": "401", "status": "error"}
            return web.json_response(body, status=401)
        data = {"account_id": self.accounts[token], "owner_id": "user-1", "method": "cb_user_auth"}
        return web.json_response({"data": data, "status": "success", "auth_token": token})


@asynccontextmanager
async def token_crossbar() -> AsyncIterator[tuple[TokenCrossbar, str]]:
    """Yield a running one that knows no token yet, and its address."""
    stand_in, application, port = TokenCrossbar(), web.Application(), free_port()
    application.router.add_get("/v2/token_auth", stand_in.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    yield stand_in, f"http://{HOST}:{port}"
    await runner.cleanup()
