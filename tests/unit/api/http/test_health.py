import orjson
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from service.api.http.health import places_route


async def test_who_holds_the_places_is_told_as_json() -> None:
    async def told() -> object:
        return {"accounts": [{"account_id": "hog", "places": 30}], "endpoints": []}

    application = web.Application()
    application.add_routes([places_route(told)])
    found = await application.router.resolve(make_mocked_request("GET", "/places"))
    response = await found.handler(make_mocked_request("GET", "/places"))
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body) == await told()
