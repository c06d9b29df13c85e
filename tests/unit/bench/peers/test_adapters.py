import base64
import hashlib
import hmac
import json
from pathlib import Path

from service.bench.peers.programs import Programs, not_measured, peers
from service.bench.peers.svix import JWT_SECRET, token

HERE = Path("/nowhere")


def test_without_programs_switchhook_alone_is_measured_and_it_is_said_what_is_missing() -> None:
    assert [peer.name for peer in peers(HERE, Programs())] == ["Switchhook"]
    assert not_measured(Programs()) == [
        "svix not measured: give --svix, --postgres, --redis",
        "outpost not measured: give --outpost, --postgres, --redis",
    ]


def test_a_peer_is_measured_if_its_own_program_and_both_stores_are_given() -> None:
    programs = Programs(outpost=HERE / "outpost", postgres=HERE, redis=HERE / "redis-server")
    assert [peer.name for peer in peers(HERE, programs)] == ["Switchhook", "Outpost"]
    assert not_measured(programs) == ["svix not measured: give --svix"]


def test_all_processes_of_a_peer_count_and_the_sender_is_the_last_one() -> None:
    programs = Programs(HERE / "svix-server", HERE / "outpost", HERE, HERE / "redis-server")
    found = {peer.name: [server.name for server in peer.servers] for peer in peers(HERE, programs)}
    assert found == {
        "Switchhook": ["rabbitmq", "mongod", "switchhook"],
        "Svix": ["postgres", "redis", "svix"],
        "Outpost": ["postgres", "redis", "rabbitmq", "outpost"],
    }


def test_a_token_is_a_jwt_that_the_secret_signs() -> None:
    head, claims, signature = token(1000).split(".")
    expected = hmac.new(JWT_SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected
    assert json.loads(decoded(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decoded(claims))["exp"] == 1000 + 86_400


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
