from typing import Any

import pytest
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteError,
)

from service.adapters.mongo import diagnosis as mongo_diagnosis
from service.adapters.mongo.server import NEEDED, ON_ALL, clock_off, little_space, missing
from service.adapters.rabbitmq import diagnosis as rabbitmq_diagnosis

GIB = 2.0**30


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        ("3.8.35", True), ("3.9.29", True), ("3.10.0", False), ("3.10.8", False),
        ("3.13.7", False), ("4.0.5", False), ("4.1.0-rc.1", False), ("unknown", False),
        ("3.9.0+1.g5b1", True), ("3.10", False),
    ],
)  # fmt: skip
def test_a_broker_that_forwards_dead_letters_only_at_most_once_is_too_old(
    version: str, refused: bool
) -> None:
    diagnosis = rabbitmq_diagnosis.too_old(version)
    assert (diagnosis is not None) is refused
    if diagnosis is not None:
        assert diagnosis.text == f"RabbitMQ {version} is too old"
        assert (diagnosis.remedy, diagnosis.lasting) == ("upgrade to 3.10 or later", True)


@pytest.mark.parametrize(
    ("version", "refused"),
    [("3.6.23", True), ("4.2.24", True), ("4.4.0", False), ("6.0.5", False), ("10.0.1", False)],
)
def test_a_store_that_the_driver_does_not_speak_to_is_too_old(version: str, refused: bool) -> None:
    assert (mongo_diagnosis.too_old(version) is not None) is refused


NOT_AUTHORIZED = (
    'not authorized on calls to execute command { insert: "attempts", documents: [ { uri: "hush" '
)


@pytest.mark.parametrize(
    ("error", "text", "lasting"),
    [
        (
            OperationFailure("Authentication failed.", 18),
            "refuses the user or password of mongo.url",
            True,
        ),
        (OperationFailure(NOT_AUTHORIZED, 13), "refuses command 'insert' on calls.attempts", True),
        (
            OperationFailure("not authorized on calls to execute command { aggregate: 1, pip", 13),
            "refuses command 'aggregate' on calls",
            True,
        ),
        (
            OperationFailure("command find requires authentication", 13),
            "requires a user, and mongo.url has none",
            True,
        ),
        (WriteError("no space", 14_031), "the disk of MongoDB is full", True),
        (
            BulkWriteError({"writeErrors": [{"code": 14_031, "errmsg": "x", "index": 0}]}),
            "the disk of MongoDB is full",
            True,
        ),
        (
            # What a mongod 6.0 on a full disk said, before it ended.
            WriteError("WiredTigerRecordStore::insertRecord 28: No space left on device", 8),
            "the disk of MongoDB is full",
            True,
        ),
        (
            ConfigurationError("Server at a:1 reports wire version 8, but this version of PyMongo"),
            "MongoDB is too old for the driver",
            True,
        ),
        (
            ServerSelectionTimeoutError("a:1: connection refused (configured timeouts: a: 1ms), T"),
            "cannot be reached: ServerSelectionTimeoutError: a:1: connection refused",
            False,
        ),
    ],
)
def test_what_the_driver_says_becomes_one_line_that_quotes_no_document(
    error: PyMongoError, text: str, lasting: bool
) -> None:
    diagnosis = mongo_diagnosis.diagnosis_of(error, "calls")
    assert (diagnosis.text, diagnosis.lasting) == (text, lasting)
    assert diagnosis.remedy
    assert "hush" not in str(diagnosis)


def privilege(database: str, collection: str, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": database, "collection": collection}, "actions": list(actions)}


EVERYTHING = sorted(set().union(ON_ALL, *NEEDED.values()) | {"changeStream"})


def test_what_the_store_permits_is_compared_with_what_is_done_to_each_collection() -> None:
    assert missing([privilege("calls", "", *EVERYTHING)], "calls", replicated=True) == []
    assert missing([privilege("", "", *EVERYTHING)], "calls", replicated=True) == []
    anything = {"resource": {"anyResource": True}, "actions": EVERYTHING}
    assert missing([anything], "calls", replicated=True) == []
    elsewhere = missing([privilege("other", "", *EVERYTHING)], "calls", replicated=False)
    assert "find on every collection" in elsewhere
    single = [privilege("calls", name, *needed) for name, needed in NEEDED.items()]
    assert missing(single, "calls", replicated=False) == [
        "createCollection on the database", "dropCollection on the database",
    ]  # fmt: skip
    single.append(privilege("calls", "", *ON_ALL))
    assert missing(single, "calls", replicated=False) == []
    assert missing(single, "calls", replicated=True) == ["changeStream on the database"]


def test_clocks_may_differ_by_seconds_and_no_more() -> None:
    assert clock_off(4.9) is None
    assert clock_off(-4.9) is None
    ahead, behind = clock_off(61.2), clock_off(-3600.0)
    assert ahead is not None
    assert behind is not None
    assert ahead.text.startswith("this machine's is 61 s ahead of MongoDB's")
    assert behind.text.startswith("this machine's is 3600 s behind MongoDB's")
    assert not ahead.fatal


def test_a_disk_that_is_nearly_full_is_told_before_it_is() -> None:
    assert little_space(90 * GIB, 100 * GIB) is None
    finding = little_space(97 * GIB, 100 * GIB)
    assert finding is not None
    assert finding.text == "MongoDB's disk has 3% left (3.0 GiB)"
