"""Diagnoses of MongoDB, one line each, with the remedy."""

import re

from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from service.domain.finding import Diagnosis

OLDEST_MONGODB = (4, 4)
"""Oldest version that the driver supports; it has change streams and `hello`."""

UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
NO_SPACE = frozenset({14_031, 12_501})
"""OutOfDiskSpace, and the code of the journal's own check."""
REFUSED = re.compile(r"not authorized on (\S+) to execute command \{ (\w+): (?:\"([^\"]*)\")?")
LONGEST_CAUSE = 160
TAIL = re.compile(r", Timeout:| \(configured|,? full error:")


def too_old(version: str) -> Diagnosis | None:
    """Return the diagnosis of a version that is too old, or None."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if not numbers or numbers >= OLDEST_MONGODB:
        return None
    return Diagnosis(f"MongoDB {version} is too old", _upgrade(), lasting=True)


def diagnosis_of(error: PyMongoError, database: str, address: str = "") -> Diagnosis:
    """Return the diagnosis of a driver's error, without the documents to be written.

    `address` is the address of the server, without the user.
    """
    code = _code(error)
    if code == AUTHENTICATION_FAILED:
        remedy = "check user, password and authSource in mongo.url"
        return Diagnosis("refuses the user or password of mongo.url", remedy, lasting=True)
    if code == UNAUTHORIZED and "requires authentication" in str(error):
        remedy = "put user, password and authSource into mongo.url"
        return Diagnosis("requires a user, and mongo.url has none", remedy, lasting=True)
    if code == UNAUTHORIZED:
        text = _refused(str(error))
        role = "dbAdmin" if "collMod" in text else "readWrite"
        return Diagnosis(text, grant(database, role), lasting=True)
    if code in NO_SPACE or "No space left" in str(error):
        remedy = "free space, or lower attempts.retention_days; MongoDB may need a restart"
        return Diagnosis("the disk of MongoDB is full", remedy, lasting=True)
    if isinstance(error, ConfigurationError) and "wire version" in str(error):
        return Diagnosis("MongoDB is too old for the driver", _upgrade(), lasting=True)
    return _other(error, address)


def _other(error: PyMongoError, address: str) -> Diagnosis:
    """Return the diagnosis of an error that may pass: server unreachable, or command failed."""
    # Text behind these words is the topology, documents and the timeouts of each member.
    cause = TAIL.split(str(error), maxsplit=1)[0][:LONGEST_CAUSE]
    if isinstance(error, OperationFailure):
        text = f"answers with an error: {cause}" if cause else f"answers with error {error.code}"
        return Diagnosis(text, "see the log of MongoDB", lasting=False)
    if address:
        cause = cause.removeprefix(f"{address}: ") or type(error).__name__
        text = f"cannot be reached at {address}: {cause}"
    else:
        text = f"cannot be reached: {type(error).__name__}: {cause}"
    return Diagnosis(text, "is MongoDB running, and mongo.url right?", lasting=False)


def grant(database: str, role: str = "readWrite") -> str:
    """Return the command that gives the user of `mongo.url` a role."""
    roles = f"[{{role: '{role}', db: '{database}'}}]"
    return f"in mongosh, in the user's own database: db.grantRolesToUser('USER', {roles})"


def _code(error: PyMongoError) -> int | None:
    if not isinstance(error, OperationFailure):
        return None
    writes = (error.details or {}).get("writeErrors") or [{}]
    inside: int | None = writes[0].get("code")
    return inside if inside is not None else error.code


def _refused(said: str) -> str:
    found = REFUSED.search(said)
    if found is None:
        return "refuses a command that the service needs: not authorized"
    database, command, collection = found.groups()
    return f"refuses command '{command}' on {database}.{collection}" if collection else (
        f"refuses command '{command}' on {database}"
    )  # fmt: skip


def _upgrade() -> str:
    return f"upgrade to {'.'.join(map(str, OLDEST_MONGODB))} or later"
