"""Checks of the MongoDB server: its version, privileges, replica set, clock and disk.

`switchhook check` and the start of the service run them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from service.adapters.mongo.diagnosis import grant, too_old
from service.adapters.mongo.store import Database, Document
from service.domain.finding import Finding, fine, trouble, warning

READ = frozenset({"find"})
WRITE = frozenset({"find", "insert", "update", "remove", "createIndex"})
NEEDED = {
    "numbers": READ,
    "accounts": READ | {"createIndex"},
    "webhooks": frozenset({"find", "insert", "update", "remove", "createIndex"}),
    "tokens": frozenset({"find", "insert", "update", "createIndex"}),
    **dict.fromkeys(
        (
            "attempts",
            "conversations",
            "dead_letters",
            "held_deliveries",
            "replays",
            "scoped_webhooks",
            "suspects",
            "told_steps",
            "webhook_health",
        ),
        WRITE,
    ),
}
"""Privileges needed on each collection. A change of `attempts.retention_days` needs collMod too,
which the role readWrite lacks: the service reports the refusal when it happens."""
ON_ALL = frozenset({"createCollection", "dropCollection"})
"""Privileges needed on the database as a whole: each bucket of attempts has a new name."""
ON_ALL_REPLICATED = frozenset({"changeStream"})
"""The same in a replica set only."""

FAR_OFF_S = 5.0
"""Receivers refuse signatures that are minutes old; synchronised clocks differ by less than 1 s."""
LITTLE_SPACE = 0.05


async def examine_server(
    database: Database, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Return the findings; the first states the version. Raises PyMongoError."""
    version = str((await database.client.server_info())["version"])
    old = too_old(version)
    if old is not None:
        return [old.found("store")]
    asked_at = clock()
    hello: Document = await database.command("hello")
    ahead_s = _ahead_s(hello, asked_at, clock())
    findings = [fine("store", f"MongoDB {version}"), _replica_set(hello)]
    off = clock_off(ahead_s)
    refused = await _refused(database, replicated="setName" in hello)
    space = None if refused else await _space(database)
    return [*findings, *(finding for finding in (off, refused, space) if finding)]


def _replica_set(hello: Document) -> Finding:
    if "setName" in hello:
        return fine("store", f"replica set {hello['setName']}: changes are seen at once")
    text = "no replica set: changes to webhooks are seen by polling, deletions later"
    return warning("store", text, "rs.initiate() makes a replica set of one member")


def _ahead_s(hello: Document, asked_at: float, answered_at: float) -> float:
    """Return the least offset of our clock from the store's, in seconds; positive if ahead.

    MongoDB read its clock at some time between `asked_at` and `answered_at`.
    """
    theirs: datetime = hello["localTime"].replace(tzinfo=UTC)
    early, late = asked_at - theirs.timestamp(), answered_at - theirs.timestamp()
    if early <= 0 <= late:
        return 0.0
    return min(early, late, key=abs)


def clock_off(ahead_s: float) -> Finding | None:
    """Return a warning if our clock and the store's differ by more than FAR_OFF_S."""
    if abs(ahead_s) <= FAR_OFF_S:
        return None
    way = "ahead of" if ahead_s > 0 else "behind"
    text = f"this machine's is {abs(ahead_s):.0f} s {way} MongoDB's; receivers check our timestamps"
    return warning("clock", text, "keep both machines' clocks in step by NTP; see timedatectl")


async def _refused(database: Database, *, replicated: bool) -> Finding | None:
    status: Document = await database.client.admin.command(
        {"connectionStatus": 1, "showPrivileges": True}
    )
    auth = status["authInfo"]
    if not auth["authenticatedUsers"]:
        # Without authentication everything is permitted, or was refused before this.
        return None
    lacking = missing(auth["authenticatedUserPrivileges"], database.name, replicated=replicated)
    if not lacking:
        return None
    user = auth["authenticatedUsers"][0]["user"]
    text = f"user '{user}' may not {', '.join(lacking)}"
    return trouble("store", text, grant(database.name).replace("USER", user))


def missing(privileges: Sequence[Document], database: str, *, replicated: bool) -> list[str]:
    """Return the needed privileges that are missing, as `action on collection`."""
    wanted = [
        (collection, action) for collection in NEEDED for action in sorted(NEEDED[collection])
    ]
    whole = ON_ALL | ON_ALL_REPLICATED if replicated else ON_ALL
    wanted += [("", action) for action in sorted(whole)]
    lacking: dict[str, list[str]] = {}
    for collection, action in wanted:
        if action not in _granted(privileges, database, collection):
            lacking.setdefault(action, []).append(collection or "the database")
    return [f"{action} on {_listed(places)}" for action, places in lacking.items()]


def _granted(privileges: Sequence[Document], database: str, collection: str) -> set[str]:
    return {
        action
        for privilege in privileges
        for action in privilege["actions"]
        if _covers(privilege["resource"], database, collection)
    }


def _covers(resource: Document, database: str, collection: str) -> bool:
    if resource.get("anyResource"):
        return True
    within = resource.get("db") in ("", database)
    return within and resource.get("collection") in ("", collection)


def _listed(places: Iterable[str]) -> str:
    names = list(places)
    return "every collection" if len(names) == len(NEEDED) else ", ".join(names)


async def _space(database: Database) -> Finding | None:
    stats: Document = await database.command("dbStats")
    used, total = stats.get("fsUsedSize"), stats.get("fsTotalSize")
    return little_space(used, total) if used and total else None


def little_space(used: float, total: float) -> Finding | None:
    """Return a warning if MongoDB's disk is nearly full; `used` and `total` are bytes."""
    left = 1 - used / total
    if left > LITTLE_SPACE:
        return None
    text = f"MongoDB's disk has {max(0.0, left):.0%} left ({(total - used) / 2**30:.1f} GiB)"
    return warning("store", text, "free space, or lower attempts.retention_days")
