"""Sessions of the console: they have their token's rights, and end with it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.errors import Unauthenticated
from service.domain.principal import Principal
from service.management.audit import OPERATOR, Audit
from service.management.authentication import Authentication, ForeignTokens
from service.management.sessions import Sessions
from service.management.token import Token, TokenKind, new_token, token_id_in, verified
from tests.unit.management.audit_parts import Entries

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY, MINUTES = timedelta(hours=12), timedelta(minutes=10)


@dataclass
class Tokens:
    """Keeps tokens in memory, as the store does."""

    kept: dict[str, Token] = field(default_factory=dict)

    async def add(self, token: Token) -> None:
        self.kept[token.token_id] = token

    async def find(self, token_id: str) -> Token | None:
        return self.kept.get(token_id)

    async def all(self, account_id: str | None) -> list[Token]:
        return [token for token in self.kept.values() if token.account_id == account_id]

    async def revoke(self, token_id: str, at: datetime) -> bool:
        self.kept[token_id] = replace(self.kept[token_id], revoked_at=at)
        return True


@dataclass
class Setting:
    tokens: Tokens = field(default_factory=Tokens)
    entries: Entries = field(default_factory=Entries)
    now: datetime = START
    foreign: tuple[ForeignTokens, ...] = ()

    @property
    def sessions(self) -> Sessions:
        authentication = Authentication(self.tokens, self.foreign, now=lambda: self.now)
        audit = Audit(self.entries)
        return Sessions(self.tokens, authentication, audit, DAY, MINUTES, lambda: self.now)

    async def token(self, *, all_rights: bool = True) -> str:
        text, kept = new_token(
            "a",
            self.now,
            lifetime=timedelta(days=90),
            descendants=not all_rights,
            read_only=not all_rights,
        )
        await self.tokens.add(kept)
        return text


async def ended(setting: Setting, session: str) -> bool:
    try:
        await setting.sessions.resume(session)
    except Unauthenticated:
        return True
    return False


async def test_a_session_has_the_rights_and_the_name_of_its_token() -> None:
    setting = Setting()
    token = await setting.token(all_rights=False)
    session = await setting.sessions.resume(await setting.sessions.sign_in(token))
    name = f"token:{token_id_in(token)}"
    assert session.principal == Principal(name, "a", descendants=True, read_only=True)
    assert not session.portal


@dataclass
class Switch:
    """A switch with one token."""

    issuer = "Crossbar"

    async def principal(self, text: str) -> Principal | None:
        if text != "eyJ-of-kazoo":
            return None
        return Principal("crossbar:a/user-1", "a", descendants=True)


async def test_a_token_of_the_switch_opens_a_session_with_its_rights_for_an_hour() -> None:
    setting = Setting(foreign=(Switch(),))
    session = await setting.sessions.sign_in("eyJ-of-kazoo")
    found = (await setting.sessions.resume(session)).principal
    assert found == Principal("crossbar:a/user-1", "a", descendants=True)
    assert setting.entries.told()[0][:3] == ("signed_in", "crossbar:a/user-1", "a")
    assert "eyJ-of-kazoo" not in repr(setting.tokens.kept)
    setting.now += timedelta(minutes=59)
    assert not await ended(setting, session)
    setting.now += timedelta(minutes=1)
    assert await ended(setting, session)
    with pytest.raises(Unauthenticated):
        await setting.sessions.sign_in("eyJ-unknown")


async def test_a_session_ends_when_its_token_is_revoked() -> None:
    setting = Setting()
    token = await setting.token()
    session = await setting.sessions.sign_in(token)
    await setting.tokens.revoke(str(token_id_in(token)), setting.now)
    assert await ended(setting, session)


async def test_a_session_ends_after_its_time_or_that_of_its_token() -> None:
    setting = Setting()
    session = await setting.sessions.sign_in(await setting.token())
    setting.now += DAY - timedelta(seconds=1)
    assert not await ended(setting, session)
    setting.now += timedelta(seconds=1)
    assert await ended(setting, session)


async def test_a_session_ends_when_the_person_signs_out() -> None:
    setting = Setting()
    token = await setting.token()
    session, other = [await setting.sessions.sign_in(token) for _ in range(2)]
    await setting.sessions.end(session)
    await setting.sessions.end("nonsense")
    assert await ended(setting, session)
    assert not await ended(setting, other)


async def test_a_session_is_no_token_of_the_api_and_a_token_no_session() -> None:
    setting = Setting()
    token = await setting.token()
    session = await setting.sessions.sign_in(token)
    kept = setting.tokens.kept[str(token_id_in(session))]
    with pytest.raises(Unauthenticated):
        verified(session, kept, setting.now)
    with pytest.raises(Unauthenticated):
        await setting.sessions.sign_in(session)
    assert await ended(setting, token)
    assert await ended(setting, f"{session}x")


async def test_a_link_opens_one_account_with_no_more_rights_than_it_says() -> None:
    setting = Setting()
    operator = Principal("token:0a1b2c3d4e5f")
    await setting.tokens.add(replace(new_token(None, START)[1], token_id="0a1b2c3d4e5f"))
    link = await setting.sessions.link(operator, "a", read_only=True)
    session, account_id = await setting.sessions.follow(link.text)
    resumed = await setting.sessions.resume(session)
    principal = Principal(f"portal:{token_id_in(link.text)}", "a", read_only=True)
    assert (account_id, resumed.principal, resumed.portal) == ("a", principal, True)
    assert not resumed.principal.reaches_below
    for text in (link.text, session):
        with pytest.raises(Unauthenticated):
            await setting.sessions.sign_in(text)


async def test_a_link_opens_sessions_for_minutes_and_they_last_longer() -> None:
    setting = Setting()
    link = await setting.sessions.link(OPERATOR, "a", read_only=False)
    session, _ = await setting.sessions.follow(link.text)
    setting.now += MINUTES
    with pytest.raises(Unauthenticated):
        await setting.sessions.follow(link.text)
    assert not await ended(setting, session)
    kept = setting.tokens.kept[str(token_id_in(link.text))]
    assert kept.kind is TokenKind.PORTAL_LINK
    assert kept.purge_at is not None
    assert kept.purge_at >= START + MINUTES + DAY


@pytest.mark.parametrize("which", ["link", "maker"])
async def test_a_link_and_its_sessions_end_when_it_or_its_maker_is_revoked(which: str) -> None:
    setting = Setting()
    maker = str(token_id_in(await setting.token()))
    link = await setting.sessions.link(Principal(f"token:{maker}", "a"), "a", read_only=False)
    session, _ = await setting.sessions.follow(link.text)
    revoked = {"link": str(token_id_in(link.text)), "maker": maker}[which]
    await setting.tokens.revoke(revoked, setting.now)
    assert await ended(setting, session)
    with pytest.raises(Unauthenticated):
        await setting.sessions.follow(link.text)
