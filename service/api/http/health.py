"""Routes for liveness, readiness, places and metrics."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

Checks = Mapping[str, str]
"""Names of checks, each with its state: `ok`, or the problem."""

Examine = Callable[[], Awaitable[Checks]]

OK = "ok"


def health_routes(live: Examine, ready: Examine) -> list[web.RouteDef]:
    """Return `/healthz` and `/readyz`: 200 if every check is ok, else 503; both list all checks."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(await live())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(await ready())

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


def places_route(holders: Callable[[], Awaitable[object]]) -> web.RouteDef:
    """Return `/places`: the holders of the pool's places, as JSON. For the operator alone."""

    async def places(_: web.Request) -> web.Response:
        return web.json_response(await holders())

    return web.get("/places", places)


def metrics_routes(registry: CollectorRegistry) -> list[web.RouteDef]:
    """Return `/metrics`, in Prometheus's text format."""

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/metrics", metrics)]


def _answer(checks: Checks) -> web.Response:
    good = all(state == OK for state in checks.values())
    body = {"status": OK if good else "failing", "checks": dict(checks)}
    return web.json_response(body, status=200 if good else 503)
