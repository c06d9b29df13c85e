from typing import Any

import pytest

from service.adapters.secret_box import MARK, SecretBox, secret_members
from service.documents.webhook import BadDocument, webhook_of
from service.text.keys import named_key, new_key
from tests.builders import ACCOUNT

OLD, NEW = named_key(new_key("k1")), named_key(new_key("k2"))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def document(**more: Any) -> dict[str, Any]:
    return {
        "_id": "1",
        "account_id": ACCOUNT,
        "hook": "all",
        "uri": "https://a.example/",
        "secret": SECRET,
        "previous_secret": SECRET,
        "previous_secrets": [{"secret": SECRET, "until": None}, {"secret": "hush-3"}],
        "headers": {"X-Api-Key": "hush-1"},
        "auth": {"type": "basic", "username": "me", "password": "hush-2"},
    } | more


def test_what_is_sealed_shows_nothing_and_opens_to_what_it_was() -> None:
    sealed = SecretBox([OLD]).sealed(document(), document())
    assert not any(text in str(sealed) for text in ("hush-1", "hush-2", "hush-3", SECRET))
    assert sealed["auth"]["username"] == "me"
    assert sealed["secret"].startswith(f"{MARK}k1:")
    assert SecretBox([OLD]).opened(sealed) == document()


def test_the_same_secret_never_looks_the_same() -> None:
    secret_box = SecretBox([OLD])
    assert (
        secret_box.sealed(document(), document())["secret"]
        != secret_box.sealed(document(), document())["secret"]
    )


def test_without_a_key_secrets_stay_as_they_are() -> None:
    assert SecretBox().sealed(document(), document()) == document()
    assert SecretBox().opened(document()) == document()
    assert not SecretBox().seals


def test_the_first_key_seals_and_all_of_them_open() -> None:
    sealed = SecretBox([OLD]).sealed(document(), document())
    both = SecretBox([NEW, OLD])
    assert both.opened(sealed) == document()
    assert not both.is_current(sealed)
    anew = both.sealed(both.opened(sealed), sealed)
    assert both.is_current(anew)
    assert SecretBox([NEW]).opened(anew) == document()


@pytest.mark.parametrize("change", [{"_id": "2"}, {"account_id": "another"}])
def test_a_secret_is_worth_nothing_in_another_document(change: dict[str, str]) -> None:
    secret_box = SecretBox([OLD])
    stolen = secret_box.sealed(document(), document()) | change
    unreadable = ["auth", "headers", "previous_secret", "previous_secrets", "secret"]
    assert secret_box.opened(stolen)["unreadable"] == unreadable


def test_a_secret_is_worth_nothing_in_another_member() -> None:
    secret_box = SecretBox([OLD])
    sealed = secret_box.sealed(document(), document())
    swapped = sealed | {"secret": sealed["auth"]["password"]}
    assert secret_box.opened(swapped)["unreadable"] == ["secret"]


@pytest.mark.parametrize(
    "text", ["sealed:k1:", "sealed:k1:AAAA", "sealed:k1:?", "sealed:", "sealed:k9:AAAA"]
)
def test_what_cannot_be_opened_is_named_and_its_webhook_is_not_used(text: str) -> None:
    opened = SecretBox([OLD]).opened(document(secret=text))
    assert opened["unreadable"] == ["secret"]
    with pytest.raises(BadDocument, match="secret cannot be decrypted"):
        webhook_of(opened)


def test_members_that_an_edit_removes_are_no_secret() -> None:
    members = {"secret": None, "auth": None, "name": "new"}
    assert SecretBox([OLD]).sealed(members, document()) == members


def test_each_webhook_has_a_key_pair_of_its_own() -> None:
    secret_box = SecretBox([], signing_key=b"k" * 32)
    first = secret_box.opened(document(public_key_signature=True))["signing_seed"]
    second = secret_box.opened(document(_id="2", public_key_signature=True))["signing_seed"]
    assert len(first) == 32
    assert first != second
    assert "signing_seed" not in secret_box.opened(document())


def test_the_webhooks_of_an_account_that_hash_have_one_key() -> None:
    secret_box = SecretBox([], signing_key=b"k" * 32)
    hashing = document(mask=["to", {"member": "from", "hash": True}])
    keys = [
        secret_box.opened(hashing | changes)["mask_key"]
        for changes in ({}, {"_id": "2"}, {"account_id": "other"})
    ]
    assert keys[0] == keys[1] != keys[2]
    assert "mask_key" not in secret_box.opened(document(mask=["to"]))
    assert "mask_key" not in SecretBox([]).opened(hashing)


@pytest.mark.parametrize(
    "text", ["", "k1", "k1:", "k1:AAAA", "k 1:" + "A" * 43 + "=", "k1:not base64", ":" + "A" * 44]
)
def test_a_key_that_is_none_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="a key must be") as error:
        named_key(text)
    assert "AAAA" not in str(error.value)


def test_the_secret_of_a_dialect_is_sealed_as_well() -> None:
    stored = document(source="toy", toy_secret="hush-5", previous_secrets=None)
    secret_box = SecretBox([OLD])
    sealed = secret_box.sealed(stored, stored)
    assert "hush-5" not in str(sealed)
    assert secret_box.is_current(sealed)
    assert not secret_box.is_current(sealed | {"toy_secret": "hush-5"})
    assert webhook_of(secret_box.opened(sealed)).dialect_secret == b"hush-5"
    assert "toy_secret" in secret_members(sealed)
