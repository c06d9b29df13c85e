from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.endpoint import endpoint_of

schemes = st.sampled_from(["http", "https", "HTTP", "Https", "ftp", "", "javascript"])
odd = st.text("a.:@/\\[]%#? \t\r\n\x00\x7f0é。ß-_1f", max_size=15)
uris = st.builds("{}://{}".format, schemes, odd) | st.text() | odd


@given(uris)
@example("http://[")
@example("http://[::1%25eth0]/")
@example("http://a:99999/")
@example("http://a:٣/")
@example("http://a。b/")
@example("http://℀.example/")
@example("http://\ud800/")
def test_any_text_gives_an_endpoint_or_a_value_error(uri: str) -> None:
    with suppress(ValueError):
        endpoint = endpoint_of(uri)
        assert endpoint.scheme in ("http", "https")
        assert endpoint.host
        assert "@" not in endpoint.host
        assert 0 < endpoint.port < 65_536


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z][a-z0-9-]{0,10}){0,3}", fullmatch=True),
    st.integers(1, 65_535),
    st.from_regex(r"(/[a-z0-9]{0,5}){0,3}(\?[a-z=&@:]{0,9})?(#[a-z]{0,4})?", fullmatch=True),
)
def test_a_plain_uri_has_the_endpoint_it_says(scheme: str, host: str, port: int, rest: str) -> None:
    endpoint = endpoint_of(f"{scheme}://{host}:{port}{rest}")
    assert endpoint == (scheme, host, port)
    assert str(endpoint) == f"{scheme}://{host}:{port}"
