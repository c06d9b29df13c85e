from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from service.domain.errors import Invalid, Unauthenticated
from service.management.token import new_token, token_id_in, verified

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_tokens_text_is_recoverable_from_nothing_that_is_kept() -> None:
    text, kept = new_token("a", NOW)
    secret = text.split("_", 2)[2]
    assert secret not in repr(kept)
    assert kept.digest not in repr(kept)
    assert kept.digest == sha256(secret.encode()).hexdigest()
    assert token_id_in(text) == kept.token_id


def test_no_two_tokens_have_the_same_secret_of_256_bits() -> None:
    secrets = {new_token("a", NOW)[0].split("_", 2)[2] for _ in range(100)}
    assert len(secrets) == 100
    assert {len(urlsafe_b64decode(f"{secret}=")) for secret in secrets} == {32}


def test_who_has_the_text_is_who_it_was_made_for() -> None:
    text, kept = new_token("a", NOW, descendants=True, read_only=True)
    principal = verified(text, kept, NOW)
    assert (principal.name, principal.account_id) == (f"token:{kept.token_id}", "a")
    assert (principal.descendants, principal.read_only) == (True, True)
    assert not principal.superuser


def test_a_superusers_token_is_bound_to_no_account_and_has_no_descendants() -> None:
    text, kept = new_token(None, NOW)
    assert kept.superuser
    assert verified(text, kept, NOW).superuser
    with pytest.raises(Invalid, match="descendants"):
        new_token(None, NOW, descendants=True)


def test_a_token_is_good_until_the_moment_it_expires() -> None:
    text, kept = new_token("a", NOW, lifetime=timedelta(hours=1))
    assert verified(text, kept, NOW + timedelta(minutes=59))
    with pytest.raises(Unauthenticated):
        verified(text, kept, NOW + timedelta(hours=1))


def test_what_is_wrong_with_a_token_is_never_told() -> None:
    text, kept = new_token("a", NOW)
    other, _ = new_token("a", NOW)
    wrong = f"swh_{kept.token_id}_{other.split('_', 2)[2]}"
    revoked = replace(kept, revoked_at=NOW)
    expired = replace(kept, expires_at=NOW)
    messages = set()
    for given, found in ((text, None), (wrong, kept), (text, revoked), (text, expired)):
        with pytest.raises(Unauthenticated) as error:
            verified(given, found, NOW)
        messages.add(str(error.value))
    assert len(messages) == 1


@pytest.mark.parametrize(
    "text", ["", "swh", "swh_", "swh__x", "swh_short_x", "swh_0123456789ab_", "eyJ.0_1_2", "_" * 9]
)
def test_what_is_no_token_of_ours_has_no_id(text: str) -> None:
    assert token_id_in(text) is None


def test_the_id_is_what_stands_between_the_first_two_underscores() -> None:
    assert token_id_in("swh_0123456789ab_a_b_c") == "0123456789ab"
