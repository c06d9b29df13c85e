"""A Crossbar that knows a few accounts and webhooks: documented envelopes, pages and errors."""

from collections.abc import Callable, Sequence
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web

from service.dev.servers import HOST

TOKEN = "eyJ0b2tlbg"

MASTER = "00000000000000000000000000000a01"
RESELLER = "00000000000000000000000000000b02"
CUSTOMER = "00000000000000000000000000000c03"
BRANCH = "00000000000000000000000000000d04"


class Crossbar:
    """Accounts and webhooks are plain dictionaries, which a test may change at any time."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.webhooks: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.forbidden: set[str] = set()
        self.busy = 0
        """How many requests to answer 429 before the next one is served."""
        self.garbage: bytes | None = None
        self.lists_trees = True
        self.url = ""

    def add_account(self, account_id: str, name: str, *tree: str, reseller: str = MASTER) -> None:
        self.accounts[account_id] = {
            "id": account_id,
            "name": name,
            "tree": list(tree),
            "reseller_id": reseller,
        }

    def add_webhook(self, webhook_id: str, account_id: str = CUSTOMER, **members: Any) -> None:
        self.webhooks[webhook_id] = {
            "id": webhook_id,
            "owner": account_id,
            "name": f"hook {webhook_id}",
            "uri": "https://hooks.example.net/kazoo",
            "hook": "channel_create",
            "http_verb": "post",
            "format": "json",
            "retries": 3,
            "enabled": True,
            "include_internal_legs": True,
            **members,
        }

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/v2/accounts/{path:.+}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.raw_path)
        if self.garbage is not None:
            return web.Response(body=self.garbage)
        if self.busy:
            self.busy -= 1
            return failure(429, "too_many_requests")
        if request.headers.get("X-Auth-Token") != TOKEN:
            return failure(401, "invalid_credentials")
        _, _, _, account_id, *rest = map(unquote, request.rel_url.raw_path.split("/"))
        if account_id in self.forbidden:
            return failure(403, "forbidden")
        if account_id not in self.accounts:
            return failure(404, "bad_identifier", {"cause": account_id})
        return self._below(account_id, rest, request)

    def _below(self, account_id: str, path: list[str], request: web.Request) -> web.Response:
        match path:
            case []:
                account = self.accounts[account_id]
                return success({key: account[key] for key in account if key != "tree"})
            case ["tree"]:
                tree = self.accounts[account_id]["tree"]
                return success([{"id": id_, "name": self.accounts[id_]["name"]} for id_ in tree])
            case ["descendants"]:
                return self._descendants(account_id, request)
            case ["webhooks"]:
                return self._summaries(account_id, request)
            case ["webhooks", webhook_id]:
                return self._webhook(webhook_id)
        return failure(404, "not_found")

    def _descendants(self, account_id: str, request: web.Request) -> web.Response:
        """Ordered and paged by name, as Kazoo's view is; without the reseller."""
        members = ("id", "name", "tree") if self.lists_trees else ("id", "name")
        below = [a for a in self.accounts.values() if account_id in a["tree"]]
        items = [{key: account[key] for key in members} | {"flags": []} for account in below]
        items.sort(key=by_name)
        return page(items, by_name, request)

    def _summaries(self, account_id: str, request: web.Request) -> web.Response:
        shown = ("id", "hook", "name", "uri", "enabled", "disable_reason")
        own = [hook for hook in self.webhooks.values() if hook["owner"] == account_id]
        items = [{key: hook[key] for key in shown if key in hook} for hook in own]
        items.sort(key=by_id)
        return page(items, by_id, request)

    def _webhook(self, webhook_id: str) -> web.Response:
        if webhook_id not in self.webhooks:
            return failure(404, "bad_identifier", {"cause": webhook_id})
        hidden = ("owner", "disable_reason")
        document = self.webhooks[webhook_id]
        return success({key: value for key, value in document.items() if key not in hidden})


def by_name(item: dict[str, Any]) -> str:
    return str(item["name"])


def by_id(item: dict[str, Any]) -> str:
    return str(item["id"])


def page(
    items: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], str], request: web.Request
) -> web.Response:
    size, start = int(request.query.get("page_size", 50)), request.query.get("start_key", "")
    left = [item for item in items if key(item) >= start]
    more = {"next_start_key": key(left[size])} if len(left) > size else {}
    return success(left[:size], page_size=len(left[:size]), start_key=start, **more)


def success(data: Any, **members: Any) -> web.Response:
    envelope = {"data": data, "status": "success", "request_id": "2c8b9f", "auth_token": TOKEN}
    return web.json_response(envelope | members)


def failure(status: int, message: str, data: Any = None) -> web.Response:
    envelope = {
        "data": data or {"message": message},
        "error": str(status),
        "message": message,
        "status": "error",
    }
    return web.json_response(envelope, status=status)
