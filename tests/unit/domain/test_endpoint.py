import pytest

from service.domain.endpoint import Endpoint, endpoint_of


@pytest.mark.parametrize(
    ("uri", "endpoint"),
    [
        ("https://hooks.example.net/kazoo", Endpoint("https", "hooks.example.net", 443)),
        ("http://hooks.example.net", Endpoint("http", "hooks.example.net", 80)),
        ("HTTPS://Hooks.Example.NET/Path", Endpoint("https", "hooks.example.net", 443)),
        ("https://hooks.example.net:8443/a?b=c#d", Endpoint("https", "hooks.example.net", 8443)),
        ("https://hooks.example.net:/", Endpoint("https", "hooks.example.net", 443)),
        ("https://hooks.example.net?x=a@b", Endpoint("https", "hooks.example.net", 443)),
        ("http://[2001:DB8::1]:8080/", Endpoint("http", "2001:db8::1", 8080)),
        ("http://192.0.2.1:65535/", Endpoint("http", "192.0.2.1", 65_535)),
        ("https://příklad.example/", Endpoint("https", "příklad.example", 443)),
        ("https://my_host.example/", Endpoint("https", "my_host.example", 443)),
        ("https://例え。テスト.example./", Endpoint("https", "例え。テスト.example.", 443)),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(uri: str, endpoint: Endpoint) -> None:
    assert endpoint_of(uri) == endpoint


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("", "the scheme must be http or https, not ''"),
        ("hooks.example.net/kazoo", "the scheme must be http or https, not ''"),
        ("ftp://hooks.example.net/", "the scheme must be http or https, not 'ftp'"),
        ("file:///etc/passwd", "the scheme must be http or https, not 'file'"),
        ("https://", "the URI has no host"),
        ("https:///path", "the URI has no host"),
        ("https://:443/", "the URI has no host"),
        ("https:hooks.example.net", "the URI has no host"),
        ("https://user:secret@hooks.example.net/", "the URI must not carry credentials"),
        ("https://hooks.example.net\\@evil.example/", "the URI must not carry credentials"),
        ("https://hooks.example.net:0/", "the port must be from 1 to 65535, not 0"),
        ("https://hooks.example.net:65536/", "the port must be from 1 to 65535, not 65536"),
        (
            "https://hooks.example.net:99999999999/",
            "the port must be from 1 to 65535, not 9999999999",
        ),
        (
            "https://hooks.example.net:-1/",
            "the URI must have the form scheme://host or scheme://host:port",
        ),
        (
            "https://hooks.example.net:http/",
            "the URI must have the form scheme://host or scheme://host:port",
        ),
        (
            "https://hooks.example.net:٣/",
            "the URI must have the form scheme://host or scheme://host:port",
        ),
        (
            "https://hooks.example.net:80:80/",
            "the URI must have the form scheme://host or scheme://host:port",
        ),
        ("https://[2001:db8::1/", "the URI must have the form scheme://host or scheme://host:port"),
        ("https://[[::1]]/", "the URI must have the form scheme://host or scheme://host:port"),
        ("https://[hooks.example.net]/", "the host in brackets must be an IPv6 address"),
        ("https://[127.0.0.1]/", "the host in brackets must be an IPv6 address"),
        ("https://[v1.fe80::a]/", "the host in brackets must be an IPv6 address"),
        ("https://[fe80::1%25eth0]/", "the host in brackets must be an IPv6 address"),
        ("https://[fe80::1%eth0]/", "the host in brackets must be an IPv6 address"),
        ("https://[]/", "the host in brackets must be an IPv6 address"),
        ("https://hooks%2eexample.net/", "the host contains a character that is not allowed"),
        ("https://hooks.ex\xadample.net/", "the host contains a character that is not allowed"),
        ("https://hooks.ex\u200bample.net/", "the host contains a character that is not allowed"),
        ("https://hooks.example.net;x/", "the host contains a character that is not allowed"),
        ("https://hooks.example.net/" + 2048 * "a", "the URI is longer than 2048 characters"),
        (" https://hooks.example.net/", "the URI has surrounding blanks or control characters"),
        ("https://hooks.example.net/\n", "the URI has surrounding blanks or control characters"),
        ("https://hooks.ex\rample.net/", "the URI has surrounding blanks or control characters"),
        ("https://hooks.example.net/\x00", "the URI has surrounding blanks or control characters"),
        ("https://hooks.example.net/\x7f", "the URI has surrounding blanks or control characters"),
    ],
)
def test_a_uri_that_cannot_be_requested_is_refused_with_a_text_for_people(
    uri: str, problem: str
) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 (the text is compared below)
        endpoint_of(uri)
    assert str(refusal.value).startswith(problem)


def test_a_blank_inside_the_host_is_refused() -> None:
    with pytest.raises(ValueError, match="blank"):
        endpoint_of("https://hooks.exa mple.net/")


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("https", "hooks.example.net", 443), "https://hooks.example.net:443"),
        (Endpoint("http", "2001:db8::1", 8080), "http://[2001:db8::1]:8080"),
    ],
)
def test_an_endpoint_reads_like_the_start_of_a_uri(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_uris_of_one_server_share_an_endpoint() -> None:
    assert endpoint_of("https://a.example/x") == endpoint_of("https://A.example:443/y?z")
